"""The web page: show a machine in a browser, take keys, mouse and disks from it."""
