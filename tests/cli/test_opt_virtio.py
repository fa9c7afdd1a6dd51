"""-device: virtio devices on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyx86emu import Disk, cli
from pyx86emu.cli.opt_virtio import COMMON, DEVICES
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.vhost.serve import serve
from tests.harness import ROOT

GUEST = ROOT / "tests" / "virtio" / "queue_irq.bin"
WRITER = ROOT / "tests" / "virtio" / "queue_poll.bin"
BOOT13 = ROOT / "tests" / "virtio" / "boot13.bin"
SECTORS = b"".join(bytes([n]) * 512 for n in range(64))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(SECTORS)
    return path


def run(*words: object) -> int:
    return cli.main(["run", *(str(word) for word in words)])


@pytest.mark.parametrize("more", ["", ",ioeventfd=off", ",serial=x,queue-size=16,num-queues=2"])
def test_a_guest_finds_its_disk(disk: Path, more: str) -> None:
    drive = f"file={disk},if=none,id=d0"

    assert run(GUEST, "-drive", drive, "-device", f"virtio-blk,drive=d0{more}") == 33


@pytest.mark.parametrize("guest", ["pci_poll", "pci_irq"])
@pytest.mark.parametrize("more", ["", ",ioeventfd=off", ",irq=9"])
def test_a_guest_finds_its_disk_on_the_pci_bus(disk: Path, guest: str, more: str) -> None:
    words = (GUEST.with_name(f"{guest}.bin"), "-drive", f"file={disk},if=none,id=d0")
    words += ("-device", f"virtio-blk-pci,drive=d0{more}", "-device", "virtio-rng-pci,seed=1")

    assert run(*words, "-device", "virtio-console-pci,chardev=pty") == 33


def test_another_process_serves_a_disk_on_the_pci_bus(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    sock = tmp_path / "blk.sock"
    with Disk(SECTORS, kind="hd") as there, serve(VirtioBlk(there), sock):
        words = ("-device", f"vhost-user-blk-pci,path={sock}")

        assert run(GUEST.with_name("pci_irq.bin"), *words, "--wall", "20") == 33


@pytest.mark.parametrize("name", ["virtio-blk", "virtio-blk-pci"])
def test_a_machine_without_another_disk_boots_from_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(BOOT13.read_bytes() + SECTORS[512:])
    words = ("-drive", f"file={path},if=none,id=d0", "-device", f"{name},drive=d0")

    assert run(*words) == 33
    assert run(*words[:3], f"{words[3]},rom=off", "--timeout", "5") != 33


@pytest.mark.parametrize("name", ["vhost-user-blk", "vhost-user-blk-pci"])
def test_it_boots_from_a_disk_of_another_process(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    sock = tmp_path / "blk.sock"
    image = BOOT13.read_bytes() + SECTORS[512:]
    with Disk(image, kind="hd") as there, serve(VirtioBlk(there), sock):
        assert run("-device", f"{name},path={sock}", "--wall", "20") == 33


def test_the_image_is_written_only_if_that_is_asked_for(disk: Path) -> None:
    words = (WRITER, "-device", "virtio-blk,drive=d0", "-drive")

    assert run(*words, f"file={disk},if=none,id=d0") == 33
    assert disk.read_bytes() == SECTORS
    assert run(*words, f"file={disk},if=none,id=d0,snapshot=off") == 33

    assert disk.read_bytes()[1536:1540] == bytes.fromhex("0004 0204")


def test_other_devices_are_attached(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-drive", f"file={disk},if=none,id=d0", "-device", "virtio-blk,drive=d0"]
    words += ["-device", "virtio-rng,seed=1", "-device", "virtio-console,chardev=pty"]
    words += ["-device", f"virtio-console,chardev=file:{tmp_path}/said,addr=0xD8000,irq=9"]

    assert run(GUEST, *words) == 33

    assert "virtio-console is on /dev/pts/" in capsys.readouterr().err
    assert (tmp_path / "said").read_bytes() == b""


def test_a_state_has_the_device(disk: Path, tmp_path: Path) -> None:
    words = [GUEST, "-drive", f"file={disk},if=none,id=d0", "-device", "virtio-blk,drive=d0"]
    state = tmp_path / "a.state"
    assert run(*words, "--max-instructions", "2000000", "--save-state", state) in (33, 124)

    assert run(*words, "--load-state", state) == 33


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-device", "sga"], "there is no such device: give virtio-blk, virtio-console"),
        (["-device", "e1000"], "there is no network card: leave it out"),
        (["-device", "virtio-blk"], "it needs drive=ID, with -drive file=FILE,if=none,id=ID"),
        (["-device", "virtio-blk,drive=x"], "no -drive has id=x: add -drive file=FILE"),
        (["-device", "virtio-blk,drive=image"], "no -drive has id=image: add -drive file=FILE"),
        (["-hda", "DISK", "-device", "virtio-blk,drive=hda"], "no -drive has id=hda"),
        (["-device", "virtio-rng,seed=1,seed=2"], "seed= is there twice"),
        (["-device", "virtio-rng,seed=x"], "seed=x: give a number from 0"),
        (["-device", "virtio-rng,speed=1"], "'speed=1' is none of seed, addr, irq"),
        (["-device", "virtio-rng,irq=16"], "irq=16: give a number from 0 to 15"),
        (["-device", "virtio-rng,irq=2"], "no device has it, give irq=9"),
        (["-device", "virtio-rng,seed="], "seed= has no value"),
        (["-device", "virtio-rng,addr=0x1000"], "has memory, which the guest would reach instead"),
        (["-device", "virtio-rng,addr=0xEFFC0"], "0xeffc0-0xf01bf of 'virtio-rng' has memory"),
        (["-device", "vhost-user-blk,chardev=c"], "no chardev=: give path=SOCKET"),
        (["-device", "virtio-blk,num_queues=2"], "no num_queues=: write num-queues="),
        (["-device", "isa-debug-exit,iobase=0xf4"], "every PC has it, leave it out"),
        (["-device", "virtio-net-pci,netdev=n"], "there is no network card: leave it out"),
        (["-device", "virtio-serial-pci"], "virtio-console is controller and port in one"),
        (["-drive", "file=DISK,cache=none"], "there is no cache=: leave it out"),
        (["-drive", "file=DISK,if="], "if= has no value"),
        (["-drive", "file=DISK,if=virtio,index=1"], "if=virtio takes no index="),
        (
            ["-drive", "file=DISK,id=d0", "-device", "virtio-blk,drive=d0"],
            "the -drive with id=d0 is in a drive of the PC: add if=none",
        ),
        (
            [
                "-drive",
                "file=DISK,if=none,id=d",
                "-device",
                "virtio-blk,drive=d,addr=0xd8000,rom=on",
            ],
            "rom=on of 'virtio-blk': the option ROM serves disks that begin at 0xd0000 to 0xd0fff",
        ),
        (["-device", "virtio-rng-pci,addr=0xD0000"], "leave addr= out, or give virtio-rng"),
        (["-device", "virtio-rng-pci,rom=on"], "'rom=on' is none of seed, addr, irq"),
        (["-device", "virtio-rng-pci", "-cpu", "80286"], "which the 80286 lacks: give -cpu 80386"),
        (["-device", "vhost-user-blk-pci"], "it needs path=SOCK"),
        (["-device", "virtio-rng,ioeventfd=1"], "ioeventfd=1: give on or off"),
        (["-device", "virtio-rng,addr=0xB8000"], "overlaps"),
        (["-device", "virtio-console,chardev=x"], "chardev=x: give stdio, pty, file:PATH or null"),
        (["-device", "virtio-console,chardev=stdio"], "chardev=stdio needs -nographic"),
        (
            ["-drive", "file=DISK,if=none,id=d0"],
            "no device has it; add -device virtio-blk,drive=d0",
        ),
        (["-drive", "file=DISK,if=none"], "if=none needs id=ID"),
        (
            ["-drive", "file=DISK,if=none,id=d0", *["-device", "virtio-blk,drive=d0"] * 2],
            "two devices have drive=d0",
        ),
        (
            [
                "-drive",
                "file=DISK,if=none,id=d0",
                "-device",
                f"virtio-blk,drive=d0,serial={'x' * 21}",
            ],
            "a serial has at most 20 bytes",
        ),
        (["-drive", "file=DISK,if=none,id=d", "-drive", "file=DISK,if=none,id=d"], "has id=d"),
    ],
)
def test_wrong_words_are_one_sentence(
    words: list[str], text: str, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(GUEST, *(word.replace("DISK", str(disk)) for word in words))

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert text in err and err.count("\n") == 1


def test_a_disk_with_if_virtio_brings_its_device(disk: Path) -> None:
    other = disk.with_name("other.img")
    other.write_bytes(SECTORS[:512])

    for more in (f"file={disk},if=virtio", f"file={disk},if=virtio,id=a,,b"):
        assert run(GUEST, "-drive", more, "-drive", f"file={other},if=virtio") == 33


def test_help_lists_the_devices_and_the_keys_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-device", "help") == 0
    names = capsys.readouterr().out
    for name, kind in DEVICES.items():
        if not name.endswith("-device"):
            assert f"{name}: " in names
        assert run("-device", f"{name},help") == 0
        keys = capsys.readouterr().out
        for key in (*kind.keys, *COMMON):
            assert (f"  {key}=" in keys) == (not name.endswith("-pci") or key != "addr")


def test_a_driver_that_breaks_a_rule_is_told_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guest = tmp_path / "guest.bin"
    code = WRITER.read_bytes()
    size = bytes.fromhex("26 c706 3800 0800")  # mov word [es:QUEUE_NUM], 8
    assert code.count(size) == 1
    guest.write_bytes(code.replace(size, size[:-2] + b"\x07\0"))

    for more in ([], ["--json"]):
        words = ["-device", "virtio-rng", "--max-instructions", "200000", *more]
        assert run(guest, *words) == 124

        out, err = capsys.readouterr()
        assert "virtio-rng needs a reset: queue 0 has 7 descriptors: a power of two" in err
    device = json.loads(out)["devices"][0]
    assert device["name"] == "virtio-rng" and "7 descriptors" in device["trouble"]


def test_an_error_of_the_disk_is_told(
    disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Disk, sector: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Disk, "write", fails)

    run(WRITER, "-drive", f"file={disk},if=none,id=d0", "-device", "virtio-blk,drive=d0,rom=off")

    assert "virtio-blk: failed requests: 1, the last one by [Errno 28]" in (capsys.readouterr().err)


def test_a_state_is_of_the_disk_that_the_next_start_finds(disk: Path, tmp_path: Path) -> None:
    state = tmp_path / "a.state"
    words = [WRITER, "-drive", f"file={disk},if=virtio,snapshot=off"]
    assert run(*words, "--save-state", state) == 33
    assert disk.read_bytes() != SECTORS

    assert run(*words, "--load-state", state) == 33


@pytest.mark.parametrize("guest", ["queue_poll", "queue_irq", "pci_poll", "pci_irq"])
def test_the_command_in_the_header_of_a_guest_runs_it(
    guest: str, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = GUEST.with_name(f"{guest}.asm").read_text("utf-8")
    _, command = source.replace("\\\n;", "").split("; Run: python -m pyx86emu ", 1)
    disk.with_name("tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(disk.parent)

    assert run(*command.splitlines()[0].split()) == 33


def test_a_disk_with_if_virtio_boots_although_there_is_a_floppy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    floppy, disk = tmp_path / "a.img", tmp_path / "c.img"
    floppy.write_bytes(bytes(1440 << 10))
    code = bytes.fromhex("b041 e6e9 faf4")  # mov al,'A'; out 0e9h,al; cli; hlt
    disk.write_bytes(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(64 * 512))

    assert run("-fda", floppy, "-drive", f"file={disk},if=virtio", "--timeout", "5") == 0

    assert capsys.readouterr().out == "A"


@pytest.mark.parametrize("where", ["null", "none"])
def test_a_console_may_go_nowhere(where: str, disk: Path) -> None:
    words = ("-drive", f"file={disk},if=none,id=d0", "-device", "virtio-blk,drive=d0")

    assert run(GUEST, *words, "-device", f"virtio-console,chardev={where}") == 33
