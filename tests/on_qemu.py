"""QEMU: run a boot sector there until it says that its picture is there, and take the picture."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

PROGRAM = "qemu-system-i386"
#: What a guest of tests/guests writes to port E9h when its picture is there.
READY = b"R"


class Shown(NamedTuple):
    """What QEMU shows."""

    pixels: Any
    """(height, width, 3), uint8."""
    memory: bytes
    """The memory that was asked for."""


def not_sanitized() -> None:
    """Skip the test on a build with sanitizers."""
    if os.environ.get("PYX86EMU_BUILD") == "sanitize":
        pytest.skip("QEMU is not built with sanitizers, and inherits their libraries")


def need() -> str:
    """The program. Skip the test, or with CI=true fail it, where there is none."""
    not_sanitized()
    found = shutil.which(PROGRAM)
    if found is None:
        why = f"{PROGRAM} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def show(guest: Path, directory: Path, *, memory: tuple[int, int] = (0, 1)) -> Shown:
    """Boot `guest`, wait until it is ready, take its picture and `memory` (address, length)."""
    wire = directory / "qmp"
    command = [need(), "-cpu", "486", "-display", "none", "-no-reboot", "-debugcon", "stdio"]
    command += ["-qmp", f"unix:{wire},server=on,wait=off"]
    command += ["-drive", f"file={guest},format=raw,if=floppy,readonly=on"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            return _take(process, wire, directory, memory)
        finally:
            process.kill()


def _take(
    process: subprocess.Popen[bytes], wire: Path, directory: Path, memory: tuple[int, int]
) -> Shown:
    assert process.stdout is not None
    said = b""
    while READY not in said:
        more = os.read(process.stdout.fileno(), 256)
        assert more, f"QEMU ended: {said!r}"
        said += more
        assert b"\n" not in said, f"the guest failed: {said!r}"
    with socket.socket(socket.AF_UNIX) as to_qemu:
        to_qemu.connect(str(wire))
        with to_qemu.makefile("rw") as monitor:
            monitor.readline()  # the greeting

            def ask(execute: str, **arguments: Any) -> None:
                line = (
                    {"execute": execute, "arguments": arguments}
                    if arguments
                    else {"execute": execute}
                )
                monitor.write(json.dumps(line) + "\n")
                monitor.flush()
                while "return" not in (answer := json.loads(monitor.readline())):
                    assert "error" not in answer, answer

            picture, dump = directory / "screen.ppm", directory / "memory"
            ask("qmp_capabilities")
            ask("screendump", filename=str(picture))
            ask("pmemsave", val=memory[0], size=memory[1], filename=str(dump))
    return Shown(ppm(picture.read_bytes()), dump.read_bytes())


def ppm(data: bytes) -> Any:
    """A PPM file as an array (height, width, 3)."""
    kind, width, height, most, _ = data.split(maxsplit=4)
    assert (kind, most) == (b"P6", b"255")
    return np.frombuffer(data[-3 * int(width) * int(height) :], np.uint8).reshape(
        int(height), int(width), 3
    )
