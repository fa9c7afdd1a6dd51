"""The command line: what is printed, what is refused, with which status it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyx86emu.cli import run as run_verb
from pyx86emu.cli.terminal import ansi_row, split_keys

HALT = "faf4"
SPIN = "ebfe"
# again: mov ah,0; int 16h; mov ah,0Eh; int 10h; jmp again
ECHO = "b400 cd16 b40e cd10 ebf6"


def say(text: str) -> str:
    return "".join(f"b0{char:02x} e6e9" for char in text.encode())


def pyx86emu(*args: object, **kwargs: object) -> subprocess.CompletedProcess[str]:
    """Run the command with its output in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "pyx86emu", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


class Image:
    """Writes boot sectors."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, code: str, name: str = "boot.img") -> Path:
        path = self.directory / name
        path.write_bytes(bytes.fromhex(code).ljust(512, b"\0"))
        return path


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


# -- statuses -------------------------------------------------------------------------------------


def test_a_guest_that_halts_for_good_ends_with_0(image: Image) -> None:
    result = pyx86emu(image(say("hello\n") + HALT))

    assert (result.returncode, result.stdout, result.stderr) == (0, "hello\n", "")


def test_serial_text_goes_to_standard_output(image: Image) -> None:
    text = "".join(f"b0{char:02x}ee" for char in b"over the line\n")

    result = pyx86emu("run", "-fda", image("baf803" + text + HALT))

    assert (result.returncode, result.stdout) == (0, "over the line\n")


def test_the_guests_own_status_is_odd(image: Image) -> None:
    assert pyx86emu(image("b010 e6f4" + SPIN)).returncode == 33


def test_expect_met_is_0_and_not_met_is_8(image: Image) -> None:
    boot = image(say("login:") + HALT)

    met = pyx86emu(boot, "--expect", "log.n:$")
    missed = pyx86emu(boot, "--expect", "password")

    assert (met.returncode, met.stderr) == (0, "")
    assert missed.returncode == 8
    assert missed.stderr.startswith("pyx86emu: --expect 'password' not met (HLT at 0000:")


def test_time_that_is_up_is_124(image: Image) -> None:
    boot = image(SPIN)

    for limit in (("--timeout", 1.5), ("--wall", 0.3), ("--max-instructions", 1_000_000)):
        result = pyx86emu(boot, *limit)

        assert result.returncode == 124, limit
        assert "time is up" in result.stderr


def test_a_triple_fault_without_reboot_is_4(image: Image) -> None:
    result = pyx86emu(image("0f011e207c cc"), "-no-reboot")

    assert result.returncode == 4
    assert "triple fault" in result.stderr


def test_protected_mode_is_6_and_says_where(image: Image) -> None:
    result = pyx86emu(image("0f20c0 0c01 0f22c0" + HALT))

    assert result.returncode == 6
    assert "protected mode" in result.stderr
    assert "0000:7c0" in result.stderr


def test_a_bug_of_ours_is_70(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyx86emu import cli

    monkeypatch.setattr(run_verb, "main", lambda args: 1 // 0)

    assert cli.main(["run"]) == 70


def test_ctrl_c_is_130(image: Image) -> None:
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(
        sys.executable, ["-m", "pyx86emu", str(image(say("up ") + SPIN)), "-nographic"]
    )

    child.expect("up ")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130


def test_cpu_help_prints_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    from pyx86emu import cli, models

    assert cli.main(["-cpu", "help"]) == 0

    out = capsys.readouterr().out
    assert out.split()[:6] == ["model", *models.MODELS]
    assert len(out.splitlines()) == 2 + len(models.DIFFERENCES)
    for d in models.DIFFERENCES:
        assert d.field in out and d.what in out and d.source in out


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["none.img"], "cannot open none.img (No such file or directory): give a disk image"),
        (
            ["odd.img"],
            "odd.img is 700 bytes, not a whole number of 512-byte sectors: pad it to 1024",
        ),
        (["empty.img"], "empty.img is empty: a disk image has at least one 512-byte sector"),
        (["."], ". is a directory: give a disk image"),
        (["-cpu", "z80", "boot.img"], "-cpu: unknown CPU model 'z80': choose one of 8086, 80186"),
        (["-m", "lots", "boot.img"], "-m lots: give a size from 64K to 64M, such as 640K or 1M"),
        (["-serial", "tcp:1", "boot.img"], "-serial tcp:1: use stdio, none or file:PATH"),
        (["--frobnicate", "boot.img"], "--frobnicate: `pyx86emu run --help` lists the options"),
        (["--expect", "(", "boot.img"], "argument --expect: '(' is no regular expression"),
        (["--max-instructions", "-1", "boot.img"], "--max-instructions: invalid number value"),
        (["--timeout", "soon", "boot.img"], "argument --timeout: invalid number of seconds value"),
        (["--type", "{nokey}", "boot.img"], "--type: no key is called 'nokey'"),
        (["--screenshot", "a.gif", "boot.img"], "--screenshot a.gif: name a file in .txt or .png"),
        (["-rtc", "base=noon", "boot.img"], "-rtc base=noon: give utc, localtime or a date"),
        (["-icount", "7", "boot.img"], "-icount 7: only -icount shift=... is understood"),
        (["boot.img", "-fda", "boot.img"], "two images, IMAGE and -fda FILE: give one"),
        (["-snapshot", "--write-back", "boot.img"], "-snapshot and --write-back are opposites"),
        (["run"], "no image to boot: give one, pyx86emu IMAGE"),
        (["bench", "nothing"], "argument what: invalid choice: 'nothing'"),
        (["bench", "doorbell", "--plot", "a.svg"], "--plot a.svg: only PNG is written"),
    ],
)
def test_wrong_input_is_one_sentence(
    args: list[str],
    text: str,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pyx86emu import cli

    image(HALT)
    (image.directory / "odd.img").write_bytes(bytes(700))
    (image.directory / "empty.img").touch()
    monkeypatch.chdir(image.directory)

    status = cli.main(args)

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("pyx86emu: ")
    assert err.count("\n") == 1
    assert text in err


# -- options --------------------------------------------------------------------------------------


def test_typed_text_waits_for_the_guest(image: Image) -> None:
    result = pyx86emu(image(ECHO), "--type", "dir{ret}", "--expect", "^dir$")

    assert result.returncode == 0


def test_json_tells_how_it_went(image: Image) -> None:
    result = pyx86emu(image(say("text\n") + HALT), "--json", "-cpu", "8086", "-m", "640K")

    report = json.loads(result.stdout)
    assert result.returncode == 0
    assert (report["status"], report["reason"], report["debug"]) == (0, "HLT", "text\n")
    assert report["instructions"] > 100
    assert 0 < report["guest_seconds"] < 10


def test_screenshots_are_taken_at_the_end(image: Image, tmp_path: Path) -> None:
    shot = tmp_path / "shot.txt"
    boot = image("b40e b058 cd10" + HALT)

    pyx86emu(boot, "--screenshot", shot)
    pyx86emu(boot, "--screenshot", tmp_path / "shot.png")

    assert shot.read_text("utf-8") == "X\n"
    assert (tmp_path / "shot.png").stat().st_size > 100


def test_serial_text_goes_to_a_file(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "serial.log"

    result = pyx86emu(image("baf803 b041 ee" + say("!") + HALT), "-serial", f"file:{log}")

    assert result.stdout == "!"
    assert log.read_bytes() == b"A"


def test_write_back_changes_the_image_and_nothing_else_does(image: Image) -> None:
    # mov ax,301h; mov bx,7C00h; mov cx,1; xor dx,dx; mov byte [7D00h],55h; int 13h
    boot = image("c606007d55 b80103 bb007c b90100 31d2 cd13" + HALT)

    pyx86emu(boot)
    assert boot.read_bytes()[0x100] == 0
    pyx86emu(boot, "-snapshot")
    assert boot.read_bytes()[0x100] == 0
    pyx86emu(boot, "--write-back")
    assert boot.read_bytes()[0x100] == 0x55


def test_help_names_the_verbs() -> None:
    result = pyx86emu("--help")

    assert result.returncode == 0
    assert all(verb in result.stdout for verb in ("run", "demo", "bench"))


# -- the terminal ---------------------------------------------------------------------------------


def test_keys_of_a_terminal_become_keys_of_a_pc() -> None:
    assert split_keys(b"ab") == ["a", "b"]
    assert split_keys(b"\x1b[A\x1b[5~\x1bOP") == ["{up}", "{pageup}", "{f1}"]
    assert split_keys(b"\x1bx{\x1b") == ["{alt+x}", "{{", "\x1b"]


def test_rows_are_drawn_with_colours() -> None:
    assert ansi_row(b"a\x07b\x07c\x1e") == "\x1b[0;37;40mab\x1b[0;93;44mc"


def test_a_guest_that_halts_ends_on_a_terminal_too(image: Image) -> None:
    pexpect = pytest.importorskip("pexpect")
    boot = image("b40e b058 cd10" + HALT)  # INT 10h: teletype 'X'
    child = pexpect.spawn(sys.executable, ["-m", "pyx86emu", str(boot)], timeout=30)

    child.expect("\x1b\\[\\?1049lX\r\n")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0


def test_the_screen_is_drawn_and_keys_go_to_the_guest(image: Image) -> None:
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(
        sys.executable, ["-m", "pyx86emu", str(image(ECHO))], dimensions=(30, 90), timeout=30
    )

    child.expect("\x1b\\[\\?1049h")
    child.send("hello")
    child.expect("hello|h.*e.*l.*l.*o")
    child.send("\x1d")
    child.expect("\x1b\\[\\?1049l")
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 130
