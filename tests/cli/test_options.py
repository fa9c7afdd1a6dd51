"""Options: whole names, one value each, checked by name before the guest starts."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest

from pyx86emu import cli
from pyx86emu.cli import options
from pyx86emu.cli.parser import Options, Parser
from pyx86emu.cli.status import UsageError
from tests import command_page
from tests.cli.drive import HALT, Image, pyx86emu


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["none.img"], "cannot open none.img (No such file or directory): give a disk image"),
        (["big.img"], "big.img is 2000000 bytes, and what disk it is cannot be seen"),
        (["empty.img"], "empty.img is empty: a disk image has at least one 512-byte sector"),
        (["."], ". is a directory: give a disk image"),
        (["-cpu", "z80", "boot.img"], "-cpu: unknown CPU model 'z80': choose one of 8086, 80186"),
        (["-accel", "tcg", "boot.img"], "argument -accel: 'tcg': give interp or kvm or auto"),
        (["-m", "lots", "boot.img"], "-m lots: give a size from 64K to 64M, such as 640K or 1M"),
        (
            ["-serial", "tcp:1", "boot.img"],
            "-serial tcp:1: give tcp:HOST:PORT, such as tcp:localhost:4444",
        ),
        (
            ["--frobnicate", "boot.img"],
            "unknown option --frobnicate; options are not abbreviated: `pyx86emu run --help` lists",
        ),
        (["--expect", "(", "boot.img"], "argument --expect: '(' is no regular expression"),
        (
            ["--max-instructions", "-1", "boot.img"],
            "'-1': give a whole number, 0 or more",
        ),
        (
            ["--timeout", "soon", "boot.img"],
            "'soon': give seconds in digits, such as 90 or 0.5",
        ),
        (["--type", "{nokey}", "boot.img"], "--type: no key is called 'nokey'"),
        (["--screenshot", "a.gif", "boot.img"], "--screenshot a.gif: name a file in .png, .txt"),
        (["-rtc", "base=noon", "boot.img"], "-rtc base=noon: give utc, localtime or a date"),
        (["-icount", "7", "boot.img"], "-icount 7: write -icount shift=VALUE"),
        (["boot.img", "-fda", "boot.img"], "two disks for fda, boot.img and boot.img: give one ("),
        (["-fda", "boot.img", "-fda", "boot.img"], "two disks for fda, boot.img and boot.img"),
        (["-fda", ""], "-fda: no file is named: give one, -fda FILE"),
        (["-serial", "file:", "boot.img"], "-serial file: has no name: use file:PATH"),
        (["--expect", "(" * 5000, "boot.img"], "is no regular expression"),
        (["--expect", "a{99999999999}", "boot.img"], "is no regular expression"),
        (["-snapshot", "--write-back", "boot.img"], "-snapshot and --write-back are opposites"),
        (["run"], "no image to boot: give one, pyx86emu IMAGE"),
        (["bench", "nothing"], "argument what: invalid choice: 'nothing'"),
        (["bench", "doorbell", "--plot", "boot.img"], "/boot.img is no directory"),
        (["bench", "io", "--plot", "boot.img"], "/boot.img is no directory"),
        (["bench", "io", "--plot", "boot.img/charts"], "/boot.img is no directory"),
        (["bench", "--plot", ""], "--plot : name a directory"),
        (["conformance", "none.npz"], "none.npz does not exist: name a .npz file or a directory"),
    ],
)
def test_wrong_input_is_one_sentence(
    args: list[str],
    text: str,
    image: Image,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    image(HALT)
    (image.directory / "big.img").write_bytes(bytes(2_000_000))
    (image.directory / "empty.img").touch()
    monkeypatch.chdir(image.directory)

    status = cli.main(args)

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("pyx86emu: ")
    assert err.count("\n") == 1
    assert text in err


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "demo", "bench", "conformance"])
@pytest.mark.parametrize("word", ["-disp", "--js", "-j", "-hjson", "--jso=1", "--help=x1"])
def test_an_option_is_never_guessed(
    verb: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main([verb, "boot.img", word, "none"])

    out, err = capsys.readouterr()
    name = word.partition("=")[0]
    assert (status, out) == (2, "")
    if name == "--help":
        assert err == "pyx86emu: option --help takes no value: '--help=x1'\n"
    else:
        assert err.startswith(f"pyx86emu: unknown option {name}; options are not abbreviated: ")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("-cdrom", "there is no CD-ROM drive"),
        ("-singlestep", "gdb executes single instructions"),
        ("-monitor", "there is no monitor"),
        ("--enable-kvm", "write -enable-kvm"),
        ("--accel", "write -accel"),
        ("--fda", "write -fda"),
        ("-json", "write --json"),
        ("-timeout", "write --timeout"),
    ],
)
def test_what_qemu_has_and_we_do_not_is_named_with_what_to_use(
    word: str, instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["boot.img", word, "disk.img"]) == 2

    assert capsys.readouterr().err.startswith(f"pyx86emu: unknown option {word}: {instead}")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--timeout"], "option --timeout needs a value"),
        (["--timeout", "--json"], "if it is the value, write --timeout=--json"),
        (["--type", "--json=1"], "if it is the value, write --type=--json=1"),
        (["-snapshot=on"], "option -snapshot takes no value: '-snapshot=on'"),
        (["b.img"], "one argument too many: 'b.img'"),
        (["--", "-snapshot"], "one argument too many: '-snapshot'"),
        (["-m640K"], "unknown option -m640K"),
    ],
)
def test_a_value_too_few_or_too_many_is_named(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["boot.img", *words]) == 2

    assert text in capsys.readouterr().err


def parse(*args: str) -> Options:
    return options.parser().parse(args)


def test_values_may_follow_or_be_joined_and_may_begin_with_a_dash() -> None:
    for words in (("--type", "-x"), ("--type=-x",)):
        assert parse("a.img", *words).type == "-x"
    assert parse("-m=2", "a.img").m == parse("-m", "2", "a.img").m == 2 << 20
    assert parse("--expect=a=b", "a.img").script[0].pattern.pattern == "a=b"
    assert parse("--", "-odd.img").image == "-odd.img"
    assert parse("--timeout", "1", "--timeout", "2").timeout == 2


def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser("verb", "What it does.")

    with pytest.raises(SystemExit) as end:
        parser.parse(["--help"])

    assert end.value.code == 0
    assert "What it does." in capsys.readouterr().out


def test_the_page_of_the_command_line_is_made_of_the_options() -> None:
    text = command_page.PAGE.read_text("utf-8")

    assert text == command_page.page(text), "python -m tests.command_page --write"


def test_every_option_has_help_that_the_list_shows(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])

    shown = " ".join(capsys.readouterr().out.split())
    for name, action in options.parser().known.items():
        assert name in shown
        assert action.help


# -- values ---------------------------------------------------------------------------------------

NO_WHOLE = ["", " 5", "5 ", "+5", "-5", "1_000", "\u0663", "\uff11\uff12", "\u00b2", "0x10", "1e3"]
NO_WHOLE += ["1.0", "nan", "inf", "9" * 19, "9" * 5000, "5\n"]
NO_DECIMAL = ["", " 5", "+5", "-5", "1_0", "\u0663", "\uff11.5", "0x10", "1e3", "1e400", "nan"]
NO_DECIMAL += ["inf", ".", "1..2", "9" * 400, "5\n"]
WHOLE = [["run", "--max-instructions"], ["conformance", "--samples"], ["bench", "--repeats"]]
DECIMAL = [["run", "--timeout"], ["run", "--wall"], ["bench", "--scale"]]


@pytest.mark.parametrize(
    ("words", "text"),
    [(words, text) for words in WHOLE for text in NO_WHOLE]
    + [(words, text) for words in DECIMAL for text in NO_DECIMAL],
)
def test_what_is_no_number_is_refused_by_name(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main([words[0], "all", *words[1:], text])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(f"pyx86emu: argument {words[1]}: {text!r}: give ")


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "\u0666\u0664\u0660K"],
        ["-m", "640\u212a"],  # the Kelvin sign, which is a k in lower case
        ["-m", "6_40K"],
        ["-m", " 640K"],
        ["-m", "9" * 5000],
        ["-icount", "shift=\u00b2"],
        ["-icount", "shift=\u0663"],
        ["-icount", "shift=+3"],
        ["-icount", "shift=11"],
        ["-icount", "shift="],
        ["-rtc", "base=\uff12\uff10\uff10\uff19-07-01"],
        ["-rtc", "base=2009-07-01T12:00:00+02:00"],
        ["-rtc", "base=2009-W27-3"],
        ["-rtc", "base=2009-02-30"],
        ["-rtc", "base=9999-12-31T23:59:59"],
        ["-rtc", "clock=vm"],
    ],
)
def test_what_is_no_size_shift_or_date_is_refused_by_name(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = cli.main(["boot.img", *words])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(f"pyx86emu: {' '.join(words)}: ")


def test_what_is_documented_is_taken() -> None:
    assert [parse("-m", size).m >> 10 for size in ("1", "640K", "2m", "size=1M", "64KB")] == [
        1024,
        640,
        2048,
        1024,
        64,
    ]
    assert [parse("--timeout", text).timeout for text in ("0", "90", "0.5", ".5", "5.")] == [
        0,
        90,
        0.5,
        0.5,
        5,
    ]
    assert parse("--max-instructions", "9" * 18).max_instructions == 10**18 - 1
    assert parse("-icount", "shift=0").icount == 0
    assert parse("-rtc", "base=2009-07-01").rtc == datetime(2009, 7, 1)
    assert parse("-rtc", "base=2009-07-01T12:00:05").rtc == datetime(2009, 7, 1, 12, 0, 5)
    assert isinstance(parse("-rtc", "base=utc").rtc, datetime)


# -- files ----------------------------------------------------------------------------------------


FIFO = "that is a FIFO without a reader, start its reader first"


def test_a_file_that_cannot_be_written_is_refused_before_the_guest_starts(
    image: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boot = image(HALT)
    (tmp_path / "dir.png").mkdir()
    os.mkfifo(tmp_path / "fifo.png")
    long = "x" * 300 + ".png"

    for option, path, why in (
        ("--screenshot", "/nowhere/x.png", "there is no directory /nowhere"),
        ("--screenshot", f"{tmp_path}/dir.png", "that is a directory"),
        ("--screenshot", f"{boot}/x.png", "Not a directory"),
        ("--screenshot", f"{tmp_path}/fifo.png", FIFO),
        ("-serial", f"{tmp_path}/fifo.png", FIFO),
        ("--screenshot", f"{tmp_path}/{long}", "File name too long"),
        ("-serial", "/nowhere/x.log", "there is no directory /nowhere"),
        ("-serial", f"{boot}", "that would overwrite the disk image, name another file"),
    ):
        value = f"file:{path}" if option == "-serial" else path
        assert cli.main([str(boot), option, value, "--json"]) == 2
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"pyx86emu: {option} {path}: {why}\n")
    assert boot.stat().st_size == 512


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old.png"
    old.write_text("kept")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may do everything

    for path in (old, tmp_path / "new.png"):
        with pytest.raises(UsageError, match="cannot be written to"):
            options.check_file("--screenshot", str(path))

    assert old.read_text() == "kept"


def test_what_is_refused_leaves_an_old_log_alone(image: Image, tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    log.write_text("kept")

    pyx86emu(tmp_path / "none.img", "-serial", f"file:{log}")
    pyx86emu(image(HALT), "-serial", f"file:{log}", "--timeout", "soon")

    assert log.read_text() == "kept"


# -- modules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "words", "text"),
    [
        ("matplotlib", ["bench", "--plot", "/dev/null"], "/dev/null is no directory"),
        ("matplotlib", ["bench", "doorbell", "--plot", "charts"], "--plot needs matplotlib"),
        ("numpy", ["conformance", "none.npz"], "none.npz does not exist"),
        ("numpy", ["conformance", "/", "--form", "("], "is no regular expression"),
        ("numpy", ["conformance", "/", "--model", "z80"], "unknown CPU model 'z80'"),
        ("numpy", ["conformance", "/"], "vectors are read with numpy"),
    ],
)
def test_what_is_wrong_with_a_value_comes_before_what_is_not_installed(
    module: str,
    words: list[str],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "pyx86emu.tools.conformance", raising=False)
    monkeypatch.delattr("pyx86emu.tools.conformance", raising=False)

    assert cli.main(words) == 2

    assert text in capsys.readouterr().err
