"""The functions of INT 21h, by group. Importing this enters them into the table."""

from . import characters, directories, files, memory, programs, system

__all__ = ["characters", "directories", "files", "memory", "programs", "system"]
