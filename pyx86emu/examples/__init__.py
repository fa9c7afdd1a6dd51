"""Examples to read and run: `python -m pyx86emu.examples.kvm_hello`, device, doorbell_asyncio.

The consumers of a doorbell are doorbell_asyncio, doorbell_thread, doorbell_selectors,
doorbell_process, and doorbell_irqfd, which is the guest itself. memory_process reads the guest's
memory, too. Virtio: virtio_device is a device with its driver, vhost_boot boots from a disk of
another process, queues_asyncio serves four queues in asyncio, test_my_backend is for pytest.
"""
