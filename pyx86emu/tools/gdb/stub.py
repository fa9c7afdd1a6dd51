"""The stub: answer gdb's packets about a stopped target. Know no socket and run nothing.

What it cannot do gets the empty reply, as the protocol asks (GDB manual, appendix E.2, "Packets"):
also every packet that would read or write files of the host (vFile).
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ...errors import MachineError, Pyx86Error
from . import callstack, registers
from .breakpoints import ON_CODE, WORDS, Breakpoints, Kind, Point
from .description import memory_map, target
from .monitor import Monitor
from .packets import MOST, escaped
from .registers import Refused
from .target import Target, read, write

if TYPE_CHECKING:
    from ... import _core

SIGINT, SIGILL, SIGTRAP, SIGSEGV = 2, 4, 5, 11
HEX = re.compile(rb"[0-9a-fA-F]{1,16}")
#: For these packets gdb takes an error only as a number.
BY_NUMBER = frozenset((b"m", b"M", b"X", b"T", b"H"))
EFAULT = b"E0e"
#: The guest is where the recording begins: gdb says that there is no more history.
AT_THE_BEGIN = b"replaylog:begin;"
#: So much memory does one packet read.
MOST_MEMORY = MOST // 2 - 16
#: What a monitor command says in one packet.
CHUNK = MOST // 2 - 16
#: The memory map reaches the end of what real mode reaches, at least.
REACHED = registers.LAST + 1
WHO = "gdb"
#: The stub asks gdb for these symbols of the linker's, to know what gdb's symbols are about.
ASKED = (b"_start", b"_end")


class Resume(NamedTuple):
    """How the guest goes on. `step`: the vCPU that executes one instruction, or instructions while
    it is in `within`. Without: the vCPUs `among` run; None: all."""

    step: int | None = None
    within: tuple[int, int] = (0, 0)
    among: tuple[int, ...] | None = None


class Runner(Protocol):
    """What the stub asks of who runs the target."""

    def resume(self, how: Resume) -> None:
        """Let the guest run."""
        ...

    def send(self, body: bytes) -> None:
        """Send a packet before the reply."""
        ...

    def end(self, *, kill: bool) -> None:
        """The session is over: gdb has detached, or wants the run to end."""
        ...

    def aside(self) -> AbstractContextManager[object]:
        """In this context the machine runs as without gdb, to go back in its recording."""
        ...

    def changed(self) -> None:
        """Registers or memory are no longer what the last exit has left."""
        ...


class Stub:
    """One session. `handle(packet)` returns the body of the reply; None: it comes later, or there
    is none. Nothing that a packet contains makes it raise."""

    def __init__(self, to: Target, runner: Runner) -> None:
        self.target = to
        self.runner = runner
        self.breakpoints = Breakpoints()
        self.monitor = Monitor(to, self._restored, lambda: self.vcpu)
        #: No "+" for each packet any more.
        self.quiet = False
        self.why: bytes = b"T%02x" % SIGTRAP
        #: The vCPU that the last stop was of, and that `g` and `m` are about.
        self.current = 0
        self._tells_software = False
        #: Was gdb told that it can go back?
        self._reversed = False
        #: The vCPU that `c` and `s` are about (Hc); None: all.
        self._chosen: int | None = None
        self._stacks: dict[int, callstack.CallStack] = {}
        #: gdb's values of the symbols ASKED; None: it has said that it has none at all.
        self._symbols: dict[bytes, int] | None = None

    # -- packets ---------------------------------------------------------------------------------

    def handle(self, packet: bytes) -> bytes | None:
        """Answer a packet."""
        try:
            return self._answer(packet)
        except (Refused, Pyx86Error, ValueError, RuntimeError, OSError, MemoryError) as error:
            return EFAULT if packet[:1] in BY_NUMBER else self._refusal(str(error))

    def _answer(self, packet: bytes) -> bytes | None:
        if packet[:1] in (b"q", b"Q", b"v"):
            name = re.match(rb"[qQv][A-Za-z?]*", packet)
            word = name[0] if name else b""
            do = LONG.get(word)
            return b"" if do is None else do(self, packet[len(word) :])
        do = SHORT.get(packet[:1])
        return b"" if do is None else do(self, packet[1:])

    @staticmethod
    def _refusal(text: str) -> bytes:
        """gdb shows this text."""
        return b"E." + re.sub(r"[^ -~]|[#$}*]", "?", text)[:500].encode("ascii")

    @property
    def vcpu(self) -> "_core.Vcpu":
        """The vCPU that packets are about."""
        return self.target.vcpus[self.current]

    # -- registers and memory --------------------------------------------------------------------

    @property
    def stack(self) -> "callstack.CallStack | None":
        """The call stack that gdb is shown; None: `monitor frames off`. It is found once a stop."""
        if not self.monitor.frames:
            return None
        found = self._stacks.get(self.current)
        if found is None:
            vm = self.target.vm
            found = self._stacks[self.current] = callstack.call_stack(
                lambda address, size: read(vm, address, size), self.vcpu.regs, self._known
            )
        return found

    @property
    def _known(self) -> "callstack.Known | None":
        if self._symbols is None:
            return None
        low = self._symbols.get(b"_start", 0) & ~0xFFF
        high = self._symbols.get(
            b"_end", callstack.ROMS if low < callstack.ROMS else registers.LAST
        )
        names = getattr(self.target.machine, "symbols", None) or {}
        return callstack.Known(low, high, sorted({names[name] for name in names}))

    def _changes(self) -> None:
        """Registers or memory change."""
        self._stacks.clear()
        self.runner.changed()

    def _g(self, _: bytes) -> bytes:
        return registers.read_all(self.vcpu.regs, self.stack).hex().encode()

    def _write_all(self, rest: bytes) -> bytes:
        shown = self.stack
        self._changes()
        registers.write_all(self.vcpu.regs, _bytes(rest), shown)
        return b"OK"

    def _p(self, rest: bytes) -> bytes:
        return registers.read(self.vcpu.regs, _number(rest), self.stack).hex().encode()

    def _write_one(self, rest: bytes) -> bytes:
        number, _, value = rest.partition(b"=")
        self._changes()
        registers.write(self.vcpu.regs, _number(number), _bytes(value))
        return b"OK"

    def _m(self, rest: bytes) -> bytes:
        address, size = _two(rest)
        size = min(size, MOST_MEMORY)
        shown = self.stack if address >= callstack.AT else None
        data = shown.read(address, size) if shown else read(self.target.vm, address, size)
        if size and not data:
            raise Refused(f"there is no memory at {address:#x}")
        return data.hex().encode()

    def _write_hex(self, rest: bytes) -> bytes:
        where, _, data = rest.partition(b":")
        return self._store(where, _bytes(data))

    def _write_binary(self, rest: bytes) -> bytes:
        where, _, data = rest.partition(b":")
        return self._store(where, data)

    def _store(self, where: bytes, data: bytes) -> bytes:
        address, size = _two(where)
        if size != len(data):
            raise Refused(f"{size} bytes are announced and {len(data)} are there")
        self._changes()
        if not write(self.target.vm, address, data):
            raise Refused(f"there is no memory at {address:#x}, or not after it")
        return b"OK"

    # -- breakpoints -----------------------------------------------------------------------------

    def _insert(self, rest: bytes) -> bytes:
        point = _point(rest)
        self.breakpoints.add(*point)
        if point[0] in ON_CODE:  # placed when the guest goes on: gdb may set thousands at each stop
            return b"OK"
        try:
            self.place()
        except BaseException:
            self.breakpoints.remove(*point)
            raise
        return b"OK"

    def _remove(self, rest: bytes) -> bytes:
        point = _point(rest)
        self.breakpoints.remove(*point)
        if point[0] not in ON_CODE:
            self.place()
        return b"OK"

    def place(self, step: int | None = None) -> None:
        """Give the vCPUs the breakpoints, and the one numbered `step` a single step."""
        for number, points in enumerate(self.target.points):
            points.ask(
                WHO,
                self.breakpoints.addresses,
                self.breakpoints.watch,
                singlestep=number == step,
            )

    # -- going on --------------------------------------------------------------------------------

    def _continue(self, rest: bytes) -> None:
        chosen = self._chosen
        self._resume(Resume() if chosen is None else Resume(among=(chosen,)), rest)

    def _step(self, rest: bytes) -> None:
        self._resume(Resume(self.current if self._chosen is None else self._chosen), rest)

    def _continue_signal(self, rest: bytes) -> None:
        self._continue(rest.partition(b";")[2])

    def _step_signal(self, rest: bytes) -> None:
        self._step(rest.partition(b";")[2])

    def _resume(self, how: Resume, at: bytes = b"") -> None:
        if at:
            self._changes()
            registers.jump(self.vcpu.regs, _number(at))
        self.runner.resume(how)

    def _v_cont(self, rest: bytes) -> bytes | None:
        if rest[:1] != b";":
            return b""
        left = set(range(len(self.target.vcpus)))
        steps, runs = dict[int, bytes](), set[int]()
        for action in rest[1:].split(b";"):  # the first one that fits a thread counts
            what, _, thread = action.partition(b":")
            if what[:1] not in (b"c", b"C", b"s", b"S", b"r", b"t"):
                raise Refused(f"vCont: unknown action {what[:10]!r}")
            number = self._thread(thread)
            for one in left & (left if number is None else {number}):
                left.discard(one)
                if what[:1] in (b"s", b"S", b"r"):
                    steps[one] = what
                elif what[:1] in (b"c", b"C"):
                    runs.add(one)
        if steps:  # one vCPU is stepped at a time, and the others stand still
            number = self.current if self.current in steps else min(steps)
            self.runner.resume(Resume(number, _range(steps[number])))
        elif runs:
            whole = len(runs) == len(self.target.vcpus)
            self.runner.resume(Resume(among=None if whole else tuple(sorted(runs))))
        else:
            raise Refused("vCont: no thread would run")
        return None

    def _backward(self, rest: bytes) -> bytes:
        """bs and bc: one instruction back, or back to a breakpoint."""
        machine: Any = self.target.machine
        if rest not in (b"s", b"c") or not (self.reverses or self._reversed):
            return b""
        if not self.reverses:
            raise Refused("this machine is not recorded any more: call m.record()")
        self._changes()
        with self.runner.aside():
            if rest == b"s":
                return self._one_back(machine)
            points, watch = self.breakpoints.addresses, self.breakpoints.watch
            exit = machine.run_back(until=points, watch=watch)
        if exit is None:
            return self.stopped(AT_THE_BEGIN)
        return self.stopped(self._hit(exit) or b"")

    def _one_back(self, machine: Any) -> bytes:
        before = machine.vcpu.instructions
        try:
            machine.step_back()
        except MachineError:
            if machine.vcpu.instructions != before:
                raise
            return self.stopped(AT_THE_BEGIN)
        return self.stopped()

    @property
    def reverses(self) -> bool:
        """Can the guest go back? It must be recorded."""
        machine = self.target.machine
        return hasattr(machine, "step_back") and getattr(machine, "recording", True) is not None

    # -- stops -----------------------------------------------------------------------------------

    def stopped(self, what: bytes = b"", signal: int = SIGTRAP) -> bytes:
        """The stop reply. It has the registers that gdb looks at first."""
        self._stacks.clear()
        regs, shown = self.vcpu.regs, self.stack
        some = b"".join(
            b"%x:%s;" % (number, registers.read(regs, number, shown).hex().encode())
            for number in map(registers.number_of, ("ebp", "esp", "eip"))
        )
        self.why = b"T%02x%sthread:%x;%s" % (signal, some, self.current + 1, what)
        return self.why

    def stop_of(self, number: int, exit: "_core.Exit") -> bytes | None:
        """The stop reply for an Exit(DEBUG) of a vCPU; None: it is none of gdb's."""
        what = self._hit(exit)
        if what is None:
            return None
        self.current = number
        return self.stopped(what)

    def _hit(self, exit: "_core.Exit") -> bytes | None:
        """What a breakpoint or watchpoint of gdb's adds to the stop reply."""
        if exit.watch is not None and exit.watch_addr is not None:
            point = self.breakpoints.accessed(exit.watch, exit.watch_addr)
            if point is not None:
                return WORDS[point.kind].encode() + b"%x;" % exit.watch_addr
        point = self.breakpoints.at(exit.pc)
        if point is None:
            return None
        return self._word(point)

    def _word(self, point: Point) -> bytes:
        if point.kind is Kind.SOFTWARE and not self._tells_software:
            return b""
        return WORDS[point.kind].encode() + b";"

    def _question(self, _: bytes) -> bytes:
        return self.stopped()

    # -- sessions --------------------------------------------------------------------------------

    def _detach(self, _: bytes) -> bytes:
        self.runner.end(kill=False)
        return b"OK"

    def _kill(self, _: bytes) -> None:
        self.runner.end(kill=True)

    def _v_kill(self, _: bytes) -> None:
        self.runner.send(b"OK")  # before the connection ends
        self.runner.end(kill=True)

    def _restart(self, _: bytes) -> None:
        self._restored()
        self.target.reset()

    def _restored(self) -> None:
        self._changes()

    def _extended(self, _: bytes) -> bytes:
        return b"OK"

    # -- threads ---------------------------------------------------------------------------------

    def _thread(self, text: bytes) -> int | None:
        """The number of the vCPU; None: any or all. Refused: there is no such thread."""
        if text in (b"0", b"-1", b""):
            return None
        number = _number(text) - 1
        if not 0 <= number < len(self.target.vcpus):
            raise Refused(f"there is no thread {number + 1}")
        return number

    def _choose(self, rest: bytes) -> bytes:
        if rest[:1] not in (b"g", b"c"):
            return b""
        number = self._thread(rest[1:])
        if rest[:1] == b"c":
            self._chosen = number
        elif number is not None:
            self.current = number
        return b"OK"

    def _alive(self, rest: bytes) -> bytes:
        self._thread(rest)
        return b"OK"

    def _threads(self, _: bytes) -> bytes:
        return b"m" + b",".join(b"%x" % (n + 1) for n in range(len(self.target.vcpus)))

    def _extra(self, rest: bytes) -> bytes:
        number = self._thread(rest[1:])
        return repr(self.target.vcpus[number or 0])[1:-1].encode().hex().encode()

    # -- what is there ---------------------------------------------------------------------------

    def _supported(self, rest: bytes) -> bytes:
        self._tells_software = b"swbreak+" in rest
        words = [f"PacketSize={MOST:x}", "QStartNoAckMode+", "qXfer:features:read+"]
        words += ["qXfer:memory-map:read+", "swbreak+", "hwbreak+", "vContSupported+"]
        self._reversed = self.reverses
        if self._reversed:
            words += ["ReverseStep+", "ReverseContinue+"]
        return ";".join(words).encode()

    def _xfer(self, rest: bytes) -> bytes:
        match = re.fullmatch(rb":([a-z-]+):read:([a-z.-]*):([0-9a-f]{1,8}),([0-9a-f]{1,8})", rest)
        if match is None:
            return b""
        if match[1] == b"features":
            if match[2] != b"target.xml":
                return b"E00"
            text = target()
        elif match[1] == b"memory-map":
            slots = self.target.vm.slots
            roms = [(slot.addr, slot.addr + slot.size) for slot in slots if slot.readonly]
            end = max([REACHED, *(slot.addr + slot.size for slot in slots)])
            text = memory_map(end, [*roms, (callstack.AT, callstack.END)])
        else:
            return b""
        start, size = int(match[3], 16), min(int(match[4], 16), MOST // 2)
        part = text.encode()[start : start + size]
        return (b"m" if start + size < len(text) else b"l") + escaped(part)

    def _symbol(self, rest: bytes) -> bytes:
        """gdb has symbols: ask for the value of some, one by one."""
        value, _, name = rest[1:].partition(b":")
        if self._symbols is None or not name:
            self._symbols = {}
        if name and value:
            self._symbols[_bytes(name)] = _number(value)
        self._stacks.clear()
        following = ASKED[ASKED.index(_bytes(name)) + 1 :] if name else ASKED
        return b"qSymbol:" + following[0].hex().encode() if following else b"OK"

    def _command(self, rest: bytes) -> bytes:
        text = self.monitor.do(_bytes(rest.removeprefix(b",")).decode("utf-8", "replace"))
        data = text.encode("utf-8", "replace")
        for at in range(0, len(data), CHUNK):
            self.runner.send(b"O" + data[at : at + CHUNK].hex().encode())
        return b"OK"

    def _no_ack(self, _: bytes) -> bytes:
        """QStartNoAckMode: this packet still gets its "+"."""
        self.quiet = True
        return b"OK"


_Answer = Callable[[Stub, bytes], bytes | None]
SHORT: dict[bytes, _Answer] = {
    b"!": Stub._extended,
    b"?": Stub._question,
    b"b": Stub._backward,
    b"c": Stub._continue,
    b"C": Stub._continue_signal,
    b"D": Stub._detach,
    b"g": Stub._g,
    b"G": Stub._write_all,
    b"H": Stub._choose,
    b"k": Stub._kill,
    b"m": Stub._m,
    b"M": Stub._write_hex,
    b"p": Stub._p,
    b"P": Stub._write_one,
    b"R": Stub._restart,
    b"s": Stub._step,
    b"S": Stub._step_signal,
    b"T": Stub._alive,
    b"X": Stub._write_binary,
    b"z": Stub._remove,
    b"Z": Stub._insert,
}
LONG: dict[bytes, _Answer] = {
    b"QStartNoAckMode": Stub._no_ack,
    b"qAttached": lambda stub, _: b"1",
    b"qC": lambda stub, _: b"QC%x" % (stub.current + 1),
    b"qRcmd": Stub._command,
    b"qSupported": Stub._supported,
    b"qSymbol": Stub._symbol,
    b"qThreadExtraInfo": Stub._extra,
    b"qXfer": Stub._xfer,
    b"qfThreadInfo": Stub._threads,
    b"qsThreadInfo": lambda stub, _: b"l",
    b"vCont": Stub._v_cont,
    b"vCont?": lambda stub, _: b"vCont;c;C;s;S;t;r",
    b"vKill": Stub._v_kill,
}


def close(stub: Stub) -> None:
    """The session is over: its breakpoints go."""
    stub.breakpoints.clear()
    for points in stub.target.points:
        with suppress(OSError, RuntimeError):
            points.drop(WHO)


def _number(text: bytes) -> int:
    if not HEX.fullmatch(text):
        raise Refused(f"{text[:20].decode('latin-1')!r} is no hexadecimal number")
    return int(text, 16)


def _two(text: bytes) -> tuple[int, int]:
    """ADDR,LENGTH."""
    first, _, second = text.partition(b",")
    return _number(first), _number(second)


def _bytes(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise Refused("the data is no hexadecimal text") from None


def _point(rest: bytes) -> tuple[int, int, int]:
    """TYPE,ADDR,KIND; conditions and commands after ";" were not offered and are not looked at."""
    parts = rest.partition(b";")[0].split(b",")
    if len(parts) != 3:
        raise Refused("a Z packet has a type, an address and a kind")
    kind, address, length = map(_number, parts)
    return kind, address, length


def _range(action: bytes) -> tuple[int, int]:
    """Of "rSTART,END"; empty for "s" and "S"."""
    return _two(action[1:]) if action[:1] == b"r" else (0, 0)
