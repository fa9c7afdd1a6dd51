"""IrqFd: name one eventfd that raises a line. The back end watches it and raises the line."""

from typing import NoReturn, Protocol

#: The kernel's ids of the eventfds that are irqfds of KVM, each with the serial number of its
#: irqfd. The core has a list of its own. Each back end adds to its list, then looks at the other
#: one, because an eventfd raises one line in a process.
ON_KVM: dict[int, int] = {}


class Owner(Protocol):
    """What a back end does for its irqfds."""

    def _irqfd_remove(self, entry: "IrqFd", /) -> None: ...


class IrqFd:
    """An eventfd that raises a line of a Vm. Made by `Vm.irqfd`. Any thread may call `deassign`.

    `gsi` is the line. `fd` and `resample` are the numbers of the descriptors that were passed
    (`resample` may be None). The Vm has duplicates of both, so you may close yours: the number may
    belong to another file by then. `serial` is never used twice in a Vm.
    """

    __slots__ = ("_owner", "fd", "gsi", "resample", "serial")
    _owner: Owner
    gsi: int
    fd: int
    serial: int
    resample: int | None

    def __init__(
        self, owner: Owner, gsi: int, fd: int, serial: int, resample: int | None = None
    ) -> None:
        if hasattr(self, "_owner"):
            raise RuntimeError("an IrqFd is initialised once: Vm.irqfd() makes another one")
        given = zip(IrqFd.__slots__, (owner, fd, gsi, resample, serial), strict=True)
        for name, value in given:
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"the {name} of an IrqFd cannot be changed: make another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"the {name} of an IrqFd cannot be deleted")

    def deassign(self) -> None:
        """The eventfd no longer raises the line. A second call does nothing, as with KVM."""
        self._owner._irqfd_remove(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "IrqFd objects cannot be copied or pickled: each stands for one entry of a Vm"
        )

    def __repr__(self) -> str:
        return f"<IrqFd fd {self.fd} -> line {self.gsi}>"
