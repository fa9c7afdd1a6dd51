"""Requests to drives: describe a command of a disk controller. Know no controller."""

from typing import NamedTuple, Protocol


class Request(NamedTuple):
    """A command of a disk controller, as it begins."""

    drive: str
    """hda, hdb, or a to d."""
    command: int
    name: str
    direction: str
    """read, write, or none."""
    lba: int | None = None
    chs: tuple[int, int, int] | None = None
    """Cylinder, head, sector."""
    sectors: int | None = None
    """How many are asked for; None: the command does not say."""


class Watcher(Protocol):
    """Is called by a controller. It must not touch the controller."""

    def begin(self, request: Request, /) -> None:
        """A command begins. One that has not ended is abandoned."""

    def move(self, sectors: int, /) -> None:
        """It has moved sectors."""

    def end(self, result: str, /) -> None:
        """It ends: "ok", or what went wrong."""

    def reset(self) -> None:
        """The controller is reset. That ends a command, if there is one."""
