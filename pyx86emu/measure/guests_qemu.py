"""Real guests side by side with QEMU: time boots and work in turns. Know no emulator's inside.

A boot is timed from the start of the process to the prompt. Work is timed from Enter to the text
that ends it; the keys before it are not. Both screens are looked at as cheaply as they can be.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from ..exits import ExitReason
from ..pc.disks.image import Disk
from ..pc.machine import Machine
from . import qemu
from .children import environment
from .figures import Row
from .guests_list import Guest, found

#: Host seconds within which a text has to come.
PATIENCE = 120.0
#: Guest seconds that a program needs to wait for a key after its prompt.
REACTION = 0.1

_BOOT = """
import sys
from pyx86emu import Machine
name, model, kib, prompt, wall = sys.argv[1:]
with Machine(name, model=model, memory=int(kib) << 10) as m:
    print(m.run(prompt, wall=float(wall)).reason.name, flush=True)
"""

_COMPARED = "QEMU's time / ours"
_ALONE = f"seconds; {qemu.PROGRAM} is not installed: our times alone"
HEAD = f"\nreal guests: {_COMPARED if qemu.program() else _ALONE}"


def rows(repeats: int, scale: float) -> Iterator[Row]:
    """The boot and the work of each guest whose image is there, and of one of ours. `scale` has no
    effect: a guest does all its work. OSError: an image or QEMU does not work; TimeoutError: a text
    does not come."""
    with TemporaryDirectory() as cache:
        env = environment(compiled=cache)
        first = "import pyx86emu; pyx86emu.Machine().close()"
        subprocess.run([sys.executable, "-c", first], env=env, check=True)
        for guest, image in found():
            if guest.prompt:
                yield _row(guest, image, repeats, "boot", env)
            if guest.end:
                yield _row(guest, image, repeats, "work", env)


def _row(guest: Guest, image: bytes, repeats: int, what: str, env: dict[str, str]) -> Row:
    ours, theirs = [], []
    for _ in range(repeats):
        with TemporaryDirectory() as directory:
            here = Path(directory)
            if what == "boot":
                ours.append(our_boot(guest, image, here, env))
            else:
                ours.append(our_work(guest, image))
            if qemu.program():
                theirs.append((qemu_boot if what == "boot" else qemu_work)(guest, image, here))
    name = f"{guest.name} {what}"
    if not theirs:
        return Row.of(name, ours, "s", "no QEMU: our time alone")
    limit = guest.boot_limit if what == "boot" else guest.work_limit
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    words = f"QEMU {median(theirs):.3f} s, ours {median(ours):.3f} s"
    return Row.of(name, ratios, "x", words, limit=limit, least=True)


# -- ours -----------------------------------------------------------------------------------------


def our_boot(guest: Guest, image: bytes, directory: Path, env: dict[str, str]) -> float:
    """Seconds from the start of a process to the prompt."""
    disk = directory / "ours.img"
    disk.write_bytes(image)
    words = [str(disk), guest.model, str(guest.kib), guest.prompt, str(PATIENCE)]
    start = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _BOOT, *words],
        stdout=subprocess.PIPE,
        env=env,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        seconds = perf_counter() - start
    if said.strip() != b"MATCH":
        raise TimeoutError(f"{guest.name} does not show {guest.prompt!r}: {said.decode()}")
    return seconds


def our_work(guest: Guest, image: bytes) -> float:
    """Seconds from Enter to the end of the work."""
    with Machine(Disk(image), model=guest.model, memory=guest.kib << 10) as m:
        if guest.keys:
            _see(m, guest, guest.prompt)
            m.run(timeout=REACTION)
            m.keyboard.type(guest.keys)
            _see(m, guest, re.escape(guest.keys))
            m.keyboard.type("{ret}")
        else:
            m.boot()
        start = perf_counter()
        _see(m, guest, guest.end)
        return perf_counter() - start


def _see(m: Machine, guest: Guest, pattern: str) -> None:
    exit = m.run(pattern, wall=PATIENCE)
    if exit.reason is not ExitReason.MATCH:
        raise TimeoutError(f"{guest.name} does not show {pattern!r}: {exit!r}\n{m.screen.text}")


# -- QEMU -----------------------------------------------------------------------------------------


def qemu_boot(guest: Guest, image: bytes, directory: Path) -> float:
    """Seconds from the start of QEMU to the prompt."""
    with qemu.Qemu(image, directory) as machine:
        return machine.wait(guest.prompt, PATIENCE) - machine.started


def qemu_work(guest: Guest, image: bytes, directory: Path) -> float:
    """Seconds from Enter to the end of the work."""
    with qemu.Qemu(image, directory) as machine:
        if guest.keys:
            machine.wait(guest.prompt, PATIENCE)
            machine.press(guest.keys)
            machine.wait(re.escape(guest.keys), PATIENCE)
            start = perf_counter()
            machine.press("\n")
        else:
            start = machine.wait(qemu.BOOTS, PATIENCE)
        return machine.wait(guest.end, PATIENCE) - start
