"""Characters: AH=00h-0Ch but 00h, the functions of the console, AUX and PRN. Open no files."""

from typing import TYPE_CHECKING

from ..codes import DosError
from ..console import CTRL_C
from ..editing import BACKSPACE, CR, CTRL_Z, LF, look
from ..handles import Open
from ..table import TABLE, Break, NotYet, call

if TYPE_CHECKING:
    from ..kernel import Kernel

STDIN, STDOUT, STDAUX, STDPRN = 0, 1, 3, 4
DOLLAR = 0x24
#: AH=09h looks for the $ in so many bytes.
SEGMENT_SIZE = 0x10000


def standard(k: "Kernel", handle: int) -> Open | None:
    """The open file of a standard handle; None: the program has closed it."""
    try:
        return k.get(handle)
    except DosError:
        return None


def write_to(k: "Kernel", opened: Open | None, data: bytes, *, breaks: bool = True) -> int:
    """Write to a file or device; the result is the number of bytes. `breaks`: Ctrl-C is looked
    for."""
    if opened is None:
        return len(data)
    if opened.file is not None:
        done = opened.file.write(opened.position, data)
        opened.position += done
        return done
    if opened.device == "CON":
        if breaks and k.console.break_waits():
            raise Break
        k.console.write(data)
        return len(data)
    if opened.device in ("AUX", "COM1"):
        k.machine.serial_log.write(data)
    elif opened.device in ("PRN", "LPT1"):
        k.machine.printer.log.write(data)
    return len(data)


def read_con(k: "Kernel", size: int, *, raw: bool = False) -> bytes:
    """At most `size` bytes of the console, of one line unless `raw`; b"" at the end. NotYet: there
    is none. Break: Ctrl-C."""
    data = k.console.read(size, raw) if size else b""
    if data is None:
        raise NotYet
    if not raw and data == bytes([CTRL_C]):
        raise Break
    return data


def read_char(k: "Kernel", *, echo: bool, breaks: bool) -> int:
    """A character of standard input. NotYet: there is none."""
    opened = standard(k, STDIN)
    if opened is None or (opened.file is None and opened.device != "CON"):
        return CTRL_Z
    if opened.file is not None:
        data = opened.file.read(opened.position, 1)
        opened.position += len(data)
        return data[0] if data else CTRL_Z
    char = k.console.char()
    if char is None:
        raise NotYet
    if breaks:
        k.check_break(char)
    if echo:
        k.console.echo(look(char) if char not in (CR, LF, BACKSPACE) else bytes([char]))
    return char


def input_ready(k: "Kernel") -> bool:
    """Is there a character?"""
    opened = standard(k, STDIN)
    if opened is None:
        return False
    if opened.file is not None:
        return opened.position < opened.file.size()
    return opened.device != "CON" or k.console.ready()


def poll(k: "Kernel") -> bool:
    """Is there a character? NotYet: a program that asks for nothing else waits for an interrupt."""
    there = input_ready(k)
    count = k.machine.vcpu.instructions  # None on KVM
    if not there and not k.console.may_come and count is not None and k.polls.asked(count):
        raise NotYet
    return there


@call(0x01)
def read_echo(k: "Kernel") -> None:
    """Read a character and show it."""
    k.regs.al = read_char(k, echo=True, breaks=True)


@call(0x02)
def write_char(k: "Kernel") -> None:
    """Write DL."""
    write_to(k, standard(k, STDOUT), bytes([k.regs.dl]))
    k.regs.al = k.regs.dl


@call(0x03)
def read_aux(k: "Kernel") -> None:
    """Read a character from AUX: there is never one, and Ctrl-Z says so."""
    k.regs.al = CTRL_Z


@call(0x04)
def write_aux(k: "Kernel") -> None:
    """Write DL to AUX."""
    write_to(k, standard(k, STDAUX), bytes([k.regs.dl]))


@call(0x05)
def write_printer(k: "Kernel") -> None:
    """Write DL to PRN."""
    write_to(k, standard(k, STDPRN), bytes([k.regs.dl]))


@call(0x06)
def direct(k: "Kernel") -> None:
    """DL = FFh: read a character if there is one, ZF says if not. Otherwise write DL."""
    if k.regs.dl != 0xFF:
        write_to(k, standard(k, STDOUT), bytes([k.regs.dl]), breaks=False)
        k.regs.al = k.regs.dl
        return
    there = poll(k)
    k.regs.al = read_char(k, echo=False, breaks=False) if there else 0
    k.set_zero(not there)


@call(0x07)
def read_raw(k: "Kernel") -> None:
    """Read a character; Ctrl-C is one."""
    k.regs.al = read_char(k, echo=False, breaks=False)


@call(0x08)
def read_quiet(k: "Kernel") -> None:
    """Read a character, do not show it."""
    k.regs.al = read_char(k, echo=False, breaks=True)


@call(0x09)
def write_string(k: "Kernel") -> None:
    """Write the text at DS:DX up to a $. Without one in a segment nothing is written."""
    start, base = k.regs.dx, k.regs.ds << 4
    data = k.ram.read(base + start, SEGMENT_SIZE - start) + k.ram.read(base, start)
    text, found, _ = data.partition(b"$")
    if found:
        write_to(k, standard(k, STDOUT), text)
    else:
        k.note(f"INT 21h AH=09h: there is no $ in the segment of {k.regs.ds:04x}:{start:04x}")
    k.regs.al = DOLLAR


@call(0x0A)
def read_line(k: "Kernel") -> None:
    """Read a line into the buffer at DS:DX: its size, then the length without CR, then the text."""
    at = (k.regs.ds << 4) + k.regs.dx
    most = k.ram.u8(at)
    if most == 0:
        return
    opened = standard(k, STDIN)
    line: bytes | None
    if opened is not None and opened.device == "CON":
        size = k.ram.u8(at + 1)
        old = k.ram.read(at + 2, size + 1)
        template = old[:-1] if size < most and old[-1] == CR else b""
        line = k.console.line(most, template)
        k.check_break(None if line is None else line[-1])
        assert line is not None
    else:
        got = bytearray()
        while (char := read_char(k, echo=False, breaks=False)) not in (CR, CTRL_Z):
            if char != LF and len(got) < most - 1:
                got.append(char)
        line = bytes(got) + b"\r"
    k.ram.write(at + 1, bytes([len(line) - 1]) + line)


@call(0x0B)
def status(k: "Kernel") -> None:
    """AL = FFh if there is a character."""
    if k.console.break_waits():
        raise Break
    k.regs.al = 0xFF if poll(k) else 0


@call(0x0C)
def flush_and_read(k: "Kernel") -> None:
    """Empty the buffer of keys, then do function AL: 1, 6, 7, 8 or 0Ah."""
    if not k.flushed:
        k.console.flush()
    k.flushed = False
    if k.regs.al in (0x01, 0x06, 0x07, 0x08, 0x0A):
        try:
            TABLE[k.regs.al](k)
        except (NotYet, Break):
            k.flushed = True
            raise
    else:
        k.regs.al = 0
