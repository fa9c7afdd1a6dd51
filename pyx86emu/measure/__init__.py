"""The measurements behind `pyx86emu bench`: kernels, I/O paths, start-up. They print nothing."""
