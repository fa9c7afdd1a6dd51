"""The functions of INT 21h, by group. Importing this enters them into the table."""

from . import characters, directories, fcb, files, memory, programs, system

__all__ = ["characters", "directories", "fcb", "files", "memory", "programs", "system"]
