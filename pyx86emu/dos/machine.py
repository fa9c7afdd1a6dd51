"""Dos: make a machine that runs one DOS program, run it, say how it ended."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from .. import _core
from ..errors import MachineError
from ..exits import ExitReason
from ..files import check_regular
from ..log import LIMIT, Log
from ..owned import Single
from ..pc.machine import Machine
from ..state import Values, take, take_whole
from . import calls as _calls  # noqa: F401 - enters the functions into the table
from .asks import AskedInput, AskedRoot, Asks
from .codes import BAD_FORMAT, DosError
from .console import Bytes, Console, Input
from .files import WRITE_LIMIT, Root
from .guest import PORT, Ram
from .kernel import Kernel
from .loading import LARGEST_COM, LARGEST_PROGRAM, environment
from .names import aliases, device, shorten

if TYPE_CHECKING:
    from ..symbols import Symbols

#: The boot sector: an IRET, which enters the program.
BOOT = b"\xcf"
LONGEST_TAIL = 126
#: The first characters of a path that is assembled.
ASM = ".asm"
#: Seconds that nasm may take.
NASM_SECONDS = 60

Program = str | os.PathLike[str] | bytes | bytearray | memoryview


class DosResult(NamedTuple):
    """How a run ended."""

    errorlevel: int | None
    """ERRORLEVEL, 0-255; None: the program has not ended."""
    how: str
    """ "exit", "ctrl-c", "error" (a divide error), "resident" (INT 27h, AH=31h); or "stopped"."""
    output: bytes
    """What it wrote to standard output and error, the newest `output_limit` bytes."""
    exit: "_core.Exit"
    """Why the machine stopped: HLT after the end of the program."""
    notes: tuple[str, ...]
    """Functions that were called and are not served, and from where."""

    @property
    def text(self) -> str:
        """The output as text of code page 437, with \\n at the ends of lines."""
        return self.output.decode("cp437").replace("\r\n", "\n").replace("\r", "")


class Dos(Single):
    """A machine with a DOS of its own and one program: a COM or EXE file, an .asm file for nasm, or
    the bytes of a program. `args` is the command line, as words or as one text.

    `root` is a directory of the host that is drive C, and without which there are no files; it is
    read-only unless `write`. `write_limit`: by so many bytes the program can make files larger.
    `stdin` is what standard input has: bytes, a stream (`console.Input`), or None for the keyboard
    of `machine`. `binary`: no line ends are changed. `env` is added to the environment.
    `on_output` gets what is written to standard output and error; `on_note` each note.
    `model`, `accel`, `clock`, `shift`, `memory` and `rtc_base` are those of `Machine`, of which
    `machine` is one: `screen`, `save()`, `restore()` and all else is there.

    MachineError: it is no program, or too large. OSError: a file cannot be read. DiskError: `root`
    is no directory. TypeError: an argument is of the wrong kind. Only the thread that runs the
    guest uses it.

    >>> hello = b"\\xb4\\x09\\xba\\x0c\\x01\\xcd\\x21\\xb8\\x07\\x4c\\xcd\\x21Hello$"
    >>> with Dos(hello) as dos:                     # mov ah,9; mov dx,10Ch; int 21h; exit 7
    ...     result = dos.run()
    >>> result.errorlevel, result.text
    (7, 'Hello')
    """

    owns = "a machine"
    instead = "make another Dos"

    def __init__(
        self,
        program: Program,
        args: Sequence[str] | str = (),
        *,
        root: str | os.PathLike[str] | None = None,
        write: bool = False,
        write_limit: int = WRITE_LIMIT,
        stdin: bytes | bytearray | memoryview | Input | None = b"",
        binary: bool = False,
        env: Mapping[str, str] | None = None,
        name: str | None = None,
        output_limit: int = LIMIT,
        on_output: Callable[[bytes], object] | None = None,
        on_note: Callable[[str], object] | None = None,
        model: str | None = None,
        accel: str = "interp",
        clock: Literal["virtual", "host"] | None = None,
        shift: int | None = None,
        memory: int = 1 << 20,
        rtc_base: datetime | None = None,
    ) -> None:
        write = _core.truth(write, "write")
        output_limit = _core.whole(output_limit, "output_limit", 0, 1 << 62)
        write_limit = _core.whole(write_limit, "write_limit", 0, 1 << 62)
        binary = _core.truth(binary, "binary")
        tail = command_tail(args)
        strings = _environment(env)
        data, file, listed = read_program(program)
        short = file_name(name or file, data)
        stream = Bytes(bytes(stdin)) if isinstance(stdin, bytes | bytearray | memoryview) else stdin
        if stream is not None and not callable(getattr(stream, "read", None)):
            raise TypeError(f"stdin must be bytes, a stream or None, not {type(stdin).__name__}")
        log = Log(output_limit)
        asks, self._root = _asked(root, {short: data}, write, write_limit)
        asks.options = {"binary": binary, "keyboard": stream is None, "limit": output_limit}
        try:
            self.machine = Machine(
                BOOT,
                model=model,
                accel=accel,
                clock=clock,
                shift=shift,
                memory=memory,
                rtc_base=rtc_base,
                no_reboot=True,
            )
        except BaseException:
            self._root.close()
            raise
        try:
            exit = self.machine.boot()
            if exit.reason is not ExitReason.MATCH:
                raise MachineError(f"the BIOS did not come to its boot sector: {exit!r}")
            self.kernel = _kernel(
                self.machine, asks, self._root, stream, log, on_output, on_note, binary=binary
            )
            self.machine.attach(self.kernel, port=PORT)
            try:
                self.kernel.begin("C:\\" + short, data, tail, strings)
            except DosError as error:
                raise MachineError(_why(error, short, data)) from None
            if listed:
                self.machine.symbols = _symbols(listed, program, self.kernel.psp << 4)
        except BaseException:
            self.close()
            raise

    @classmethod
    def replay(
        cls,
        path: str | os.PathLike[str],
        *,
        on_output: Callable[[bytes], object] | None = None,
        on_note: Callable[[str], object] | None = None,
    ) -> "Dos":
        """What `dos.machine.record(path)` has recorded, to be run again: neither the files nor the
        input are needed, and no file is written. MachineError: it is no recording of a Dos, or does
        not fit; OSError: it cannot be read."""
        from ..tools.record.recording import replay

        self = cls.__new__(cls)

        def kernel(machine: Machine, options: Values) -> Kernel:
            binary = take(options, "binary", bool)
            limit = take_whole(options, "limit", 0, 1 << 62)
            stream = None if take(options, "keyboard", bool) else Bytes(b"")
            asks, self._root = _asked(None, {}, False, 0)
            asks.options = options
            self.kernel = _kernel(
                machine, asks, self._root, stream, Log(limit), on_output, on_note, binary=binary
            )
            return self.kernel

        try:
            self.machine = replay(path, {}, {"dos": (kernel, {"port": PORT})})
        except BaseException:
            if hasattr(self, "_root"):
                self._root.close()
            raise
        if not hasattr(self, "kernel"):
            self.machine.close()
            raise MachineError(
                f"{os.fsdecode(path)} is a recording of a machine: use Machine.replay()"
            )
        return self

    def run(
        self,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
    ) -> DosResult:
        """Run until the program ends, or within limits as `Machine.run` has them; a later call goes
        on. Errors as for `Machine.run`."""
        exit = self.machine.run(timeout=timeout, wall=wall, max_instructions=max_instructions)
        return self.result(exit)

    def result(self, exit: "_core.Exit") -> DosResult:
        """How things are after the machine was run, which ended with `exit`."""
        ended = self.kernel.ended
        level, how = (None, "stopped") if ended is None else ended
        output = bytes(self.kernel.console.log)
        return DosResult(level, how, output, exit, tuple(self.kernel.notes))

    @property
    def output(self) -> bytes:
        """What the program has written so far, the newest `output_limit` bytes."""
        return bytes(self.kernel.console.log)

    def close(self) -> None:
        """Close the files and the machine. A second call does nothing."""
        kernel: Kernel | None = getattr(self, "kernel", None)
        if kernel is not None:
            kernel.close_files()
        self._root.close()
        self.machine.close()

    def __enter__(self) -> "Dos":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Dos {', '.join(self._root.programs)}, {self.machine.time:.3f} s>"


def _asked(
    root: str | os.PathLike[str] | None, programs: Mapping[str, bytes], write: bool, limit: int
) -> tuple[Asks, AskedRoot]:
    """Drive C, and who asks it."""
    asks, drive = Asks(), AskedRoot(root, programs, write, limit)
    drive.asks, asks.root = asks, drive
    return asks, drive


def _kernel(
    machine: Machine,
    asks: Asks,
    root: Root,
    stream: Input | None,
    log: Log,
    on_output: Callable[[bytes], object] | None,
    on_note: Callable[[str], object] | None,
    *,
    binary: bool,
) -> Kernel:
    """DOS for a machine."""
    ram = Ram(_Memory(machine))
    asked = None if stream is None else AskedInput(asks, stream)
    console = Console(ram, asked, log, asks.output(on_output), binary=binary)
    return Kernel(machine, ram, root, console, asks.output(on_note), asks)


class _Memory:
    """Guest memory with the video memory, which is on the bus."""

    def __init__(self, machine: Machine) -> None:
        self._vm, self._bus = machine.vm, machine.mmio

    def read(self, addr: int, size: int) -> bytes:
        try:
            return self._vm.read(addr, size)
        except ValueError:
            if not VIDEO <= addr < VIDEO_END:
                raise
            return bytes(self._bus.read(at, 1) for at in range(addr, min(addr + size, VIDEO_END)))

    def write(self, addr: int, data: bytes) -> None:
        try:
            self._vm.write(addr, data)
        except ValueError:
            if not VIDEO <= addr < VIDEO_END:
                raise
            for at, value in enumerate(data[: VIDEO_END - addr], addr):
                self._bus.write(at, 1, value)


VIDEO, VIDEO_END = 0xA0000, 0xC0000


def command_tail(args: Sequence[str] | str) -> bytes:
    """What the PSP has of the command line: a blank before each word. MachineError: it is longer
    than 126 bytes, or has a character that no command line can have.

    >>> command_tail(["/s", "a.txt"])
    b' /s a.txt'
    """
    if isinstance(args, bytes | bytearray) or not isinstance(args, str | Sequence):
        raise TypeError(f"args must be words or a text, not {type(args).__name__}")
    words = [args] if isinstance(args, str) and args else list(args)
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"args: {word!r} is no text")
    text = "".join(f" {word}" for word in words)
    try:
        tail = text.encode("cp437")
    except UnicodeEncodeError as error:
        raise MachineError(
            f"args: {text[error.start]!r} is not in code page 437: leave it out"
        ) from None
    if b"\r" in tail or b"\0" in tail:
        raise MachineError("args: a command line ends at CR and has no NUL: leave them out")
    if len(tail) > LONGEST_TAIL:
        raise MachineError(
            f"args: {len(tail)} bytes with blanks, {LONGEST_TAIL} is the most: shorten them, or "
            "put them into a file if the program takes one"
        )
    return tail


def _environment(more: Mapping[str, str] | None) -> bytes:
    variables = {"COMSPEC": "C:\\COMMAND.COM", "PATH": "C:\\", "PROMPT": "$p$g"}
    for key, value in (more or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"env: {key!r}: {value!r} are no texts")
        if not key or "=" in key or "\0" in key + value:
            raise MachineError(f"env: {key!r}: {value!r} cannot be: give NAME: TEXT without NUL")
        variables[key.upper()] = value
    try:
        strings = environment(variables)
    except UnicodeEncodeError as error:
        raise MachineError(f"env: {error.object!r} is not of code page 437") from None
    if len(strings) > LARGEST_STRINGS:
        raise MachineError(f"env: {len(strings)} bytes, {LARGEST_STRINGS} is the most")
    return strings


LARGEST_STRINGS = 0x7F00


def read_program(program: Program) -> tuple[bytes, str, str]:
    """The bytes of a program, its file name or "", and the listing of one that was assembled.
    Errors as for `Dos`."""
    if isinstance(program, bytes | bytearray | memoryview):
        data, path = bytes(program), ""
    elif isinstance(program, str | os.PathLike):
        path = os.fspath(program)
        if not isinstance(path, str):
            raise TypeError("program must be a path as text, or the bytes of a program")
        check_regular(path)
        if path.lower().endswith(ASM):
            data, listed = assemble(path)
            return data, os.path.basename(path), listed
        with open(path, "rb") as file:
            data = file.read(LARGEST_PROGRAM + 1)
    else:
        raise TypeError(f"program must be a path or bytes, not {type(program).__name__}")
    if not data:
        raise MachineError(f"{path or 'the program'} is empty: give a COM or EXE file")
    if len(data) > LARGEST_PROGRAM:
        raise MachineError(f"{path or 'the program'} has more than {LARGEST_PROGRAM} bytes")
    return data, os.path.basename(path), ""


def _symbols(listed: str, program: Program, psp: int) -> "Symbols | None":
    """The names of a program that was assembled."""
    from ..listing import read
    from ..symbols import Symbols

    found = read(listed, name=str(program))
    return None if found is None else Symbols.of(found.moved(psp))


def assemble(path: str) -> tuple[bytes, str]:
    """Assemble a COM program with nasm: `org 100h` is the source's. The program and its listing.
    MachineError: there is no nasm, or the source has errors, which are in the message."""
    nasm = shutil.which("nasm")
    if nasm is None:
        raise MachineError(
            f"{path} needs nasm, which is not installed: install it (Debian: apt-get install nasm) "
            "or give a COM or EXE file"
        )
    with open(path, "rb"):  # an OSError that names it
        pass
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "program.com")
        where = os.path.dirname(os.path.abspath(path))
        listing = os.path.join(directory, "program.lst")
        command = [nasm, "-f", "bin", "-I", where + "/", "-o", out, "-l", listing, "--", path]
        if path.startswith("-"):
            command[-1] = "./" + path
        del command[-2]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=NASM_SECONDS, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise MachineError(f"{path}: nasm took more than {NASM_SECONDS} s") from None
        if done.returncode != 0 or not os.path.exists(out):
            errors = done.stderr.decode("utf-8", "replace").strip()
            raise MachineError(f"{path} cannot be assembled:\n{errors}")
        listed = ""
        if os.path.exists(listing):
            with open(listing, "rb") as file:
                listed = file.read(LARGEST_PROGRAM).decode("utf-8", "replace")
        with open(out, "rb") as file:
            return file.read(LARGEST_PROGRAM), listed


def file_name(file: str, data: bytes) -> str:
    """The 8.3 name that a program has on drive C: that of its file, if this is a COM or EXE. What a
    program is, its first bytes say."""
    stem, _, kind = shorten(file).partition(".")
    if kind not in ("COM", "EXE"):
        kind = "EXE" if data[:2] in (b"MZ", b"ZM") else "COM"
    if not stem or device(stem):
        stem = "PROGRAM"
    plain = f"{stem}.{kind}"
    found = aliases([plain])
    return next(iter(found), f"PROGRAM.{kind}")


def _why(error: DosError, name: str, data: bytes) -> str:
    if error.code == BAD_FORMAT and data[:2] not in (b"MZ", b"ZM"):
        return f"{name}: a COM program has at most {LARGEST_COM} bytes, this one {len(data)}"
    if error.code == BAD_FORMAT:
        return f"{name} is no program of DOS: its EXE header is wrong"
    return f"{name} cannot be loaded (DOS error {error.code}): it needs more memory than there is"
