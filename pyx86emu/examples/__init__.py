"""Examples to read and run: `python -m pyx86emu.examples.kvm_hello`, doorbell_asyncio, device."""
