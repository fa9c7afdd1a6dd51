"""Points: join what several users ask of `Vcpu.debug`, which keeps only its last call."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .. import _core


class Asked(NamedTuple):
    """What one user asks for: the arguments of `Vcpu.debug`."""

    breakpoints: tuple[int, ...] = ()
    watch: "tuple[_core.Watchpoint, ...]" = ()
    singlestep: bool = False


class Points:
    """The breakpoints, watchpoints and single steps of one vCPU, by the name of who asks for them.

    The thread that runs the vCPU uses it, or any thread while none does. `Vcpu.debug` itself
    replaces all of them, up to the next `ask()` or `drop()`.

    >>> from pyx86emu import Vm
    >>> with Vm() as vm:
    ...     points = Points(vm.create_vcpu())
    ...     points.ask("boot", [0x7C00])
    ...     points.ask("gdb", [0x7C00, 0x8000])
    ...     points.drop("gdb")
    ...     points.others("gdb", 0x7C00), points.others("gdb", 0x8000)
    (True, False)
    """

    def __init__(self, vcpu: "_core.Vcpu") -> None:
        self._vcpu = vcpu
        self._asked: dict[str, Asked] = {}

    def ask(
        self,
        who: str,
        breakpoints: Iterable[int] = (),
        watch: "Iterable[_core.Watchpoint]" = (),
        *,
        singlestep: bool = False,
    ) -> None:
        """What `who` wants from now on, in place of what it wanted before. Errors as for
        `Vcpu.debug`; then it has what it had."""
        asked = Asked(tuple(breakpoints), tuple(watch), singlestep)
        self._set({**self._asked, who: asked})

    def drop(self, who: str) -> None:
        """`who` wants nothing any more."""
        self._set({name: asked for name, asked in self._asked.items() if name != who})

    def others(self, who: str, pc: int) -> bool:
        """Does someone else have a breakpoint at this linear address?"""
        return any(name != who and pc in asked.breakpoints for name, asked in self._asked.items())

    def _set(self, asked: dict[str, Asked]) -> None:
        wanted = asked.values()
        self._vcpu.debug(
            any(each.singlestep for each in wanted),
            list(dict.fromkeys(point for each in wanted for point in each.breakpoints)),
            [point for each in wanted for point in each.watch],
        )
        self._asked = asked


class Debugger(Protocol):
    """What a machine uses of a debugger that is attached to it."""

    @property
    def stopped(self) -> bool:
        """Does the debugger hold the guest? Then `run()` returns DEADLINE soon."""
        ...

    def run(
        self,
        max_instructions: int | None = None,
        *,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
    ) -> "_core.Exit":
        """`Vcpu.run_until`, with the debugger served before and after it."""
        ...

    def close(self, status: int) -> None:
        """The machine is closed; `status` is the guest's exit status."""
        ...
