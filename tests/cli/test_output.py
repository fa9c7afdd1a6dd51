"""Output that cannot be written: one sentence, status 74, nothing from Python at its end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pyx86emu.cli import output
from pyx86emu.cli.status import HostError
from tests.cli.drive import HALT, SPIN, Image, command, pyx86emu, say, shell

VECTORS = Path(__file__).parents[1] / "tools/data/vectors-386.npz"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SERIAL = "baf803 b041 ee"  # mov dx,3F8h; mov al,'A'; out dx,al

#: Every kind of text that goes to standard output.
SPEAKERS = (
    ["BOOT"],
    ["BOOT", "-nographic"],
    ["BOOT", "--json"],
    ["-cpu", "help"],
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["bench", "--help"],
    ["bench", "doorbell", "--repeats", "1", "--scale", "0.001"],
    ["bench", "doorbell", "--repeats", "1", "--scale", "0.001", "--json"],
    ["conformance", "--help"],
    ["conformance", "VECTORS", "--form", "6601"],
    ["conformance", "VECTORS", "--form", "6601", "--json"],
    ["demo"],
    ["demo", "--json"],
)


@pytest.fixture
def boot(image: Image) -> Path:
    return image(SERIAL + say("hello\n") + HALT)


def words(speaker: list[str], boot: Path) -> list[str]:
    paths = {"BOOT": str(boot), "VECTORS": str(VECTORS)}
    return [paths.get(word, word) for word in speaker]


@pytest.mark.parametrize("speaker", SPEAKERS, ids=" ".join)
def test_a_full_disk_is_one_sentence(speaker: list[str], boot: Path) -> None:
    result = shell('"$@" >/dev/full', *words(speaker, boot))

    assert result.returncode == 74
    assert result.stderr == "pyx86emu: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize("speaker", SPEAKERS[:5], ids=" ".join)
def test_a_closed_standard_output_is_one_sentence(speaker: list[str], boot: Path) -> None:
    result = shell('"$@" >&-', *words(speaker, boot))

    assert result.returncode == 74
    assert result.stderr == "pyx86emu: cannot write to standard output: it is closed\n"


@pytest.mark.parametrize("speaker", SPEAKERS[:5], ids=" ".join)
def test_a_reader_that_has_gone_is_not_complained_of(speaker: list[str], boot: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = pyx86emu(*words(speaker, boot), stdout=writer)
    finally:
        os.close(writer)

    assert (result.returncode, result.stderr) == (74, "")


def test_a_run_ends_when_its_reader_goes(image: Image) -> None:
    boot = image("b041 e6e9 ebfa")  # again: mov al,'A'; out 0E9h,al; jmp again

    result = shell('"$@" | head -c 3', boot)

    assert (result.stdout, result.stderr) == ("AAA", "")


def test_an_output_that_is_open_for_reading_only_is_one_sentence(boot: Path) -> None:
    result = shell('"$@" 1</dev/null', boot)

    assert result.returncode == 74
    assert result.stderr == "pyx86emu: cannot write to standard output: Bad file descriptor\n"


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_the_status_is_right_where_the_sentence_cannot_be_written(where: str, boot: Path) -> None:
    refused = shell(f'"$@" {where}', boot.with_name("none.img"))
    stopped = shell(f'"$@" {where}', boot, "--max-instructions", 1)

    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", "")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (124, "", "")


def test_an_image_never_gets_a_standard_descriptor(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = f"""
import os, sys
from pyx86emu.cli import main
sys.argv = ["pyx86emu", "--version"]
main()
open({str(told)!r}, "w").write(" ".join(os.readlink(f"/proc/self/fd/{{n}}") for n in range(3)))
"""

    subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code], check=True)

    assert told.read_text().split() == [os.devnull] * 3


def test_a_screenshot_is_taken_though_standard_output_is_full(boot: Path, tmp_path: Path) -> None:
    result = shell('"$@" >/dev/full', boot, "--screenshot", tmp_path / "shot.txt")

    assert result.returncode == 74
    assert (tmp_path / "shot.txt").exists()


def test_a_serial_file_that_is_full_is_one_sentence(image: Image) -> None:
    boot = image(SERIAL + HALT)

    result = pyx86emu(boot, "-serial", "file:/dev/full")
    as_json = pyx86emu(boot, "-serial", "file:/dev/full", "--json")

    assert (result.returncode, result.stdout) == (74, "")
    assert result.stderr == "pyx86emu: cannot write to /dev/full: No space left on device\n"
    assert as_json.returncode == 74
    assert '"reason": "HOST_ERROR", "message": "cannot write to /dev/full' in as_json.stdout


# -- standard input -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["<&-", "</dev/null", "</dev/zero"])
@pytest.mark.parametrize("options", [(), ("-nographic",), ("-serial", "stdio")])
def test_any_standard_input_will_do(where: str, options: tuple[str, ...], image: Image) -> None:
    result = shell(f'"$@" {where}', image(say("hello\n") + HALT), *options)

    assert (result.returncode, result.stdout, result.stderr) == (0, "hello\n", "")


def test_an_input_that_is_open_for_writing_only_is_one_sentence(image: Image) -> None:
    result = shell('"$@" 0>/dev/null', image(SPIN), "-nographic")

    assert result.returncode == 74
    assert result.stderr == "pyx86emu: cannot read standard input: Bad file descriptor\n"


# -- what a locale cannot show --------------------------------------------------------------------


def test_an_ascii_locale_shows_question_marks(image: Image) -> None:
    boot = image(HALT, "b\u00e9.img")

    named = pyx86emu(boot, "--json", env=os.environ | ASCII)
    missing = pyx86emu(boot.with_name("n\u00e9.img"), env=os.environ | ASCII)
    models = pyx86emu("-cpu", "help", env=os.environ | {"PYTHONIOENCODING": "ascii"})

    assert named.returncode == 0
    assert missing.returncode == 2
    assert "n??.img" in missing.stderr
    assert models.returncode == 0


def test_guest_bytes_stay_bytes_in_every_locale(image: Image) -> None:
    boot = image("b0db e6e9 b0ff e6e9" + HALT)

    result = subprocess.run(command(boot), capture_output=True, env=os.environ | ASCII)

    assert (result.returncode, result.stdout, result.stderr) == (0, b"\xdb\xff", b"")


# -- in small -------------------------------------------------------------------------------------


class Slow(io.RawIOBase):
    """Takes two bytes at a time, and at first none."""

    def __init__(self, descriptor: int) -> None:
        self.data = b""
        self.descriptor = descriptor
        self.ready = False

    def fileno(self) -> int:
        return self.descriptor

    def write(self, data: Any) -> int | None:
        self.ready = not self.ready
        if self.ready:
            return None
        self.data += data[:2]
        return len(data[:2])


def test_short_writes_and_descriptors_that_would_block_lose_nothing() -> None:
    reader, writer = os.pipe()
    sink = Slow(writer)

    output.write_all(sink, b"hello, world")

    os.close(reader)
    os.close(writer)
    assert sink.data == b"hello, world"


def test_text_comes_after_what_was_printed_before(capfdbinary: Any) -> None:
    print("first", end=" ")
    output.say("second")

    assert capfdbinary.readouterr().out == b"first second\n"


def test_a_text_stream_of_the_caller_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)

    output.say("caf\u00e9")

    assert stream.getvalue() == "caf\u00e9\n"


def test_a_closed_output_is_a_host_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(HostError, match="it is closed"):
        output.say("text")
