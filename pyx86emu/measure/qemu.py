"""QEMU: run an image under TCG, look at its text screen, press keys. Judge nothing."""

import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from time import monotonic, perf_counter, sleep
from typing import Any

from ..pc.screen.text import decode_characters

PROGRAM = "qemu-system-i386"
TEXT, COLUMNS, ROWS = 0xB8000, 80, 25
#: Seconds between two looks at the screen.
LOOK = 0.002
#: A floppy drive wants at least this. Guests of one sector read no more of it.
LEAST = 368640
KEYS = {" ": "spc", "\n": "ret", "-": "minus", ".": "dot", "/": "slash", "\\": "backslash"}
#: What SeaBIOS shows before it starts a boot sector.
BOOTS = "Booting from"


def program(name: str = PROGRAM) -> str | None:
    """The path of a program of QEMU; None: it is not installed, or it would inherit a library that
    is preloaded here, a sanitizer for example."""
    return None if os.environ.get("LD_PRELOAD") else shutil.which(name)


class Qemu:
    """A PC in QEMU that boots a copy of an image from drive A. It is a context manager.

    OSError: it does not start, or it ends. TimeoutError: a text does not come."""

    def __init__(self, image: bytes, directory: Path) -> None:
        self._directory = directory
        disk, wire = directory / "disk.img", directory / "qmp"
        disk.write_bytes(image.ljust(LEAST, b"\0"))
        command = [program() or PROGRAM, "-accel", "tcg", "-cpu", "486", "-m", "16", "-nic", "none"]
        command += ["-display", "none", "-no-reboot", "-boot", "a"]
        command += ["-drive", f"file={disk},format=raw,if=floppy,cache=unsafe"]
        command += ["-qmp", f"unix:{wire},server=on,wait=off"]
        self.started = perf_counter()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            self._connect(wire)
        except BaseException:
            self.close()
            raise

    def _connect(self, wire: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        until = monotonic() + 10
        while True:
            try:
                self._socket.connect(str(wire))
                break
            except OSError:
                if self._process.poll() is not None or monotonic() > until:
                    self._process.kill()
                    said = self._process.communicate()[1].decode("utf-8", "replace").strip()
                    raise OSError(f"{PROGRAM} does not start: {said}") from None
                sleep(0.001)
        self._wire = self._socket.makefile("rw", encoding="utf-8")
        self._wire.readline()  # the greeting
        self._ask("qmp_capabilities")

    def _ask(self, execute: str, **arguments: Any) -> None:
        line: dict[str, Any] = {"execute": execute}
        if arguments:
            line["arguments"] = arguments
        self._wire.write(json.dumps(line) + "\n")
        self._wire.flush()
        while said := self._wire.readline():
            answer = json.loads(said)
            if "error" in answer:
                raise OSError(f"{PROGRAM} refuses {execute}: {answer['error'].get('desc')}")
            if "return" in answer:
                return
        raise OSError(f"{PROGRAM} has ended")

    def text(self) -> str:
        """The text of an 80x25 screen at address B8000h: QMP's pmemsave, which stops the guest for
        some microseconds."""
        dump = self._directory / "screen"
        self._ask("pmemsave", val=TEXT, size=2 * COLUMNS * ROWS, filename=str(dump))
        characters = dump.read_bytes()[::2]
        rows = (characters[at : at + COLUMNS] for at in range(0, COLUMNS * ROWS, COLUMNS))
        return "\n".join(map(decode_characters, rows))

    def wait(self, pattern: str, seconds: float) -> float:
        """Wait until the text is on the screen. Returns when it was, as perf_counter() says it."""
        wanted = re.compile(pattern, re.M | re.S)
        until = monotonic() + seconds
        while True:
            text = self.text()
            now = perf_counter()
            if wanted.search(text.rstrip()):
                return now
            if monotonic() > until:
                raise TimeoutError(
                    f"{pattern!r} is not on QEMU's screen after {seconds} s:\n{text}"
                )
            sleep(LOOK)

    def press(self, text: str) -> None:
        """Press and release the keys of this text: lower-case letters, digits, and KEYS."""
        for char in text:
            for down in (True, False):
                key = {"type": "qcode", "data": KEYS.get(char, char)}
                self._ask(
                    "input-send-event",
                    events=[{"type": "key", "data": {"down": down, "key": key}}],
                )
            if char != text[-1]:
                sleep(0.01)  # the guest takes it

    def close(self) -> None:
        """End QEMU."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._socket.close()

    def __enter__(self) -> "Qemu":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
