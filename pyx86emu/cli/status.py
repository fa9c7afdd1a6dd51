"""Exit statuses and errors: end a command. Odd statuses are the guest's (isa-debug-exit)."""

OK = 0
USAGE = 2
SHUTDOWN = 4
UNSUPPORTED = 6
NOT_MET = 8
STOPPED = 10
BUG = 70
HOST = 74
TIMEOUT = 124
INTERRUPTED = 130


class UsageError(Exception):
    """What the user typed cannot be done. The message is one sentence that says what can."""


class ValueRefused(Exception):
    """The value of an option cannot be used; the message says why. The parser adds the option."""


class HostError(Exception):
    """The host failed to write, read or give memory. The message is one sentence; if it is empty,
    nothing is printed."""


def reason(error: OSError) -> str:
    """The operating system's reason, without Python's "[Errno ...]"."""
    return error.strerror or str(error)
