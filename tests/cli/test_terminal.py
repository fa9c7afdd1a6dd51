"""The terminal: the screen is drawn, keys go to the guest, and it is whole again afterwards."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from pyx86emu.cli import tty
from tests.cli.drive import ECHO, HALT, SPIN, Image, Job, say, show
from tests.harness import wait_until

QUIT = b"\x1dq"
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


# -- drawing --------------------------------------------------------------------------------------


def test_a_guest_that_halts_ends_on_a_terminal_too(image: Image) -> None:
    with Job(image(show("X") + HALT)) as job:
        job.until(ENTER, LEAVE + b"X\r\n", b"pyx86emu: the guest has halted for good (at ")

        assert job.end() == 0


def test_the_screen_is_drawn_and_keys_go_to_the_guest(image: Image) -> None:
    with Job(image(ECHO)) as job:
        job.until(ENTER)
        job.type(b"h")
        job.until(b"mh")
        job.type(b"i")
        job.until(b"mhi")
        job.type(QUIT)

        assert job.end() == 130
        assert b"pyx86emu: ended by Ctrl-] q (at " in job.output


@pytest.mark.parametrize("size", [(0, 0), (0, 80), (24, 0), (1, 1), (2, 200), (200, 2)])
def test_a_terminal_of_any_size_is_drawn_on(image: Image, size: tuple[int, int]) -> None:
    with Job(image(show("X\r") + SPIN), size=size) as job:  # the cursor stays in column 0
        job.until(ENTER, b"mX")
        job.type(QUIT)

        assert job.end() == 130
        lines, columns = size[0] or tty.LINES, size[1] or tty.COLUMNS
        rows = [int(row) for row in re.findall(rb"\x1b\[(\d+)(?:;\d+)?H", job.output)]
        assert max(rows) <= lines
        assert all(len(text) <= columns for text in re.findall(rb"m([^\x1b]+)\x1b", job.output))


def test_a_terminal_that_is_resized_is_drawn_again(image: Image) -> None:
    with Job(image(show("X") + SPIN), size=(30, 90)) as job:
        job.until(ENTER, b"mX")

        for size in ((10, 20), (0, 0), (40, 100)):
            job.resize(*size)
            job.until(b"\x1b[2J", b"mX")

        job.type(QUIT)
        assert job.end() == 130


def test_a_terminal_that_tells_no_size_is_taken_for_a_vt100(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(fd: int) -> os.terminal_size:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr(os, "get_terminal_size", fails)

    assert tty.size() == (80, 24)


def test_without_colours_none_are_sent(image: Image) -> None:
    with Job(image(show("X") + HALT), env={"NO_COLOR": "1"}) as job:
        job.until(ENTER, b"\x1b[0mX", LEAVE)

        assert job.end() == 0
        assert not re.search(rb"\x1b\[[0-9;]*[34][0-9]m", job.output)


def test_a_dumb_terminal_gets_rows_and_no_commands(image: Image) -> None:
    with Job(image(show("X\r\n") + ECHO), env={"TERM": "dumb"}) as job:
        job.until(b"TERM=dumb: changed rows are printed. Ctrl-] is ours", b"X\r\n")
        job.type(b"hey")
        job.until(b"hey\r\n")
        job.type(QUIT)

        assert job.end() == 130
        assert b"\x1b" not in job.output


def test_numpy_is_not_imported_for_text(image: Image) -> None:
    code = (
        "import sys; from pyx86emu.cli import main; status = main()\n"
        "print('numpy' in sys.modules); raise SystemExit(status)"
    )
    with Job(image(show("X") + HALT), python=code) as job:
        job.until(LEAVE, b"False\r\n")

        assert job.end() == 0


WATCHED_AND_NOT = """
import sys
from pyx86emu import Machine
from pyx86emu.cli.terminal import ScreenTerminal
def end(watched):
    with Machine(sys.argv[1], clock="virtual") as m:
        limits = m.limits(max_instructions=3_000_000)
        ScreenTerminal(m).run(limits) if watched else limits.run()
        state = m.vcpu.instructions, m.time, m.vm.read(0, 0xA0000), m.vga.snapshot()
        return state, repr(m.vcpu.regs)
print("equal" if end(True) == end(False) else "different")
"""


def test_a_guest_sees_the_same_watched_and_not(image: Image) -> None:
    # again: mov ah,1; int 16h; inc bx; mov ax,0E41h; int 10h; jmp again
    with Job(image("b401 cd16 43 b8410e cd10 ebf4"), python=WATCHED_AND_NOT) as job:
        job.until(b"mAAAA", LEAVE, b"equal\r\n")

        assert job.end() == 0


# -- pictures ------------------------------------------------------------------------------------

# mov ax,13h; int 10h; mov ax,A000h; mov es,ax; xor di,di; mov cx,32000; mov al,4; rep stosb: the
# upper half is red
RED = "b81300 cd10 b800a0 8ec0 31ff b9007d b004 f3aa"
# mov ah,0; int 16h; mov ax,3; int 10h
TEXT_AGAIN = "b400 cd16 b80300 cd10"


@pytest.mark.parametrize(
    ("answer", "environment", "begin"),
    [
        (b"\x1b[?62;22c", {"COLORTERM": "truecolor"}, b"\x1b[38;2;168;0;0m\x1b[48;2;168;0;0m"),
        (b"\x1b[?62;22c", {"COLORTERM": ""}, b"\x1b[38;5;124m\x1b[48;5;124m"),
        (b"\x1b[?62;4c", {}, b'\x1bP0;1;0q"1;1;'),
        (b"\x1b_Gi=31;OK\x1b\\\x1b[?62;4c", {}, b"\x1b_Ga=T,f=24,s=320,v=200,"),
    ],
)
def test_a_graphics_mode_is_drawn_as_the_terminal_can(
    image: Image, answer: bytes, environment: dict[str, str], begin: bytes
) -> None:
    environment = {"PYTHONIOENCODING": "utf-8", "NO_COLOR": "", "TERM": "xterm", **environment}
    boot = image(show("X") + "b400 cd16" + RED + TEXT_AGAIN + show("Y") + SPIN)
    with Job(boot, env={**environment, "TMUX": ""}) as job:
        job.until(ENTER, b"\x1b[c", b"mX")
        job.type(answer)
        job.type(b"a")
        job.until(begin, b"320x200 256 colours; Ctrl-] ? helps")
        job.type(b"b")
        job.until(b"\x1b[2J", b"mY")
        job.type(QUIT)

        assert job.end() == 130
        kitty = b"\x1b_G" in begin
        assert (b"\x1b_Ga=d,d=I," in job.output) == kitty


def test_a_screenshot_of_a_picture_is_written_when_the_user_leaves(
    image: Image, tmp_path: Path
) -> None:
    shot = tmp_path / "shot.png"
    with Job(image(RED + SPIN), "--screenshot", shot) as job:
        job.until(b"320x200 256 colours")
        job.type(QUIT)

        assert job.end() == 130
    assert shot.read_bytes()[:4] == b"\x89PNG"


# -- keys -----------------------------------------------------------------------------------------

# again: mov ah,10h; int 16h; mov al,ah; mov ah,0Eh; int 10h; jmp again
SCAN_CODES = "b410 cd16 88e0 b40e cd10 ebf4"


def test_a_sequence_that_is_cut_is_one_key(image: Image) -> None:
    with Job(image(show("X") + SCAN_CODES)) as job:
        job.until(b"mX")
        for byte in b"\x1b[1;2P\x1bOP":
            job.type(bytes([byte]))
        job.until(b"mXT;")  # shift+f1 and f1
        job.type(b"\x1b")
        job.until("mXT;\u263a".encode())  # 01h: a lone ESC is the key
        job.type(QUIT)

        assert job.end() == 130


def test_kittys_keyboard_protocol_is_used_if_the_terminal_has_it(image: Image) -> None:
    with Job(image(show("X") + SCAN_CODES)) as job:
        job.until(ENTER, b"\x1b[?u", b"\x1b[c", b"mX")
        job.type(b"\x1b[?0u\x1b[?62;22c")
        job.until(b"\x1b[>3u\x1b[?1004h")
        job.type(b"\x1b[59;1u\x1b[59;1:3u")
        job.until(b"mX'")
        job.kill(signal.SIGTSTP)
        job.report()
        job.until(b"\x1b[?1004l\x1b[<u\x1b[?2004l", LEAVE)
        job.resume()
        job.until(ENTER, b"\x1b[>3u\x1b[?1004h")
        job.type(b"\x1b[93;5u\x1b[93;5:3uq")

        assert job.end() == 130
        assert job.output.count(b"\x1b[>3u") == job.output.count(b"\x1b[<u") == 2
        assert b"ended by Ctrl-] q" in job.output


def test_answers_that_come_late_do_not_go_to_the_shell(image: Image) -> None:
    with Job(image(show("X") + HALT)) as job:
        job.until(b"\x1b[c")
        job.type(b"\x1b[?62;22c")

        assert job.end() == 0
        assert b"62;22" not in job.output  # nothing has echoed it


# -- stops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-nographic"]])
def test_a_stop_gives_the_terminal_back_and_fg_draws_everything_again(
    image: Image, options: list[str]
) -> None:
    with Job(image(show("X") + say("up") + ECHO), *options) as job:
        job.until(b"up" if options else b"mX")

        for _ in range(1 if options else 2):
            job.kill(signal.SIGTSTP)
            assert job.report() == {"stopped": signal.SIGTSTP, "whole": True}
            if not options:
                job.until(b"\x1b[?2004l", b"\x1b[?25h" + LEAVE)
            job.resume()
            if not options:
                job.until(ENTER + b"\x1b[?2004h", b"\x1b[2J", b"mX")

        if not options:
            job.type(b"hey")
            job.until(b"mXhey")
        job.type(QUIT)
        assert job.end() == 130


def test_bg_after_a_stop_waits_for_fg(image: Image) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(ENTER, b"mX")
        job.kill(signal.SIGTSTP)
        assert job.report()["stopped"] == signal.SIGTSTP
        job.until(LEAVE)

        job.resume("bg")  # the terminal is the shell's: a background job may not set it
        assert job.report() == {"stopped": signal.SIGTTOU, "whole": True}
        assert ENTER not in job.output[job.seen :]
        job.resume()

        job.until(ENTER, b"mX")
        job.type(QUIT)
        assert job.end() == 130


def test_a_stopped_job_that_is_killed_leaves_the_terminal_alone(image: Image) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(ENTER, b"mX")
        job.kill(signal.SIGTSTP)
        assert job.report()["stopped"] == signal.SIGTSTP
        job.until(LEAVE)

        job.kill(signal.SIGTERM)
        job.resume("bg")

        assert job.end() == 130
        assert ENTER not in job.output[job.seen :]


def test_a_stop_that_cannot_be_caught_is_drawn_over_afterwards(image: Image) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(ENTER, b"mX")

        job.kill(signal.SIGSTOP)
        assert job.report()["stopped"] == signal.SIGSTOP
        job.resume()

        job.until(ENTER, b"\x1b[2J", b"mX")
        job.type(QUIT)
        assert job.end() == 130


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["-nographic"]])
def test_ctrl_q_after_the_prefix_ends_the_guest(image: Image, options: list[str]) -> None:
    with Job(image(show("X") + say("up") + SPIN), *options) as job:
        job.until(b"up" if options else b"mX")
        job.type(QUIT)

        assert job.end() == 130
        assert b"pyx86emu: ended by Ctrl-] q (at " in job.output


@pytest.mark.parametrize("key", [b"\x03", b"\x1a", b"\x1c", b"\x13", b"\x11", b"\x04", b"\x16"])
def test_control_keys_are_the_guests(image: Image, key: bytes) -> None:
    # again: mov ah,0; int 16h; mov ah,0Eh; add al,40h; int 10h; jmp again
    shifted = "b400 cd16 b40e 0440 cd10 ebf4"
    with Job(image(show("X") + shifted)) as job:
        job.until(b"mX")
        job.type(key)
        job.until(b"mX" + bytes([key[0] + 0x40]))
        job.type(QUIT)

        assert job.end() == 130


@pytest.mark.parametrize("key", [b"\x03", b"\x1a", b"\x1c", b"\x13", b"\x0d", b"\x0a"])
def test_on_a_serial_line_control_keys_are_the_guests(image: Image, key: bytes) -> None:
    # mov dx,3FDh; wait: in al,dx; test al,1; jz wait; mov dx,3F8h; in al,dx; add al,40h; out dx,al
    echo = "bafd03 ec a801 74fb baf803 ec 0440 ee" + SPIN
    with Job(image(say("up") + echo), "-nographic") as job:
        job.until(b"up")
        job.type(key)
        job.until(bytes([key[0] + 0x40]))
        job.type(QUIT)

        assert job.end() == 130


@pytest.mark.release  # a sanitizer answers SIGSEGV itself
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_that_is_killed_leaves_a_whole_terminal(image: Image, number: int) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(ENTER, b"mX")
        job.type(b"\x1b[?0u")
        job.until(b"\x1b[>3u")
        job.kill(number)

        assert b"\x1b[<u\x1b[?2004l" in job.until(b"\x1b[?25h" + LEAVE)
        assert job.report()["status"] == -number


def descriptors(pid: str) -> list[Path]:
    """The open descriptors of a process."""
    return list(Path(f"/proc/{pid}/fd").iterdir())


def name(descriptor: Path) -> str:
    """What is open: a path without its number, or "pipe"; "" if it is closed by now."""
    try:
        return re.sub(r"(/|:\[)\d+\]?$", "", os.readlink(descriptor))
    except OSError:
        return ""


def test_the_guard_keeps_no_file_open(image: Image) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(ENTER, b"mX")
        (child,) = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()

        wait_until(lambda: {name(each) for each in descriptors(child)} <= {"/dev/pts", "pipe"})
        job.type(QUIT)
        assert job.end() == 130


FAILS = """
from pyx86emu.cli import main, window
import pyx86emu.cli.terminal as terminal
class Broken(window.Window):
    def draw(self, *args):
        if self._drawn:
            raise %s
        return super().draw(*args)
terminal.Window = Broken
raise SystemExit(main())
"""


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        ("ZeroDivisionError('oops')", 70, b"this is a bug of pyx86emu"),
        ("MemoryError", 74, b"there is not enough memory"),
        ("OSError(5, 'Input/output error')", 74, b"Input/output error"),
    ],
)
def test_an_exception_leaves_a_whole_terminal(
    image: Image, error: str, status: int, sentence: bytes
) -> None:
    with Job(image(show("X") + SPIN), python=FAILS % error) as job:
        job.until(ENTER, LEAVE, sentence)

        report = job.report()
        assert report == {"whole": True, "status": status}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_the_guest_leave_a_whole_terminal(
    image: Image, number: signal.Signals
) -> None:
    with Job(image(show("X") + SPIN)) as job:
        job.until(b"mX")
        job.kill(number)

        assert job.end() == 130
        assert f"ended by {number.name}".encode() in job.output


@pytest.mark.parametrize("options", [[], ["-nographic"]])
def test_a_terminal_that_goes_away_ends_the_guest(
    image: Image, tmp_path: Path, options: list[str]
) -> None:
    shot = tmp_path / "shot.txt"
    with Job(image(show("X") + say("up") + SPIN), "--screenshot", shot, *options) as job:
        job.until(b"up" if options else b"mX")
        job.hang_up()

        # What it sees first: the signal, or that nothing can be drawn; then it may end by the
        # signal, between its last handler and its end.
        assert job.report()["status"] in (130, 74, -signal.SIGHUP)
    assert shot.read_text("utf-8") == "X\n"


@pytest.mark.parametrize("end", [QUIT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_leaving_still_writes_what_was_asked_for(
    image: Image, tmp_path: Path, end: bytes | int
) -> None:
    shot = tmp_path / "shot.txt"
    # mov ax,301h; mov bx,7C00h; mov cx,1; xor dx,dx; mov byte [7D00h],55h; int 13h
    boot = image("c606007d55 b80103 bb007c b90100 31d2 cd13" + show("done") + SPIN)
    with Job(boot, "--screenshot", shot, "--write-back") as job:
        job.until(b"mdone")
        if isinstance(end, bytes):
            job.type(end)
        else:
            job.kill(end)

        assert job.end() == 130
    assert shot.read_text("utf-8") == "done\n"
    assert boot.read_bytes()[0x100] == 0x55


def test_an_ascii_terminal_shows_a_question_mark(image: Image) -> None:
    ascii_only = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    with Job(image(show("a\u2588b") + HALT), env=ascii_only) as job:
        job.until(ENTER, b"ma?b", LEAVE + b"a?b\r\n")

        assert job.end() == 0
