"""The web server: a wrong token gets nothing, one viewer types, all see."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.errors import MachineError
from pyx86emu.pc.web import server
from pyx86emu.pc.web.display import WebDisplay
from tests.cli.drive import ECHO, show

pytestmark = pytest.mark.release  # Python only: the builds of the core have it in common

SECONDS = 30


def sector(code: str) -> bytes:
    """A boot sector."""
    return bytes.fromhex(code).ljust(512, b"\0")


@pytest.fixture
def display() -> Iterator[WebDisplay]:
    """A guest that shows "hello" and then every key."""
    with Machine(sector(show("hello") + ECHO), clock="host") as m, m.serve() as display:
        yield display


def get(display: WebDisplay, path: str, **headers: str) -> http.client.HTTPResponse:
    """GET from the server; `Host` by default is right."""
    with closing(http.client.HTTPConnection("127.0.0.1", display.port, timeout=SECONDS)) as c:
        c.request("GET", path, headers=headers)
        answer = c.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer


def query(url: str) -> str:
    return "?" + urlsplit(url).query


class Client:
    """A page: what it has been sent."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.pictures = 0
        self.errors: list[str] = []
        self.state: dict[str, Any] = {}

    async def until(self, seen: Callable[[Client], object]) -> None:
        """Receive until this holds."""
        async with asyncio.timeout(SECONDS):
            while not seen(self):
                message = await self.ws.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    self.pictures += 1
                elif message.type is aiohttp.WSMsgType.TEXT:
                    data = json.loads(message.data)
                    self.errors += data.get("errors", [])
                    self.state = self.state if "errors" in data else data
                else:
                    raise AssertionError(f"the connection ended: {message}")

    async def send(self, **message: object) -> None:
        await self.ws.send_str(json.dumps(message))


def with_pages(*urls: str) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Open pages one after the other, and run the function with them."""

    def run(body: Callable[..., Awaitable[None]]) -> None:
        async def main() -> None:
            async with aiohttp.ClientSession() as session:
                clients = []
                for url in urls:
                    at = urlsplit(url)
                    ws = await session.ws_connect(
                        f"http://{at.netloc}/ws?{at.query}", origin=f"http://{at.netloc}"
                    )
                    clients.append(Client(ws))
                    await clients[-1].until(lambda c: c.state and c.pictures)
                await body(*clients)

        asyncio.run(main())

    return run


# -- who gets what ---------------------------------------------------------------------------------

PATHS = ("/", "/ws", "/screen.png", "/screen.txt", "/disk/a", "/page.js", "/../page.py", "/nothing")


@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=%ff", "?other=1"])
@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_token_gets_nothing(display: WebDisplay, path: str, token: str) -> None:
    answer = get(display, path + token, Origin=f"http://127.0.0.1:{display.port}")

    assert answer.status == 403
    assert answer.body == b""  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PATHS[:4])
def test_a_host_of_another_name_gets_nothing(display: WebDisplay, path: str) -> None:
    answer = get(display, path + query(display.url), Host=f"evil.example:{display.port}")

    assert answer.status == 403
    assert answer.body == b""  # type: ignore[attr-defined]


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://localhost:1"])
def test_a_socket_from_another_page_is_refused(display: WebDisplay, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}

    answer = get(display, "/ws" + query(display.url), Upgrade="websocket", **headers)

    assert answer.status == 403


def test_the_page_comes_with_its_policy(display: WebDisplay) -> None:
    answer = get(display, "/" + query(display.view_url))
    page = answer.body.decode()  # type: ignore[attr-defined]

    assert answer.status == 200
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
    assert page.count(f'nonce="{nonce}"') == 2
    assert "http://" not in page
    assert "https://" not in page
    assert "NONCE" not in page


def test_screens_can_be_fetched(display: WebDisplay) -> None:
    @with_pages(display.view_url)
    async def _(page: Client) -> None:
        png = get(display, "/screen.png" + query(display.view_url))
        assert png.body.startswith(b"\x89PNG")  # type: ignore[attr-defined]
        text = get(display, "/screen.txt" + query(display.view_url))
        assert text.headers["Content-Type"].startswith("text/plain")


# -- viewers ---------------------------------------------------------------------------------------


def test_a_key_is_typed_and_its_picture_comes(display: WebDisplay) -> None:
    m = display._machine

    @with_pages(display.url)
    async def _(page: Client) -> None:
        await page.send(key="KeyZ", down=True)
        await page.send(key="KeyZ", down=False)
        await page.until(lambda page: "helloz" in m.screen.text)


def test_one_viewer_is_at_the_keyboard_until_another_takes_it(display: WebDisplay) -> None:
    @with_pages(display.url, display.url)
    async def _(first: Client, second: Client) -> None:
        assert first.state["keyboard"]
        assert not second.state["keyboard"]
        await second.send(key="KeyA", down=True)
        await second.until(lambda page: page.errors)
        assert second.errors == ["another viewer is at the keyboard"]

        await second.send(do="keyboard")

        await second.until(lambda page: page.state["keyboard"])
        await first.until(lambda page: not page.state["keyboard"])


def test_the_keyboard_passes_on_when_its_viewer_goes(display: WebDisplay) -> None:
    @with_pages(display.url, display.url)
    async def _(first: Client, second: Client) -> None:
        await first.ws.close()

        await second.until(lambda page: page.state["keyboard"])


def test_the_address_for_viewing_changes_nothing(display: WebDisplay) -> None:
    @with_pages(display.view_url)
    async def _(page: Client) -> None:
        for message in ({"key": "KeyA", "down": True}, {"do": "reset"}, {"do": "keyboard"}):
            page.errors.clear()
            await page.send(**message)
            await page.until(lambda page: page.errors)
            assert page.errors == ["this address is for viewing only"]
        assert not page.state["may_type"]


def test_pause_and_reset(display: WebDisplay) -> None:
    @with_pages(display.url)
    async def _(page: Client) -> None:
        await page.send(do="pause")
        await page.until(lambda page: page.state["paused"])
        await page.send(do="reset")
        await page.send(do="resume")
        await page.until(lambda page: not page.state["paused"])


def test_a_message_that_is_too_long_ends_its_connection_only(display: WebDisplay) -> None:
    @with_pages(display.url, display.url)
    async def _(first: Client, second: Client) -> None:
        await first.ws.send_str("x" * 100_000)
        async with asyncio.timeout(SECONDS):
            while (await first.ws.receive()).type not in (
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
            ):
                pass
        await second.until(lambda page: page.state["keyboard"])


def test_a_message_that_is_none_has_an_answer(display: WebDisplay) -> None:
    @with_pages(display.url)
    async def _(page: Client) -> None:
        await page.ws.send_str("{")
        await page.until(lambda page: page.errors)
        assert page.errors == ["the message is no JSON"]


def test_only_so_many_viewers_are_let_in(
    display: WebDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_VIEWERS", 1)

    @with_pages(display.url)
    async def _(page: Client) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with aiohttp.ClientSession() as session:
                at = urlsplit(display.url)
                url, origin = f"http://{at.netloc}/ws?{at.query}", f"http://{at.netloc}"
                await session.ws_connect(url, origin=origin)
        assert refused.value.status == 503


#: Channel 2 of the 8254 at 1193182 / 1193 Hz, and the speaker on.
TONE = "b0b6 e643 b0a9 e642 b004 e642 e461 0c03 e661"


def test_the_tone_of_the_speaker_is_told() -> None:
    with Machine(sector(TONE + ECHO), clock="host") as m, m.serve() as display:

        @with_pages(display.view_url)
        async def _(page: Client) -> None:
            await page.until(lambda page: page.state["tone"])
            assert page.state["tone"] == round(1193182 / 0x4A9, 1)


# -- disks -----------------------------------------------------------------------------------------


def post(display: WebDisplay, path: str, data: bytes, token: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", display.port, timeout=SECONDS)) as c:
        origin = f"http://127.0.0.1:{display.port}"
        c.request("POST", f"{path}?token={token}", body=data, headers={"Origin": origin})
        answer = c.getresponse()
        return answer.status, answer.read().decode()


def test_an_image_can_be_uploaded(display: WebDisplay) -> None:
    token = display._server.access.type_token

    assert post(display, "/disk/a", bytes(737_280), token) == (200, "ok")

    assert display._guest.inserted == {"a": "uploaded"}


def test_an_upload_that_is_no_image_is_refused_with_the_reason(display: WebDisplay) -> None:
    token = display._server.access.type_token

    assert post(display, "/disk/a", b"", token)[0] == 400
    assert "empty" in post(display, "/disk/a", b"", token)[1]
    assert "no floppy drive 'z'" in post(display, "/disk/z", bytes(512), token)[1]
    assert post(display, "/disk/a", bytes(server.LARGEST_UPLOAD + 1), token)[0] == 413
    assert not display._guest.inserted


def test_a_viewer_cannot_upload(display: WebDisplay) -> None:
    assert post(display, "/disk/a", bytes(512), display._server.access.view_token) == (403, "")


# -- its life --------------------------------------------------------------------------------------


def test_the_end_of_the_guest_is_its_result_and_is_shown() -> None:
    with Machine(sector("faf4"), clock="host") as m, m.serve() as display:
        assert display.wait(SECONDS).reason is ExitReason.HLT

        @with_pages(display.url)
        async def _(page: Client) -> None:
            assert page.state["ended"] == "HLT"
            await page.send(do="reset")
            await page.until(lambda page: page.errors)
            assert page.errors[0].startswith("the guest has ended (HLT)")


def test_asyncio_waits_for_the_end() -> None:
    async def main() -> ExitReason:
        with Machine(sector("faf4")) as m:
            async with m.serve() as display:
                return (await display.finished()).reason

    assert asyncio.run(main()) is ExitReason.HLT


def test_closing_ends_a_guest_that_runs_or_is_paused_and_keeps_the_machine() -> None:
    with Machine(sector(ECHO), clock="host") as m:
        for paused in (False, True):
            display = m.serve()
            display._guest.ask(lambda d=display, p=paused: d._guest.pause(p)).result(SECONDS)
            display.close()
            display.close()
            assert display.wait(0).reason is ExitReason.INTR
        assert m.run(timeout=0.01).reason is ExitReason.DEADLINE


def test_a_run_that_raises_has_ended_and_the_next_one_has_not() -> None:
    def fail() -> None:
        raise KeyError("a device")

    with Machine(sector(ECHO), clock="host") as m, WebDisplay(m) as display:
        guest = display._guest
        m.boot()
        m.vm.clock.call_after(1, fail, "test")
        with pytest.raises(KeyError):
            display.run(m.limits())

        assert guest.ended == "KeyError"
        with pytest.raises(MachineError, match=r"has ended \(KeyError\)"):
            guest.ask(guest.release)

        later = Thread(target=display.run, args=(m.limits(timeout=SECONDS),))
        m.vm.clock.call_after(1, lambda: typed.append(guest.ask(guest.release)), "test")
        typed: list[Any] = []
        m.vm.clock.call_after(1000, m.stop, "test")
        later.start()
        later.join(SECONDS)
        assert guest.ended == "INTR"
        assert typed[0].done()


def test_a_request_that_was_cancelled_is_not_done_and_ends_nothing() -> None:
    with Machine(sector(ECHO), clock="host") as m, WebDisplay(m) as display:
        done: list[str] = []
        m.boot()
        display._guest.ask(lambda: done.append("cancelled")).cancel()
        display._guest.ask(lambda: done.append("kept"))
        display._guest.ask(m.stop)

        assert display.run(m.limits(timeout=SECONDS)).reason is ExitReason.INTR
        assert done == ["kept"]


def test_viewers_that_read_nothing_do_not_keep_the_server_open() -> None:
    def dead_viewer(display: WebDisplay) -> socket.socket:
        at = urlsplit(display.url)
        s = socket.create_connection(("127.0.0.1", display.port), SECONDS)
        s.sendall(
            f"GET /ws?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\nOrigin: http://{at.netloc}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert s.recv(12) == b"HTTP/1.1 101"
        return s

    with Machine(sector(ECHO), clock="host") as m:
        display = m.serve()
        viewers = [dead_viewer(display) for _ in range(4)]
        closer = Thread(target=display.close, daemon=True)
        closer.start()
        closer.join(SECONDS)
        assert not closer.is_alive()
        for each in viewers:
            each.close()


def test_watching_changes_nothing_that_the_guest_sees() -> None:
    def instructions(watched: bool) -> int | None:
        with Machine(sector(show("hello") + "b90000 e2fe faf4")) as m:
            if not watched:
                m.run(timeout=60)
                return m.vcpu.instructions
            with m.serve() as display:
                display.wait(SECONDS)
                return m.vcpu.instructions

    assert instructions(True) == instructions(False)


def test_without_aiohttp_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pyx86emu.pc.web.server")
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    with Machine() as m, pytest.raises(ModuleNotFoundError, match=r"pyx86emu\[web\]"):
        m.serve()


def test_a_port_in_use_is_an_error_of_the_system() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        Machine() as m,
        pytest.raises(OSError, match="in use"),
    ):
        m.serve(port=other.getsockname()[1])


def test_a_guest_is_run_once_at_a_time(display: WebDisplay) -> None:
    with pytest.raises(MachineError, match="runs already"):
        display.start()


def test_the_result_is_a_link_in_a_notebook(display: WebDisplay) -> None:
    assert display.url in display._repr_html_()
    assert display.url in repr(display)
    assert not display.public
