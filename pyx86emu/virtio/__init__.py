"""virtio: devices whose queues are in guest memory."""
