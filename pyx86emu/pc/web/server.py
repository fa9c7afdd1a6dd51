"""The web server: give the page, the pictures and the state to viewers, take their messages.

It has a thread and an asyncio loop of its own. Everything that changes the machine is done by the
guest's thread (`Guest.ask`).
"""

import asyncio
import json
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from importlib.resources import files
from typing import Any

from aiohttp import web

from ...errors import Pyx86Error
from . import messages
from .access import Access, Right
from .guest import FRAME, Guest
from .picture import Frame, changes

#: Every so many frames the picture is drawn in any case: the cursor and blinking text change it.
BLINK_FRAMES = 8
MOST_VIEWERS = 16
#: The largest image that can be uploaded: more than a 2.88M floppy.
LARGEST_UPLOAD = 4 << 20
HEARTBEAT = 20.0
#: How long the viewers have to answer when the server closes.
FAREWELL = 1.0

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Viewer:
    """One open page."""

    def __init__(self, ws: web.WebSocketResponse, right: Right) -> None:
        self.ws = ws
        self.right = right
        self.errors: list[str] = []


class Server:
    """An HTTP server for one guest. It listens from the start; `start()` begins to answer.

    OSError: the address cannot be used.
    """

    def __init__(self, guest: Guest, host: str, port: int) -> None:
        self.guest = guest
        self.host = host
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.access = Access(host, self.port)
        self.viewers: set[Viewer] = set()
        self._typist: Viewer | None = None
        self._frame: Frame | None = None
        self._state: dict[str, Any] = {}
        self._edition = 0  # changes with each announcement
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._main, name="pyx86emu web", daemon=True)

    def url(self, token: str) -> str:
        """The address for a browser on this computer."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={token}"

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        self._ready.result()

    def close(self) -> None:
        """Close all connections. A second call does nothing."""
        if self._thread.is_alive():
            self._ready.result().call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._socket.close()

    # -- the server's thread -----------------------------------------------------------------------

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._news = asyncio.Condition()
        app = web.Application(
            middlewares=[web.middleware(partial(self._check))], client_max_size=LARGEST_UPLOAD
        )
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._viewer)
        app.router.add_get("/screen.png", self._picture)
        app.router.add_get("/screen.txt", self._text)
        app.router.add_post("/disk/{drive}", self._upload)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            self._ready.set_result(asyncio.get_running_loop())
            watch = asyncio.create_task(self._watch())
            await self._stop.wait()
            watch.cancel()
            farewells = [asyncio.create_task(each.ws.close(code=1001)) for each in self.viewers]
            if farewells:  # a viewer that reads nothing must not keep the server open
                await asyncio.wait(farewells, timeout=FAREWELL)
        finally:
            await runner.cleanup()

    async def _watch(self) -> None:
        """Look at the guest once a frame while anybody watches; announce what has changed."""
        look, age = object(), 0
        while True:
            await asyncio.sleep(FRAME)
            if not self.viewers:
                continue
            now, age = self.guest.look, age + 1
            frame = self._frame
            if frame is None or now != look or age >= BLINK_FRAMES:
                look, age, frame = now, 0, self.guest.frame
            state = self._general_state()
            if frame is not self._frame or state != self._state:
                self._frame, self._state = frame, state
                await self._tell()

    def _general_state(self) -> dict[str, Any]:
        guest = self.guest
        return {
            "mode": guest.mode,
            "paused": guest.paused,
            "ended": guest.ended,
            "tone": guest.tone,
            "viewers": len(self.viewers),
            "disks": sorted(guest.disks),
            "drives": dict(guest.inserted),
        }

    # -- requests ----------------------------------------------------------------------------------

    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse requests that may not have an answer: nothing is in what they get."""
        access, host = self.access, request.headers.get("Host")
        right = access.right(request.query.get("token"))
        needed = Right.TYPE if request.method == "POST" else Right.VIEW
        allowed = access.knows_host(host) and right >= needed
        if request.method != "GET" or request.path == "/ws":
            origin = request.headers.get("Origin")
            allowed = allowed and access.knows_origin(origin, host)
        if not allowed:
            return web.Response(status=403, headers=HEADERS)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, headers=HEADERS)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _page(self, request: web.Request) -> web.StreamResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            f"connect-src 'self' ws://{request.headers['Host']}; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        text = _asset("page.html").replace("NONCE", nonce)
        for name in ("page.css", "page.js"):
            text = text.replace(f"/* {name} */", _asset(name))
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _picture(self, request: web.Request) -> web.StreamResponse:
        png = self.guest.machine.screen.png()
        headers = {"Content-Disposition": 'attachment; filename="screen.png"'}
        return web.Response(body=png, content_type="image/png", headers=headers)

    async def _text(self, request: web.Request) -> web.StreamResponse:
        text = self.guest.machine.screen.text
        if text is None:
            return web.Response(status=404)
        return web.Response(text=text + "\n", content_type="text/plain")

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        name = request.query.get("name", "")[:64] or "uploaded"
        try:
            done = self.guest.ask(
                partial(self.guest.upload, request.match_info["drive"], data, name)
            )
            await asyncio.wrap_future(done)
        except (Pyx86Error, OSError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(text="ok")

    # -- viewers -----------------------------------------------------------------------------------

    async def _viewer(self, request: web.Request) -> web.StreamResponse:
        if len(self.viewers) >= MOST_VIEWERS:
            return web.Response(status=503)
        # Without compression: changes are small, and the guest needs the processor more.
        ws = web.WebSocketResponse(
            max_msg_size=messages.LONGEST, heartbeat=HEARTBEAT, compress=False
        )
        await ws.prepare(request)
        viewer = Viewer(ws, self.access.right(request.query.get("token")))
        self.viewers.add(viewer)
        if self._typist is None and viewer.right is Right.TYPE:
            self._typist = viewer
        feed = asyncio.create_task(self._feed(viewer))
        try:
            async for message in ws:
                if message.type is not web.WSMsgType.TEXT:
                    await ws.close(code=1003)
                    break
                await self._take(viewer, message.data)
        finally:
            feed.cancel()
            self.viewers.discard(viewer)
            if self._typist is viewer:
                self._pass_keyboard(None)
        return ws

    def _pass_keyboard(self, to: Viewer | None) -> None:
        """Give the keyboard to a viewer; None: to any that may type."""
        self._typist = to or next((v for v in self.viewers if v.right is Right.TYPE), None)
        with suppress(Pyx86Error):  # the guest has ended: nobody needs its keys any more
            self.guest.ask(self.guest.release)

    async def _take(self, viewer: Viewer, text: str) -> None:
        """Do what a message says; an error is for its sender."""
        guest = self.guest
        try:
            if viewer.right is not Right.TYPE:
                raise messages.MessageError("this address is for viewing only")
            message = messages.parse(text)
            if message.get("do") == "keyboard":
                self._pass_keyboard(viewer)
                await self._tell()
                return
            if messages.needs_keyboard(message) and viewer is not self._typist:
                raise messages.MessageError("another viewer is at the keyboard")
            done = guest.ask(messages.call(guest, message))
            if not messages.needs_keyboard(message):
                await asyncio.wrap_future(done)
        except (ValueError, Pyx86Error, OSError) as error:
            viewer.errors = [*viewer.errors, str(error)][-10:]
            await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._edition += 1
            self._news.notify_all()

    async def _feed(self, viewer: Viewer) -> None:
        """Send what has changed since this viewer was sent something last, until it goes. A slow
        viewer misses pictures, never the newest."""
        with suppress(ConnectionError):
            await self._send_news(viewer)

    async def _send_news(self, viewer: Viewer) -> None:
        seen: Frame | None = None
        said = ""
        while True:
            edition = self._edition
            if viewer.errors:
                errors, viewer.errors = viewer.errors, []
                await viewer.ws.send_str(json.dumps({"errors": errors}))
            own = {
                "may_type": viewer.right is Right.TYPE,
                "keyboard": viewer is self._typist,
            }
            state = json.dumps(self._state | own)
            if self._state and state != said:
                said = state
                await viewer.ws.send_str(state)
            frame = self._frame
            if frame is not None and frame is not seen:
                message = changes(seen, frame)
                seen = frame
                if message is not None:
                    await viewer.ws.send_bytes(message)
            async with self._news:
                while self._edition == edition:
                    await self._news.wait()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. OSError: the address is not this computer's, or in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=16)


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
