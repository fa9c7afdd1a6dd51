"""Our own guests: self-checking boot sectors, each built from the source beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine
from tests import on_kvm
from tests.guests.disks import drives

HERE = Path(__file__).parent
GUESTS = sorted(HERE.glob("*.bin"))
SOURCES = sorted([*HERE.glob("*.asm"), *HERE.parent.glob("virtio/*.asm")])
PASSED = 0x10 << 1 | 1


def header(guest: Path) -> dict[str, str]:
    """What the comments at the top ask of the machine: `; types: a{left}`."""
    text = guest.with_suffix(".asm").read_text("utf-8")
    return dict(
        re.findall(
            r"^; (needs|boots|rom|types|moves|models|sends|prints|qemu|kvm): (.+)$", text, re.M
        )
    )


def models(guest: Path) -> list[str]:
    """The models that the guest is for; one that names none runs on the default."""
    return header(guest).get("models", "80486").split()


def memory(asks: dict[str, str]) -> int:
    """How many bytes of memory it needs: `; needs: memory=2M`."""
    return int(asks.get("needs", "memory=1M").removeprefix("memory=").removesuffix("M")) << 20


def make(guest: Path, machine: Callable[..., Machine], **options: str) -> Machine:
    """The machine that it asks for."""
    asks, image = header(guest), guest.read_bytes()
    if "boots" in asks:
        return machine(**drives(asks["boots"], image), memory=memory(asks), **options)
    at = int(asks.get("rom", len(image)))
    roms = [image[at:]] if image[at:] else []
    return machine(image[:at], memory=memory(asks), option_roms=roms, **options)


RUNS = [(guest, model) for guest in GUESTS for model in models(guest)]
#: What names its models checks the processor alone, so it holds on any PC.
ON_QEMU = [g for g in GUESTS if "models" in header(g) and "80486" in models(g)]
#: What a processor of today runs as an 80486 does.
ON_THE_HOST = [g for g in GUESTS if "80486" in models(g)]


@pytest.mark.parametrize(("guest", "model"), RUNS, ids=[f"{g.stem}-{m}" for g, m in RUNS])
def test_guest_passes(guest: Path, model: str, machine: Callable[..., Machine]) -> None:
    asks = header(guest)
    m = make(guest, machine, model=model)
    m.boot()
    m.keyboard.type(asks.get("types", ""))
    if "moves" in asks:
        m.run(until="move", timeout=60.0)
        m.mouse.move(*map(int, asks["moves"].split()))

    exit = m.run(timeout=60.0)

    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), m.debug_text or exit
    assert asks.get("sends", "") in m.serial_text
    assert asks.get("prints", "") in m.printer.text


@pytest.mark.parametrize("guest", ON_THE_HOST, ids=lambda path: path.stem)
def test_guest_passes_on_kvm(guest: Path, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    asks = header(guest)
    why = asks.get("kvm", "")
    if why.startswith("no:") or (why and on_kvm.lacks()):
        pytest.skip(f"KVM: {why}")
    m = make(guest, machine, accel="kvm")
    m.boot()
    if "types" in asks:
        m.run(timeout=0.3)  # until it waits for keys: time passes there as it does here
        m.keyboard.type(asks["types"])
    if "moves" in asks:
        m.run(until="move", wall=60.0)
        m.mouse.move(*map(int, asks["moves"].split()))

    exit = m.run(wall=60.0)

    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), m.debug_text or exit
    assert asks.get("sends", "") in m.serial_text


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_guest_is_built_from_its_source(source: Path, nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "guest.bin"

    command = [nasm, "-w+error", "-f", "bin", "-I../guests/", source.name, "-o", str(built)]
    subprocess.run(command, cwd=source.parent, check=True)

    assert built.read_bytes() == source.with_suffix(".bin").read_bytes(), (
        f"in {source.parent}: nasm -f bin -I../guests/ {source.name} -o {source.stem}.bin"
    )


@pytest.mark.slow
@pytest.mark.parametrize("guest", ON_QEMU, ids=lambda path: path.stem)
def test_guest_passes_on_qemu(guest: Path) -> None:
    program = shutil.which("qemu-system-i386")
    if program is None:
        pytest.skip("qemu-system-i386 is not installed")
    if why := header(guest).get("qemu"):
        pytest.skip(f"QEMU: {why}")

    command = [program, "-cpu", "486", "-display", "none", "-debugcon", "stdio", "-no-reboot"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    command += ["-drive", f"file={guest},format=raw,if=floppy,readonly=on"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == PASSED, done.stdout + done.stderr
