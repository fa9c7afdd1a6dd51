"""Examples to read and run: `python -m pyx86emu.examples.kvm_hello`, device, doorbell_asyncio.

The consumers of a doorbell are doorbell_asyncio, doorbell_thread, doorbell_selectors,
doorbell_process, and doorbell_irqfd, which is the guest itself. memory_process reads the guest's
memory, too.
"""
