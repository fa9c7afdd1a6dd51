"""The PC: parts of a board, the machine that puts them together, disks and screen."""
