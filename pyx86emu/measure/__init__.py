"""The measurements of `pyx86emu bench`: time kernels, I/O paths and start-up. Print nothing."""
