"""Disks: images as sectors that a guest may change without changing the file."""
