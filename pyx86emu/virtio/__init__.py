"""Virtio: devices whose kicks are ioeventfds and whose interrupts are irqfds. Loads nothing."""
