"""vhost-user: let another process work on the queues of a virtio device, or be that process."""
