"""Disks: give images as sectors. What the guest writes does not change the file by default."""
