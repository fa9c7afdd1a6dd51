"""Host misuse, as exceptions. What a guest does wrong is an Exit, never one of these."""


class Pyx86Error(Exception):
    """Base of the package's own errors; operating-system errors stay OSError."""


class BusError(Pyx86Error, ValueError):
    """A device range that cannot be attached, or an access that no device answers."""


class DiskError(Pyx86Error, ValueError):
    """An image that cannot be a disk."""


class MachineError(Pyx86Error, ValueError):
    """A machine that cannot be put together as asked."""
