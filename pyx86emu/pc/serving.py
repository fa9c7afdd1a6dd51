"""Serving a machine to others: a web page, a film, gdb. Knows no display itself."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from .parts import Parts

if TYPE_CHECKING:
    from ..tools.gdb import GdbServer
    from .screen.film import Film
    from .web.display import WebDisplay

Path = str | PathLike[str]


class Serving(Parts):
    """The methods of a Machine that serve it to others."""

    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, disks: Sequence[Path] = ()
    ) -> "WebDisplay":
        """Show the machine on a web page and run it on a thread of its own, until the result is
        closed. Needs the extra `web`; arguments and errors as for `WebDisplay`."""
        from .web.display import WebDisplay

        return WebDisplay(self._whole, host, port, disks=disks).start()

    def film(self, path: Path, *, fps: float = 10.0) -> "Film":
        """Make a film of the screen in guest time, a .gif or an animated .png: `with
        m.film("a.gif"): m.run(timeout=5)`. Needs the extra `pictures`; errors as for `Film`."""
        from .screen.film import Film

        return Film(self.screen, self.vm.clock, path, fps)

    def gdbserver(
        self,
        address: str = "127.0.0.1:1234",
        *,
        stopped: bool = False,
        killed: Callable[[], object] | None = None,
    ) -> "GdbServer":
        """Let gdb control the guest: `gdb -ex 'target remote 127.0.0.1:1234'`, while `run()` runs
        it. `with m.gdbserver(stopped=True): m.run()` waits for gdb before the first instruction.
        docs/DEBUGGING.md is the guide; arguments and errors as for `GdbServer`."""
        from ..tools.gdb import GdbServer

        return GdbServer(self._whole, address, stopped=stopped, killed=killed)
