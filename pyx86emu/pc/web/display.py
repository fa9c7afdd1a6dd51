"""The display on a web page: start the server, run the guest, end both."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from html import escape
from threading import Thread
from typing import TYPE_CHECKING

from ..._core import whole
from ...errors import MachineError
from .access import is_loopback
from .guest import Guest

if TYPE_CHECKING:
    from ... import _core
    from ..limits import Limits
    from ..machine import Machine

MISSING = "the web page needs aiohttp: pip install 'pyx86emu[web]'"


class WebDisplay:
    """A machine on a web page. Made by `Machine.serve()`, or by hand to run the guest yourself.

    `url` is for one who may type, `view_url` for one who may only look: the token in the address
    gives the right, so treat it as a password. The page shows the screen, takes keys, mouse and
    disks, and makes the speaker's tone. The server listens from the start, at `host`, by default
    for this computer only, at a free port if `port` is 0. `disks` are floppy images that viewers
    may insert, by their file names; an upload is the only other way.

    Any thread may call any method, `run()` once at a time.
    ModuleNotFoundError: aiohttp is missing (the extra `web`). OSError: the address cannot be used,
    or a file of `disks` is missing. MachineError: two of `disks` have one name.
    """

    def __init__(
        self,
        machine: "Machine",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        disks: Sequence["str | os.PathLike[str]"] = (),
    ) -> None:
        if not isinstance(host, str) or not host:
            raise TypeError(f"host={host!r}: give a name or an address, such as '127.0.0.1'")
        try:
            from .server import Server
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(MISSING, name=error.name) from error
        self._guest = Guest(machine, disks)
        self._server = Server(self._guest, host, whole(port, "port", 0, 65535))
        self._server.start()
        self._machine = machine
        self._thread: Thread | None = None
        self._result: Future[_core.Exit] = Future()

    @property
    def url(self) -> str:
        """The address for one who may type."""
        return self._server.url(self._server.access.type_token)

    @property
    def view_url(self) -> str:
        """The address for one who may only look."""
        return self._server.url(self._server.access.view_token)

    @property
    def port(self) -> int:
        """The port at which the server listens."""
        return self._server.port

    @property
    def public(self) -> bool:
        """True if other computers can reach the page."""
        return not is_loopback(self._server.host)

    def run(self, limits: "Limits") -> "_core.Exit":
        """Run the guest on this thread, as `Limits.run` does, until it ends or a limit is met."""
        return self._guest.run(limits)

    # -- in the background -------------------------------------------------------------------------

    def start(self, limits: Callable[[], "Limits"] | None = None) -> "WebDisplay":
        """Run the guest on a thread of its own, without limits by default. Returns the display."""
        if self._thread is not None:
            raise MachineError("the guest of this page runs already")
        make = self._machine.limits if limits is None else limits
        self._thread = Thread(target=self._background, args=(make,), name="pyx86emu guest")
        self._thread.daemon = True
        self._thread.start()
        return self

    def _background(self, make: Callable[[], "Limits"]) -> None:
        try:
            self._result.set_result(self.run(make()))
        except BaseException as error:
            self._result.set_exception(error)

    def wait(self, timeout: float | None = None) -> "_core.Exit":
        """Wait until the guest has ended; the result is its last exit. TimeoutError: it runs on."""
        return self._result.result(timeout)

    async def finished(self) -> "_core.Exit":
        """The same for asyncio."""
        return await asyncio.shield(asyncio.wrap_future(self._result))

    def close(self) -> None:
        """Stop the guest if it runs in the background, then the server. The machine stays open."""
        if self._thread is not None:
            while self._thread.is_alive():
                self._guest.paused = False
                self._machine.stop()
                self._thread.join(0.5)
        self._server.close()
        self._guest.close()

    def __enter__(self) -> "WebDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> "WebDisplay":
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        return f"<WebDisplay {self.url}>"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}" target="_blank" rel="noreferrer">pyx86emu</a>'
