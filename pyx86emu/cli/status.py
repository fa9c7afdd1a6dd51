"""Exit statuses and refusals. Odd statuses are the guest's (isa-debug-exit), even ones ours."""

OK = 0
USAGE = 2
SHUTDOWN = 4
UNSUPPORTED = 6
NOT_MET = 8
BUG = 70
HOST = 74
TIMEOUT = 124
INTERRUPTED = 130


class UsageError(Exception):
    """What the user typed cannot be done; the message is one sentence that says what can."""


class HostError(Exception):
    """What the host did not do: write, read, give memory. One sentence; empty: say nothing."""


def reason(error: OSError) -> str:
    """Why the operating system refused, without Python's "[Errno ...]"."""
    return error.strerror or str(error)
