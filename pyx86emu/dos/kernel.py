"""The kernel: take calls from the entries in guest memory, start and end programs, keep state."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..device import PioDevice
from ..state import Values, take, take_whole
from . import guest, paths
from .asks import Asks
from .blocks import Arena
from .codes import FILE_NOT_FOUND, INVALID_FUNCTION, DosError
from .console import CTRL_C, Console
from .fcbs import FcbFiles
from .files import Path, Root
from .guest import Ram, far
from .handles import BOTH, Handles, Open
from .loading import (
    LARGEST_PROGRAM,
    PARENT,
    STACK,
    VECTOR_22,
    Start,
    copy_environment,
    load,
    make_psp,
    put_environment,
)
from .polls import Polls
from .searches import Searches
from .table import TABLE, Break, NotYet

if TYPE_CHECKING:
    from ..pc.machine import Machine

CF, ZF, IF = 0x0001, 0x0040, 0x0200
#: How a program ended, as AH of AH=4Dh says it.
NORMAL, CTRL_BREAK, CRITICAL, RESIDENT = 0, 1, 2, 3
HOW = {NORMAL: "exit", CTRL_BREAK: "ctrl-c", CRITICAL: "error", RESIDENT: "resident"}
#: ERRORLEVEL of a program that a divide error ends.
DIVIDE_ERROR = 255
#: Functions that look for no Ctrl-C: input and output of their own, and what INT 23h calls.
UNBROKEN = frozenset((0x06, 0x07, 0x33, 0x50, 0x51, 0x59, 0x62, 0x64))
#: The last function of DOS.
LAST = 0x6C
#: So many notes are kept.
MOST_NOTES = 64
SAVED = ("bx", "cx", "dx", "si", "di", "bp", "ds", "es")


class Ended(NamedTuple):
    """How the first program ended: ERRORLEVEL, and `HOW`."""

    errorlevel: int
    how: str


class Kernel(PioDevice):
    """DOS, as a device: an OUT in an entry is a call. Only the thread that runs the guest uses it.

    `notes` says, once each, which functions were called that it does not have, and from where.
    """

    name = "dos"
    length = 11

    def __init__(
        self,
        machine: "Machine",
        ram: Ram,
        root: Root,
        console: Console,
        on_note: Callable[[str], object] | None,
        asks: Asks | None = None,
    ) -> None:
        self.asks = Asks() if asks is None else asks
        """What it asks the host, for a recorder."""
        self.machine = machine
        self.regs = machine.vcpu.regs
        self.ram = ram
        self.root = root
        self.console = console
        self.arena = Arena(ram)
        self.handles = Handles(ram)
        self.on_note = on_note
        self.notes: list[str] = []
        self.shell = self.psp = 0
        self.dta = (0, 0x80)
        self.cwd: Path = ()
        self.verify = self.break_check = False
        self.return_code = self.last_error = 0
        self.ended: Ended | None = None
        self.searches = Searches(root)
        self.polls = Polls()
        self.fcbs = FcbFiles(root)
        self.asks.refresh = self.fcbs.close
        #: Registers of a program that waits for another one, by the PSP of that.
        self.saved: dict[int, tuple[int, ...]] = {}
        self.flushed = False
        """AH=0Ch has emptied the buffer and waits for input."""
        self._switched = self._failed = False
        self._called = 0
        self._after = 0
        self._break_sp = 0

    # -- calls -------------------------------------------------------------------------------------

    def pio_write(self, offset: int, size: int, value: int) -> None:
        """A call, if it comes from an entry: else the port has no device."""
        if self.regs.cs != guest.SEGMENT:
            return
        after = 0
        if offset == guest.INT21:
            after = self._serve()
        elif offset == guest.INT20:
            self.terminate(0, NORMAL)
        elif offset == guest.INT27:
            self.stay(0, (self.regs.dx + 15) // 16)
        elif offset == guest.INT29:
            self.console.write(bytes([self.regs.al]))
        elif offset == guest.INT23:
            self.terminate(0, CTRL_BREAK)
        elif offset == guest.INT1B:
            self.console.interrupt()
            return
        elif offset == guest.INT0:
            self.console.write(b"\r\nDivide error\r\n")
            self.terminate(DIVIDE_ERROR, CRITICAL)
        elif offset == guest.INT16:
            if self.regs.ah & 0xEE == 0:  # 00h, 01h, 10h, 11h
                self.console.feed_keyboard(self.regs.ah & 1 == 0)
            return
        elif offset == guest.NEXT:
            after = self._after
        elif offset == guest.BROKE:
            self._break_sp = self.regs.sp
            return
        elif offset == guest.CONTINUED:
            after = self._continued()
        else:
            return
        self._then(after)

    def _then(self, after: int) -> None:
        """Print what is pending, a piece at a time, then do `after`."""
        pending = self.console.pending
        piece = bytes(pending[: guest.CHUNK])
        del pending[: guest.CHUNK]
        self._after = after
        action = guest.MORE if pending else after or (guest.PRINT if piece else 0)
        at = guest.SEGMENT << 4
        self.ram.put(at + guest.ACTION, action, 1)
        self.ram.put(at + guest.COUNT, len(piece))
        self.ram.write(at + guest.TEXT, piece)

    def _continued(self) -> int:
        """INT 23h of the program has returned: by IRET, go on; by RETF, which leaves the flags on
        the stack, end the program if CF is set."""
        regs = self.regs
        if regs.sp == self._break_sp:
            return self._serve()
        regs.sp = self._break_sp
        if regs.flags & CF:
            self.terminate(0, CTRL_BREAK)
            return 0
        return self._serve()

    def _serve(self) -> int:
        """INT 21h: what is to be done after the call."""
        regs = self.regs
        function = TABLE.get(regs.ah)
        frame = self._frame()
        self._switched = self._failed = False
        try:
            if self.break_check and self._called not in UNBROKEN and self.console.break_waits():
                raise Break
            if function is None:
                self.unknown()
            else:
                function(self)
            failed = self._failed
        except DosError as error:
            regs.ax = self.last_error = error.code
            failed = True
        except NotYet:
            return guest.WAIT
        except Break:
            self.console.write(b"^C\r\n")
            return guest.BREAK
        if not self._switched and (failed or (function is not None and self._called >= 0x2F)):
            self._put_flag(frame, CF, failed)
        return 0

    def _frame(self) -> int:
        """The linear address of IP, CS and flags of the caller."""
        self._called = self.regs.ah
        return (self.regs.ss << 4) + self.regs.sp

    def _put_flag(self, frame: int, flag: int, on: bool) -> None:
        flags = self.ram.u16(frame + 4)
        self.ram.put(frame + 4, flags | flag if on else flags & ~flag)

    def set_zero(self, on: bool) -> None:
        """ZF of the caller."""
        self._put_flag((self.regs.ss << 4) + self.regs.sp, ZF, on)

    def unknown(self, what: str = "") -> None:
        """A function that is not served: a note. It returns as in DOS: AL = 0 before 2Fh, DOS error
        1 up to 6Ch, and AL = 0 with CF set after that."""
        number, al = self._called, self.regs.al
        frame = (self.regs.ss << 4) + self.regs.sp
        ip, cs = self.ram.u16(frame), self.ram.u16(frame + 2)
        at = (ip - 2) & 0xFFFF
        called = self.ram.read((cs << 4) + at, 2) == b"\xcd\x21"  # else it came by CALL
        self.note(
            f"INT 21h AH={number:02X}h{what or f' AL={al:02X}h'}, "
            + (
                f"called from {cs:04x}:{at:04x}"
                if called
                else f"which returns to {cs:04x}:{ip:04x}"
            )
            + f", is not served: it returned {'CF=1, ' * (number > 0x2E)}"
            + ("AX=1" if 0x2E < number <= LAST else "AL=0")
        )
        if 0x2E < number <= LAST:
            raise DosError(INVALID_FUNCTION)
        self.regs.al = 0
        self._failed = number > LAST

    def note(self, text: str) -> None:
        """Keep a sentence for the user, once."""
        if text not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(text)
            if self.on_note is not None:
                self.on_note(text)

    # -- what functions need -----------------------------------------------------------------------

    def path(self, segment: int, offset: int) -> Path:
        """The path that a 0 ends at an address. DosError: it is none."""
        return paths.resolve(self.ram.text((segment << 4) + offset), self.cwd)

    def get(self, handle: int) -> Open:
        """The open file of a handle of the program. DosError: there is none."""
        return self.handles.get(self.psp, handle)

    @property
    def dta_at(self) -> int:
        """The linear address of the disk transfer area."""
        return (self.dta[0] << 4) + self.dta[1]

    # -- programs ----------------------------------------------------------------------------------

    def begin(self, program: str, data: bytes, tail: bytes, strings: bytes) -> None:
        """Make memory, a shell that only waits, and the first program. DosError: it cannot be
        loaded."""
        guest.install(self.ram)
        if self.console.stream is not None:
            guest.serve_keyboard(self.ram)
        self.arena.make(self.ram.u16(0x413) * 64)
        for device in ("CON", "AUX", "PRN"):
            self.handles.open[len(self.handles.open)] = Open(device, BOTH, references=1)
        table = bytes([0, 0, 0, 1, 2]) + b"\xff" * 15
        self.handles.open[0].references = 3
        self.shell = self.psp = self.arena.allocate(16, 8)
        self.arena.own(self.shell, self.shell, b"SHELL")
        env = put_environment(self.ram, self.arena, strings, "C:\\COMMAND.COM")
        self.arena.own(env, self.shell)
        make_psp(self.ram, self.shell, self.shell + 16, self.shell, env, table, b"")
        start = self.load_program(data, program, strings, tail)
        self.enter(start, guest.SEGMENT, guest.IDLE)

    def load_program(self, data: bytes, program: str, strings: bytes, tail: bytes) -> Start:
        """Load a program as a child of the one that runs. DosError: it cannot be."""
        env = put_environment(self.ram, self.arena, strings, program)
        name = program.rpartition("\\")[2].partition(".")[0].encode("cp437", "replace")
        try:
            start = load(self.ram, self.arena, data, name)
        except DosError:
            self.arena.free(env)
            raise
        self.arena.own(env, start.psp)
        block = next(each for each in self.arena.of(start.psp) if each.at + 1 == start.psp)
        table = self.handles.inherit(self.psp, self.handles.table(self.psp))
        top = start.psp + block.size
        make_psp(self.ram, start.psp, top, self.psp, env, table, tail[:126])
        return start

    def program(self, path: Path) -> bytes:
        """The bytes of a program file. DosError: there is none."""
        file = self.root.open(path, write=False)
        try:
            if file.size() > LARGEST_PROGRAM:
                raise DosError(FILE_NOT_FOUND)
            return file.read(0, LARGEST_PROGRAM)
        finally:
            file.close()

    def strings(self, segment: int) -> bytes:
        """The environment at a segment; 0: that of the program. DosError: it does not end."""
        own = self.ram.u16((self.psp << 4) + 0x2C)
        return copy_environment(self.ram, segment or own)

    def enter(self, start: Start, cs: int, ip: int) -> None:
        """Start a loaded program; it returns to CS:IP."""
        regs = self.regs
        at = self.psp << 4
        self.ram.write(at + STACK, far(regs.ss, regs.sp))
        if len(self.saved) < 1 << 16:
            self.saved[start.psp] = tuple(getattr(regs, name) for name in SAVED)
        self.become(start.psp, cs, ip)
        regs.ss, regs.sp = start.ss, (start.sp - 6) & 0xFFFF
        for offset, word in ((0, start.ip), (2, start.cs), (4, 0x7202)):
            self.ram.put((start.ss << 4) + ((start.sp - 6 + offset) & 0xFFFF), word)
        drives = self.ram.u8((start.psp << 4) + 0x5C), self.ram.u8((start.psp << 4) + 0x6C)
        regs.al, regs.ah = (0 if drive in (0, 3) else 0xFF for drive in drives)
        regs.bx, regs.cx, regs.dx = 0, 0xFF, start.psp
        regs.si, regs.di, regs.bp = start.ip, start.sp, 0x91C
        regs.ds = regs.es = start.psp
        self._switched = True

    def become(self, psp: int, cs: int, ip: int) -> None:
        """Make a loaded program the one that runs. It returns to CS:IP."""
        self.ram.write(4 * 0x22, far(cs, ip))
        self.ram.write((psp << 4) + VECTOR_22, far(cs, ip))
        self.psp = psp
        self.dta = (psp, 0x80)

    def terminate(self, code: int, how: int) -> None:
        """End the program; its files are closed and its memory is free."""
        self.handles.close_all(self.psp)
        self.fcbs.close()
        try:
            self.arena.free_all(self.psp)
        except DosError:
            self.note("a program has overwritten the memory control blocks")
        self._leave(code, how)

    def stay(self, code: int, size: int) -> None:
        """End the program; it keeps its files and `size` paragraphs of its first block."""
        try:
            self.arena.resize(self.psp, max(6, size))
        except DosError:
            self.note("a program has overwritten the memory control blocks")
        self._leave(code, RESIDENT)

    def _leave(self, code: int, how: int) -> None:
        psp, ram, regs = self.psp, self.ram, self.regs
        self.return_code = how << 8 | code
        ip, cs = ram.u16((psp << 4) + VECTOR_22), ram.u16((psp << 4) + VECTOR_22 + 2)
        ram.write(4 * 0x22, ram.read((psp << 4) + VECTOR_22, 12))
        parent = ram.u16((psp << 4) + PARENT)
        self._switched = True
        if parent in (psp, self.shell):
            self.ended = Ended(code, HOW[how])
            self.psp = self.shell
            regs.ss, regs.sp = guest.SEGMENT, guest.STACK - 6
            at = (guest.SEGMENT << 4) + guest.STACK - 6
            ram.write(at, far(guest.SEGMENT, guest.IDLE) + b"\x02\x00")
            return
        self.psp, self.dta = parent, (parent, 0x80)
        regs.sp, regs.ss = ram.u16((parent << 4) + STACK), ram.u16((parent << 4) + STACK + 2)
        for name, value in zip(SAVED, self.saved.pop(psp, ()), strict=False):
            setattr(regs, name, value)
        frame = (regs.ss << 4) + regs.sp
        ram.write(frame, far(cs, ip))
        ram.put(frame + 4, (ram.u16(frame + 4) & ~CF) | IF)
        regs.ax = 0

    def check_break(self, char: int | None) -> int:
        """The character, if there is one and it is not Ctrl-C."""
        if char is None:
            raise NotYet
        if char == CTRL_C:
            raise Break
        return char

    def close_files(self) -> None:
        """Close what is open on the host."""
        self.handles.close_files()
        self.fcbs.close()

    # -- state -------------------------------------------------------------------------------------

    def state(self) -> Values:
        """The state of DOS that is not in guest memory. Open files are in it by name."""
        return {
            "psp": self.psp,
            "shell": self.shell,
            "dta": list(self.dta),
            "cwd": list(self.cwd),
            "flags": [self.verify, self.break_check, self.flushed],
            "numbers": [self.return_code, self.last_error, self._after, self._break_sp],
            "strategy": self.arena.strategy,
            "ended": None if self.ended is None else list(self.ended),
            "polls": self.polls.state(),
            "searches": list(self.searches.state()),
            "saved": [[psp, *values] for psp, values in self.saved.items()],
            "notes": list(self.notes),
            "called": self._called,
            "room": [self.root.room, self.root.created],
            "console": self.console.state(),
            "open": self.handles.state(),
        }

    def load(self, values: Values) -> None:
        """Restore what `state()` returned; files are opened again by name. ValueError: it is no
        such state, or a file is not there; nothing has changed."""
        psp, shell = (take_whole(values, name, 0, 0xFFFF) for name in ("psp", "shell"))
        dta = _whole_list(values, "dta", 2, 0xFFFF)
        cwd = tuple(_texts(take(values, "cwd", list)))
        flags = [bool(each) for each in _whole_list(values, "flags", 3, 1)]
        numbers = _whole_list(values, "numbers", 4, 0xFFFF)
        strategy = take_whole(values, "strategy", 0, 0xFFFF)
        called = take_whole(values, "called", 0, 0xFF)
        room = _whole_list(values, "room", 2, 1 << 62)
        ended = None
        if values.get("ended") is not None:
            level, how = [*take(values, "ended", list), None, None][:2]
            if type(level) is not int or not 0 <= level <= 255 or how not in HOW.values():
                raise ValueError("a state has no such end of a program")
            ended = Ended(level, str(how))
        polls = Polls.read(take(values, "polls", dict))
        searches = Searches.read(take(values, "searches", list))
        saved: dict[int, tuple[int, ...]] = {}
        for row in take(values, "saved", list):
            psp_, *words = row if isinstance(row, list) and row else [-1]
            saved[_word(psp_)] = tuple(_word(each) for each in words)
        notes = _texts(take(values, "notes", list))[:MOST_NOTES]
        console: Values = take(values, "console", dict)
        self.console.check(console)
        opened = Handles.read(take(values, "open", dict), self.root)
        self.close_files()
        self.handles.open = opened
        self.console.load(console)
        self.psp, self.shell, self.dta, self.cwd = psp, shell, (dta[0], dta[1]), cwd
        self.verify, self.break_check, self.flushed = flags
        self._called = called
        self.return_code, self.last_error, self._after, self._break_sp = numbers
        self.arena.strategy, self.ended = strategy, ended
        self.searches.load(searches)
        self.polls = polls
        self.saved, self.notes = saved, notes
        self.root.room, self.root.created = room

    def __repr__(self) -> str:
        return f"<Kernel of DOS, PSP {self.psp:04x}>"


def _word(value: object) -> int:
    if type(value) is not int or not 0 <= value <= 0xFFFF:
        raise ValueError(f"a state of DOS has {value!r} instead of a word")
    return value


def _whole_list(values: Values, name: str, size: int, most: int) -> list[int]:
    found = take(values, name, list)
    if len(found) != size:
        raise ValueError(f"a state of DOS has {len(found)} values in {name!r}, not {size}")
    return [take_whole({name: int(v) if type(v) is bool else v}, name, 0, most) for v in found]


def _texts(values: list[object]) -> list[str]:
    if not all(isinstance(each, str) for each in values):
        raise ValueError("a state of DOS has a name that is no text")
    return [str(each) for each in values]
