"""The monitor: do what the user types after gdb's `monitor`. Read and write no file of the host."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ...errors import Pyx86Error
from .flow import Code
from .frames import walk
from .registers import linear
from .target import Target, read

if TYPE_CHECKING:
    from ... import _core
    from ...saved.state import State
    from ...structs import PicState, PitChannel

#: States that are kept at a time.
MOST_STATES = 16
LONGEST_NAME = 40
#: Entries of `info history`.
HISTORY, MOST_HISTORY = 16, 4096
#: How a frame was entered.
HOW = {
    "near": "a near CALL",
    "near32": "a near CALL of 32 bits",
    "far": "a far CALL",
    "int": "an INT",
    "irq": "an interrupt",
}
STALE = "type `maintenance flush register-cache` in gdb: what it shows is from before\n"
HELP = """\
info pic           the interrupt controllers: requests, masks, in service
info pit           the three counters of the timer
info io            which device answers which ports and addresses
info ioeventfds    which writes signal an eventfd
info registers     the registers as the CPU has them, CS:IP and SS:SP included
info history [N]   the last N instructions, 16 by default
bt                 who has called whom, with CS:IP
frames on|off      off: $esp is SS * 16 + SP and $ebp is 0, and gdb's `bt` shows one frame
snapshot [NAME]    keep the state of the guest in memory
restore [NAME]     go back to it
reset              the reset button; memory keeps its contents
help               this text

gdb knows one flat memory: $eip is CS * 16 + IP, and $stack is SS * 16 + SP: x/8xh $stack.
$ip, $sp and $bp are what the CPU has. Addresses are linear: break *0x7c00, x/8xb 0xb8000.
$esp and $ebp point into a list of the callers, made for gdb's `bt`, `up`, `next` and `finish`.
`set $eip = ADDRESS` and `jump` keep CS if the address is in its segment; else both change.
Load symbols with `gdb -s FILE.elf`: with `gdb FILE.elf` gdb disassembles 32-bit code, up to
`set architecture i8086`.
"""


class Monitor:
    """The commands. `restored` is called before registers and memory are replaced; `vcpu`
    says which one gdb looks at."""

    def __init__(
        self,
        target: Target,
        restored: Callable[[], object],
        vcpu: "Callable[[], _core.Vcpu] | None" = None,
    ) -> None:
        self._target = target
        self._restored = restored
        self._vcpu = vcpu or (lambda: target.vcpus[0])
        #: Is gdb shown a call stack?
        self.frames = True
        self._states: dict[str, State] = {}

    def do(self, line: str) -> str:
        """What a command prints. Its errors are text, too."""
        name, *words = line.split() or ["help"]
        do: Callable[[list[str]], str] | None = self._commands.get(name)
        if do is None:
            return f"unknown command {_shown(name)}: `monitor help` lists the commands\n"
        try:
            return do(words)
        except (Pyx86Error, OSError, ValueError, RuntimeError, MemoryError) as error:
            return f"{name}: {error}\n"

    @property
    def _commands(self) -> dict[str, Callable[[list[str]], str]]:
        return {
            "help": lambda _: HELP,
            "info": self._info,
            "snapshot": self._snapshot,
            "savevm": self._snapshot,
            "restore": self._restore,
            "loadvm": self._restore,
            "bt": self._backtrace,
            "frames": self._frames,
            "reset": self._reset,
            "system_reset": self._reset,
        }

    # -- info ------------------------------------------------------------------------------------

    def _info(self, words: list[str]) -> str:
        topics: dict[str, Callable[[list[str]], Iterator[str]]] = {
            "pic": self._pic,
            "pit": self._pit,
            "io": self._io,
            "ioeventfds": self._ioeventfds,
            "registers": self._registers,
            "history": self._history,
        }
        topic = topics.get(words[0]) if words else None
        if topic is None:
            return f"info of what? {', '.join(topics)}\n"
        return "".join(f"{line}\n" for line in topic(words[1:])) or "none\n"

    def _pic(self, _: list[str]) -> Iterator[str]:
        chips = self._target.vm.irqchip
        for name, chip in (("master", chips.master), ("slave", chips.slave)):
            yield _pic(name, chip)

    def _pit(self, _: list[str]) -> Iterator[str]:
        pit = self._target.vm.pit
        for number, channel in enumerate(pit.channels):
            yield _channel(number, channel)
        yield f"speaker: {'on' if pit.speaker else 'off'}"

    def _io(self, _: list[str]) -> Iterator[str]:
        for name in ("pio", "mmio"):
            for each in getattr(self._target.vm, name)._table.items:
                owner = each.name.strip("'") or "-"
                yield f"{name:4} {each.start:05x}-{each.end - 1:05x} {owner}"

    def _ioeventfds(self, _: list[str]) -> Iterator[str]:
        for each in self._target.vm.ioeventfds:
            yield repr(each)

    def _registers(self, _: list[str]) -> Iterator[str]:
        for vcpu in self._target.vcpus:
            yield from _registers(vcpu)

    def _history(self, words: list[str]) -> Iterator[str]:
        count = words[0] if words else str(HISTORY)
        if not count.isascii() or not count.isdigit() or not 1 <= int(count[:9]) <= MOST_HISTORY:
            raise ValueError(f"history N: N is a number from 1 to {MOST_HISTORY}")
        for each in self._target.vcpus[0].history(int(count)):
            yield str(each)

    # -- states ----------------------------------------------------------------------------------

    @property
    def _saved(self) -> Any:
        """What has save() and restore()."""
        return self._target.machine or self._target.vm

    def _snapshot(self, words: list[str]) -> str:
        name = _name(words)
        if name is None:
            return f"snapshot NAME: a name has up to {LONGEST_NAME} characters\n"
        if name not in self._states and len(self._states) >= MOST_STATES:
            kept = ", ".join(self._states)
            return f"{MOST_STATES} states are kept: give one of their names, {kept}\n"
        if not hasattr(self._saved, "save"):
            return "this machine cannot be saved\n"
        self._states[name] = self._saved.save()
        return f"state {name!r} is kept until this session ends: `monitor restore {name}`\n"

    def _restore(self, words: list[str]) -> str:
        name = _name(words)
        state = self._states.get(name or "")
        if state is None:
            kept = ", ".join(self._states) or "none"
            return f"there is no state of this name; there are: {kept}\n"
        self._restored()
        self._saved.restore(state)
        return f"the guest is as in state {name!r}; {STALE}"

    # -- frames ----------------------------------------------------------------------------------

    def _backtrace(self, _: list[str]) -> str:
        vm, machine = self._target.vm, self._target.machine
        code = Code(lambda address, size: read(vm, address, size))
        found = walk(code, self._vcpu().regs)
        labels = None if machine is None else machine.labels()
        lines = []
        for number, frame in enumerate(found):
            label = None if labels is None else labels.label(frame.pc)
            name = "" if label is None else f" {label}"
            entered = f"  by {HOW[frame.how]}" if frame.how else ""
            lines.append(
                f"#{number:<2} {frame.cs:04x}:{frame.ip:04x} {frame.pc:06x}{name}{entered}\n"
            )
        return "".join(lines)

    def _frames(self, words: list[str]) -> str:
        if words not in (["on"], ["off"]):
            return f"frames on, or frames off; they are {'on' if self.frames else 'off'}\n"
        self.frames = words == ["on"]
        shown = "the call stack" if self.frames else "SS * 16 + SP, and $ebp is 0"
        return f"$esp shows {shown}; {STALE}"

    def _reset(self, _: list[str]) -> str:
        self._restored()
        self._target.reset()
        return f"reset; {STALE}"


def _name(words: list[str]) -> str | None:
    """The name of a state."""
    name = " ".join(words) or "default"
    return name if len(name) <= LONGEST_NAME and name.isprintable() else None


def _shown(name: str) -> str:
    return repr(name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME] + "...")


def _pic(name: str, chip: "PicState") -> str:
    return (
        f"{name:6} irr={chip.irr:08b} imr={chip.imr:08b} isr={chip.isr:08b} "
        f"vectors={chip.irq_base:02x}-{chip.irq_base + 7:02x}"
        f"{' auto-eoi' if chip.auto_eoi else ''}"
    )


def _channel(number: int, channel: "PitChannel") -> str:
    counter = channel.counter
    left = f" left={counter.left}" if counter is not None else ""
    return (
        f"counter {number}: mode {channel.mode} count={channel.count}{left} gate={channel.gate:d}"
    )


def _registers(vcpu: "_core.Vcpu") -> Iterator[str]:
    regs = vcpu.regs
    for names in (("eax", "ebx", "ecx", "edx"), ("esi", "edi", "ebp", "esp")):
        yield " ".join(f"{name}={getattr(regs, name):08x}" for name in names)
    yield " ".join(f"{name}={getattr(regs, name):04x}" for name in ("ds", "es", "fs", "gs"))
    flags = " ".join(name for name, bit in _FLAGS if regs.flags & bit)
    yield (
        f"cs:ip={regs.cs:04x}:{regs.ip:04x} ({linear(regs):05x}) "
        f"ss:sp={regs.ss:04x}:{regs.sp:04x} ({linear(regs, 'esp'):05x}) "
        f"flags={regs.flags:04x} [{flags}]"
    )


_FLAGS = (
    *(("CF", 1), ("PF", 4), ("AF", 0x10), ("ZF", 0x40), ("SF", 0x80), ("TF", 0x100)),
    *(("IF", 0x200), ("DF", 0x400), ("OF", 0x800)),
)
