"""`-display web`: the address is said, the page answers, and Ctrl-C ends it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.cli.drive import ECHO, HALT, Image, command, pyx86emu, show

pytestmark = pytest.mark.release  # Python only: the builds of the core have it in common


@contextmanager
def page(*args: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command with its page: the process and the address of the page."""
    process = subprocess.Popen(
        command(*args, "-display", "web"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.fullmatch(
            r"pyx86emu: the screen is at (http://127\.0\.0\.1:\d+/\?token=\S+)\n", line
        )
        assert address, line
        yield process, address[1]
    finally:
        process.kill()
        process.communicate()


def get(url: str) -> tuple[int, bytes]:
    at = urlsplit(url)
    with closing(http.client.HTTPConnection(at.netloc, timeout=30)) as connection:
        connection.request("GET", f"{at.path}?{at.query}")
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_page_is_where_it_is_said_to_be(image: Image) -> None:
    with page(image(show("hello") + ECHO)) as (_, url):
        assert get(url)[0] == 200
        assert get(url[:-1]) == (403, b"")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_page_with_130(image: Image) -> None:
    with page(image(ECHO)) as (process, _):
        os.kill(process.pid, signal.SIGINT)

        _, said = process.communicate(timeout=60)

        assert process.returncode == 130, said
        assert "Traceback" not in said


def test_the_end_of_the_guest_is_the_end_of_the_command(image: Image) -> None:
    result = pyx86emu(image(HALT), "-display", "web")

    assert result.returncode == 0, result.stderr


def test_two_floppies_of_one_name_are_refused(image: Image) -> None:
    one = image(HALT)
    other = one.parent / "other" / one.name
    other.parent.mkdir()
    other.write_bytes(one.read_bytes())

    result = pyx86emu(one, "-display", "web", "--floppy", one, "--floppy", other)

    assert (result.returncode, result.stderr) == (
        2,
        "pyx86emu: --floppy: two disks are named boot.img: rename one, viewers choose by name\n",
    )


def test_an_address_that_is_not_ours_is_refused(image: Image) -> None:
    result = pyx86emu(image(HALT), "-display", "web=192.0.2.1:0")

    assert result.returncode == 2
    assert result.stderr.startswith("pyx86emu: -display web=192.0.2.1:0: ")
    assert result.stderr.count("\n") == 1
