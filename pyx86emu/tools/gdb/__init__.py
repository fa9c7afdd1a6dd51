"""gdb: serve a debugger over gdb's remote protocol, right in real mode without a script.

`Machine.gdbserver()` and the options -s, -S and -gdb use it; docs/DEBUGGING.md is the guide.
"""

from .server import GdbServer

__all__ = ["GdbServer"]
