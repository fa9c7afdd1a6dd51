"""`run --record` and `replay`: a run again, from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.drive import pyx86emu, shell
from tests.harness import ROOT
from tests.tools.record.guests import ECHO

VIRTIO = ROOT / "tests" / "virtio"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Of a guest that echoes "hello" over COM1."""
    boot, path = tmp_path / "echo.img", tmp_path / "keys.rec"
    boot.write_bytes(ECHO.ljust(510, b"\0") + b"\x55\xaa")

    result = pyx86emu(boot, "--record", path, "--type", "hello", "--timeout", "3")

    assert (result.returncode, result.stdout) == (124, "hello")
    return path


def test_a_replay_does_the_same_without_the_keys_and_the_image(recording: Path) -> None:
    recording.with_name("echo.img").unlink()

    result = pyx86emu("replay", recording)

    assert (result.returncode, result.stdout) == (0, "hello")
    assert "the replay ends with INTR at 0000:" in result.stderr


def test_a_replay_stops_at_an_instruction(recording: Path) -> None:
    result = pyx86emu("replay", recording, "--to", "35000", "--json")

    report = json.loads(result.stdout)
    assert (report["reason"], report["instructions"]) == ("BUDGET", 35000)


def test_what_is_no_recording_is_named(recording: Path) -> None:
    result = pyx86emu("replay", recording.with_name("echo.img"))

    assert result.returncode == 2
    assert "echo.img is no recording of pyx86emu" in result.stderr


def test_a_machine_on_the_clock_of_the_host_is_recorded(recording: Path) -> None:
    path = recording.with_name("host.rec")
    pyx86emu(
        *(recording.with_name("echo.img"), "--record", path, "--clock", "host"),
        *("--type", "hi", "--timeout", "1"),
    )

    result = pyx86emu("replay", path)

    assert result.stdout == "hi"
    assert result.returncode == 0


def test_a_program_of_dos_is_run_again_without_its_input(tmp_path: Path) -> None:
    path = tmp_path / "dos.rec"
    echo = tmp_path / "echo.com"
    # again: mov ah,1; int 21h; cmp al,1ah; jz end; mov dl,al; mov ah,2; int 21h; jmp again
    # end: mov ax,4c05h; int 21h
    echo.write_bytes(bytes.fromhex("b401cd21 3c1a7408 88c2b402cd21 ebf0 b8054ccd21"))
    first = shell('printf typed | "$@"', "dos", "--record", path, echo)
    assert (first.stdout, first.returncode) == ("typed", 5)

    result = shell('printf other | "$@"', "replay", path)

    assert (result.stdout, result.returncode) == ("typed", 0)


@pytest.mark.parametrize("more", [[], ["-device", "virtio-rng-pci,seed=3"]])
def test_a_recording_with_virtio_devices_is_run_again_with_them(
    tmp_path: Path, more: list[str]
) -> None:
    guest, disk, path = VIRTIO / "queue_poll.bin", tmp_path / "disk.img", tmp_path / "disk.rec"
    disk.write_bytes(bytes(64 * 512))
    devices = ["-drive", f"file={disk},if=virtio,snapshot=off", *more]
    first = pyx86emu(guest, "--record", path, *devices)
    assert first.returncode == 33
    disk.write_bytes(bytes(64 * 512))  # the guest has written to it

    result = pyx86emu("replay", path, *devices)
    lacking = pyx86emu("replay", path)

    assert (result.returncode, lacking.returncode) == (0, 2)
    assert disk.read_bytes() == bytes(64 * 512)
    assert "on the command line: the -device and -drive of then" in lacking.stderr


def test_a_disk_of_a_drive_is_no_disk_of_a_device(recording: Path) -> None:
    result = pyx86emu("replay", recording, "-drive", f"file={recording}")

    assert result.returncode == 2
    assert "give -hda FILE, or if=none for -device" in result.stderr
