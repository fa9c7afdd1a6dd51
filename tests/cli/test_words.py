"""QEMU's words do what they do in QEMU: drives, lines, displays, the end of a run."""

from __future__ import annotations

import json
import os
import signal
import socket
import wave
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import cli
from tests.cli.drive import HALT, SPIN, Image, command, pyx86emu, say, shell, show
from tests.cli.test_run import Started

#: mov dx,2F8h; mov al,'2'; out dx,al
COM2 = "baf802 b032 ee"
COM1 = "baf803 b031 ee"
#: mov ax,0041h; xor dx,dx; int 17h
PRINT = "b84100 31d2 cd17"
#: mov ax,0201h; mov bx,8000h; mov cx,1; mov dx,80h; int 13h; mov al,[8000h]; out 0E9h,al
READ_C = "b80102 bb0080 b90100 ba8000 cd13 a00080 e6e9"
#: mov ax,301h; mov bx,7C00h; mov cx,1; mov dx,80h; mov byte [7D00h],55h; int 13h
WRITE_C = "c606007d55 b80103 bb007c b90100 ba8000 cd13"


def run(capsys: Any, *words: object) -> tuple[int, str, str]:
    """Run the command in this process."""
    status = cli.main([*map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


# -- drives ---------------------------------------------------------------------------------------


def disk(image: Image, code: str, name: str) -> Path:
    """A hard disk of 1 MiB that boots."""
    path = image(code, name)
    path.write_bytes(path.read_bytes()[:510] + b"\x55\xaa" + bytes((1 << 20) - 512))
    return path


def test_each_drive_has_its_disk(image: Image, capsys: Any) -> None:
    boot, other = image(READ_C + HALT), disk(image, "43", "c.img")

    for words in (
        (boot, "-hda", other),
        ("-fda", boot, "-hda", other),
        ("-fda", boot, "-drive", f"file={other},format=raw,if=ide,index=0"),
        ("-hda", other, "-drive", f"file={boot},if=floppy"),
    ):
        assert run(capsys, *words) == (0, "C", ""), words


def test_the_boot_order_decides(image: Image, capsys: Any) -> None:
    floppy, hard = image(say("A") + HALT), disk(image, say("C") + HALT, "c.img")
    both = ("-fda", floppy, "-hda", hard)

    orders = {order: run(capsys, *both, "-boot", order)[1] for order in ("a", "c", "order=ca")}

    assert orders == {"a": "A", "c": "C", "order=ca": "C"}
    assert run(capsys, *both)[1] == "A"


def test_what_was_tried_is_said_when_nothing_boots(image: Image, capsys: Any) -> None:
    status, out, err = run(capsys, image(HALT), "-boot", "c")

    assert (status, out) == (124, "")
    assert err.startswith("pyx86emu: nothing boots: hard disk: there is none\n")


def test_only_the_drives_that_may_be_written_are(image: Image, capsys: Any) -> None:
    boot, other = image(WRITE_C + HALT), disk(image, "90", "c.img")
    before = other.read_bytes()

    for words in (
        ("-hda", other),
        ("-hda", other, "-snapshot"),
        ("-drive", f"file={other},readonly=on", "--write-back"),
    ):
        run(capsys, "-fda", boot, *words)
        assert other.read_bytes() == before, words
    run(capsys, "-fda", boot, "-drive", f"file={other},snapshot=off")

    assert other.read_bytes()[0x100] == 0x55
    assert boot.read_bytes()[0x100] == 0


def test_a_directory_is_a_disk_and_says_what_it_leaves_out(
    image: Image, tmp_path: Path, capsys: Any
) -> None:
    directory = tmp_path / "files"
    directory.mkdir()
    (directory / "A.TXT").write_text("a")
    (directory / "B.TXT").symlink_to("A.TXT")

    status, out, err = run(capsys, image(HALT), "-fdb", f"fat:{directory}", "--json")

    disks = json.loads(out)["disks"]
    assert status == 0
    assert [each["drive"] for each in disks] == ["fdb", "fda"]
    assert err == "pyx86emu: B.TXT is a link: skipped, it is not on the disk\n"


def test_json_has_kind_geometry_and_reason_of_each_disk(image: Image, capsys: Any) -> None:
    boot, other = image(WRITE_C + HALT), disk(image, "90", "c.img")

    _, out, _ = run(capsys, boot, "-hda", other, "--json", "-name", "two disks")

    report = json.loads(out)
    hard, floppy = report["disks"]
    assert (floppy["drive"], floppy["kind"], floppy["geometry"]) == ("fda", "floppy", [80, 2, 18])
    assert floppy["reason"] == "1.44M, the usual floppy for 512 bytes"
    assert (hard["drive"], hard["kind"], hard["sectors_changed"]) == ("hda", "hd", 1)
    assert hard["file"] == str(other)
    assert report["disk_sectors_changed"] == 1
    assert report["name"] == "two disks"
    assert report["ending"]["kind"] == "halted"


# -- lines ----------------------------------------------------------------------------------------


def test_each_port_has_its_line(image: Image, tmp_path: Path, capsys: Any) -> None:
    one, two, paper = tmp_path / "one", tmp_path / "two", tmp_path / "paper"
    boot = image(COM1 + COM2 + PRINT + say("!") + HALT)

    status, out, err = run(
        capsys, boot, "-serial", f"file:{one}", "-serial", f"file:{two}", "-parallel",
        f"file:{paper}",
    )  # fmt: skip

    assert (status, out, err) == (0, "!", "")
    assert (one.read_bytes(), two.read_bytes(), paper.read_bytes()) == (b"1", b"2", b"A")


def test_com2_may_have_standard_output(image: Image) -> None:
    boot = image(COM1 + COM2 + HALT)

    result = pyx86emu(boot, "-serial", "none", "-serial", "stdio")

    assert (result.returncode, result.stdout, result.stderr) == (0, "2", "")


def test_a_line_over_tcp_reaches_a_server(image: Image, capsys: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        status, _, _ = run(capsys, image(COM1 + HALT), "-serial", f"tcp:127.0.0.1:{port}")

        peer, _ = server.accept()
        with peer:
            assert (status, peer.recv(10)) == (0, b"1")


# -- displays -------------------------------------------------------------------------------------


def test_the_screen_is_printed_at_the_end(image: Image, capsys: Any) -> None:
    assert run(capsys, image(show("Hello") + HALT), "--screen") == (0, "Hello\n", "")
    assert run(capsys, image(show("Hello") + say("E9 ") + HALT), "--screen")[1] == "E9 Hello\n"


def test_in_a_pipe_without_output_it_is_said_how_to_see_the_screen(
    image: Image, tmp_path: Path, capsys: Any
) -> None:
    boot = image(show("Hello") + HALT)
    hint = (
        "pyx86emu: nothing came over COM1 and port E9h; the screen has text: --screen prints it, "
        "--screenshot FILE.png saves it\n"
    )

    assert run(capsys, boot) == (0, "", hint)
    assert run(capsys, boot, "-display", "none") == (0, "", hint)
    for words in (["--json"], ["--screenshot", tmp_path / "x.png"], ["-nographic"]):
        assert run(capsys, boot, *words)[2] == ""
    assert run(capsys, image(show("Hello") + say("x") + HALT)) == (0, "x", "")
    assert run(capsys, image(HALT)) == (0, "", "")


def test_a_picture_is_named_with_how_to_see_it(image: Image, tmp_path: Path, capsys: Any) -> None:
    boot = image("b81300 cd10" + HALT)  # mov ax,13h; int 10h
    shows = "320x200 256 colours"

    hint, screen = run(capsys, boot), run(capsys, boot, "--screen")
    text = run(capsys, boot, "--screenshot", tmp_path / "x.txt")
    for name in ("x.PNG", "x.ansi", "x.html"):
        assert run(capsys, boot, "--screenshot", tmp_path / name) == (0, "", "")
        assert (tmp_path / name).stat().st_size > 100

    assert hint[0] == screen[0] == 0
    assert hint[2].endswith(f"the screen shows {shows}: --screenshot FILE.png saves it\n")
    assert screen[2].startswith(f"pyx86emu: the screen shows {shows}, not text: --screenshot ")
    assert text[0] == 74
    assert text[2].startswith("pyx86emu: --screenshot: cannot save the screen as ")
    assert text[2].count("\n") == 1
    assert not (tmp_path / "x.txt").exists()


@pytest.mark.parametrize("words", ["--screen", "--screen --timeout 1"])
def test_a_screen_that_cannot_be_printed_is_one_sentence(image: Image, words: str) -> None:
    boot = image(show("X") + HALT)

    full = shell(f'"$@" {words} >/dev/full', boot)
    closed = shell(f'"$@" {words} >&-', boot)

    assert full.returncode == closed.returncode == 74
    assert full.stderr == "pyx86emu: cannot write to standard output: No space left on device\n"
    assert closed.stderr == "pyx86emu: cannot write to standard output: it is closed\n"


def test_a_screen_in_an_ascii_locale_has_question_marks(image: Image) -> None:
    result = pyx86emu(
        image(show("\u2592x") + HALT), "--screen", env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "?x\n", "")


def test_the_speaker_is_recorded(image: Image, tmp_path: Path, capsys: Any) -> None:
    wav = tmp_path / "x.wav"
    # mov al,0B6h; out 43h,al; mov ax,1193; out 42h,al; mov al,ah; out 42h,al; port 61h |= 3
    tone = "b0b6 e643 b8a904 e642 88e0 e642 e461 0c03 e661"

    status, _, _ = run(capsys, image(tone + SPIN), "--audio", wav, "--timeout", 0.2)

    with wave.open(str(wav)) as sound:
        samples = sound.readframes(sound.getnframes())
        assert abs(sound.getnframes() / sound.getframerate() - 0.2) < 0.01
    assert status == 124
    assert len(set(samples)) > 1


def test_the_web_page_is_served_while_the_guest_runs(image: Image, capsys: Any) -> None:
    pytest.importorskip("aiohttp")

    status, out, err = run(capsys, image(show("X") + SPIN), "-display", "web", "--expect", "X")

    first, second, *rest = err.splitlines()
    assert (status, out, rest) == (0, "", [])
    assert first.startswith("pyx86emu: the screen is at http://127.0.0.1:")
    assert second.startswith("pyx86emu: to look only: http://127.0.0.1:")


def test_a_page_for_other_computers_is_warned_of(image: Image, capsys: Any) -> None:
    pytest.importorskip("aiohttp")

    _, _, err = run(capsys, image(HALT), "-display", "web=0.0.0.0:0")

    assert "pyx86emu: warning: other computers can reach 0.0.0.0" in err


def test_a_page_needs_an_address_that_is_free(image: Image, capsys: Any) -> None:
    pytest.importorskip("aiohttp")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        status, _, err = run(capsys, image(HALT), "-display", f"web=:{port}")

    assert status == 2
    assert err == f"pyx86emu: -display web=127.0.0.1:{port}: Address already in use\n"


# -- how it ends ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("interruptible")
def test_with_no_shutdown_a_guest_that_has_ended_stays(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "log"
    boot = image(COM1 + HALT)
    started = Started(*command(boot, "-no-shutdown", "-serial", f"file:{log}"))
    started.wait_for(log, 1)

    status, _, err = started.end(signal.SIGTERM)

    assert status == 130
    assert err.startswith("pyx86emu: ended by SIGTERM (at 0000:7c")


def test_with_no_shutdown_the_wall_limit_ends_it_as_the_guest_did(
    image: Image, capsys: Any
) -> None:
    boot = image(HALT)

    status, out, _ = run(capsys, boot, "-no-shutdown", "--wall", 0.05, "--json")

    report = json.loads(out)
    assert (status, report["reason"]) == (0, "HLT")
    assert report["wall_seconds"] >= 0.05


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("b0fee664 f4", "the guest reset the machine: 8042 reset pulse at 0000:7c02"),
        ("b001e692 f4", "the guest reset the machine: port 92h at 0000:7c02"),
        ("ea0000ffff", "the guest reset the machine: jump to the reset vector at 0000:7c00"),
        ("0f011e207ccc", "triple fault at 0000:7c05 (INT 03h at 0000:7c05, then #GP"),
    ],
)
def test_a_reset_with_no_reboot_says_which(code: str, text: str, image: Image, capsys: Any) -> None:
    status, _, err = run(capsys, image(code), "-no-reboot")

    assert status == 4
    assert text in err


def test_a_guest_that_reboots_for_ever_says_how(image: Image, capsys: Any) -> None:
    status, out, err = run(capsys, image("b001e692f4"), "--timeout", 1, "--json")

    assert status == 124
    assert "the guest resets the machine again and again, " in err
    assert json.loads(out)["resets"] > 1


def test_option_roms_and_a_bios_are_taken_from_files(
    image: Image, tmp_path: Path, capsys: Any
) -> None:
    rom = tmp_path / "x.rom"
    code = bytearray(bytes.fromhex("55aa01" + say("R") + "cb").ljust(512, b"\0"))
    code[-1] = -sum(code) & 0xFF
    rom.write_bytes(code)

    assert run(capsys, image(say("B") + HALT), "-option-rom", rom) == (0, "RB", "")

    bios = bytearray(b"\xf4" * 65536)
    bios[0xFFF0:0xFFF5] = bytes.fromhex("b04ae6e9f4")
    rom.write_bytes(bios)
    assert run(capsys, image(HALT), "-bios", rom, "--timeout", 1)[1] == "J"
