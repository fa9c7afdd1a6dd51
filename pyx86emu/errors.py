"""Exceptions: say that the host misuses the API. Guest errors come back as an `Exit` instead."""


class Pyx86Error(Exception):
    """Base of the package's own errors. Operating-system errors stay OSError."""


class BusError(Pyx86Error, ValueError):
    """A device range that cannot be attached, or an access that no device answers."""


class DiskError(Pyx86Error, ValueError):
    """An image that cannot be a disk, a sector outside the disk, or a disk that is closed."""


class DiskWarning(UserWarning):
    """Something of a directory is not on its disk, or was not written back to it."""


class MachineError(Pyx86Error, ValueError):
    """A machine that cannot be built or used as asked."""


class StateError(Pyx86Error, ValueError):
    """Bytes that are no state, or a state of another Vm or machine than it is restored into."""


class NotYet(BaseException):
    """A read of a device has no answer yet, and the run has to end (`VmBackend.wait_ends`). It is
    no error: `run()` returns, and the next one executes the instruction again."""
