"""The guest of a job: make its machine, do its steps, judge how it ended. Knows no processes."""

import hashlib
import os
import socket
import traceback
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import TYPE_CHECKING, Literal, cast

from ...errors import Pyx86Error
from ...exits import ExitReason
from ...pc.ending import ending
from ...pc.expect import Expectations, Expected
from ...pc.limits import Limits, Watch
from ...pc.machine import Machine
from ...pc.stops import stopped
from ...saved.state import State
from .contents import Content
from .jobs import DEFAULT_STOPS, Golden, Job, Result, Send, Type, Wait, pattern

if TYPE_CHECKING:
    from ..._core import Exit

#: A guest that has sent and drawn nothing for so many guest seconds is quiet; after the second
#: number it is taken as it is.
QUIET, AT_LAST = 0.5, 10.0
SLICE = 0.05
#: A failure brings so many instructions.
GOOD_ENDS = ("halt", "time", "instructions")
WORDS = {
    ExitReason.HLT: "halt",
    ExitReason.SHUTDOWN: "shutdown",
    ExitReason.DEADLINE: "time",
    ExitReason.BUDGET: "instructions",
    ExitReason.INTERNAL_ERROR: "unsupported",
}
#: The files of a failure that is kept.
BEFORE, AFTER = "before.state", "end.state"


def here() -> str:
    """The name of this worker."""
    return f"{socket.gethostname()}:{os.getpid()}"


def run_job(job: Job, index: int = 0, keep: bool = False) -> Result:
    """Run a job in this thread. `keep`: a failure brings its screen and states.

    What the guest does wrong is the outcome "failed"; what the host cannot do, "error". Nothing is
    raised but what ends a process.
    """
    start = perf_counter()
    try:
        with machine_of(job) as m:
            result = _Run(job, m, keep).result(index)
    except (Pyx86Error, OSError, MemoryError, TypeError, ValueError) as error:
        text = f"{type(error).__name__}: {error}"
        result = Result(index, job.name, "error", text)
    except Exception as error:  # a bug: it must not end the other jobs
        text = f"this is a bug of pyx86emu, please report it: {error!r}\n{traceback.format_exc()}"
        result = Result(index, job.name, "error", text)
    wall = round(perf_counter() - start, 6)
    return replace(result, wall_seconds=wall, worker=here())


def machine_of(job: Job) -> Machine:
    """The machine of a job, with its state restored. Errors as those of Machine."""

    def disk(content: Content | None) -> bytes | str | None:
        return None if content is None else content.image()

    m = Machine(
        disk(job.image),
        fda=disk(job.fda),
        fdb=disk(job.fdb),
        hda=disk(job.hda),
        hdb=disk(job.hdb),
        order=job.order,
        accel=job.accel,
        model=job.model,
        memory=job.memory,
        clock=cast(Literal["virtual", "host"] | None, job.clock),
        shift=job.shift,
        rtc_base=None if job.rtc is None else datetime.fromisoformat(job.rtc),
        no_reboot=job.no_reboot,
    )
    if job.state is not None:
        try:
            m.restore(State.from_bytes(job.state.read()))
        except BaseException:
            m.close()
            raise
    return m


def golden_bytes(m: Machine, name: str) -> bytes | None:
    """The screen as a golden file of this name has it; None: a graphics mode has no text."""
    if name.endswith(".png"):
        return m.screen.png()
    text = m.screen.text
    return None if text is None else golden_text(text)


def golden_text(text: str) -> bytes:
    """A text screen as it is compared: without blanks at the ends of lines and of the text.

    >>> golden_text("A:\\\\> \\n\\n")
    b'A:\\\\>\\n'
    """
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


class _Failed(Exception):
    """The guest did something else than the job says."""


class _Run:
    """One attempt."""

    def __init__(self, job: Job, m: Machine, keep: bool) -> None:
        self.job, self.m, self.keep = job, m, keep
        self.limits = Limits(
            m, None, job.timeout, wall=job.wall, max_instructions=job.max_instructions
        )
        self.nothing = self.limits.watch
        self.texts = Expectations(m.screen, m.serial_log, m.debug.log)
        self.step = 0
        self.waited = job.state is not None
        self.exit: Exit | None = None
        self.before: State | None = None
        self.goldens: list[tuple[str, bytes]] = []
        self.traced = m.vm.accel == "interp"
        if self.traced:
            m.vcpu.record_history = True
        stops = job.stop_on
        m.stop_on = (DEFAULT_STOPS if self.traced else ()) if stops is None else stops

    def result(self, index: int) -> Result:
        message, end = "", ""
        try:
            for step in self.job.steps:
                self._save()
                self._do(step)
                self.step += 1
            end = self._finish()
            self._judge(end)
        except _Failed as failure:
            message = str(failure)
        return self._result(index, message, end)

    # -- steps -------------------------------------------------------------------------

    def _save(self) -> None:
        if self.keep and self.m.vm.capabilities.save:
            self.before = self.m.save()

    def _do(self, step: object) -> None:
        if isinstance(step, Wait):
            self._wait(step)
            self.waited = True
        elif isinstance(step, Golden):
            self._compare(step)
            self.waited = True
        else:
            if not self.waited:
                self._settle()
            if isinstance(step, Type):
                self.m.keyboard.type(step.text)
            elif isinstance(step, Send):
                self.m.uart.receive(step.text.encode("cp437"))

    def _run(self, watch: Watch, seconds: float | None) -> "Exit":
        self.limits.watch = watch
        self.exit = self.limits.run(seconds)
        return self.exit

    def _wait(self, step: Wait) -> None:
        if not isinstance(step.what, str):
            exit = self._run(self.nothing, step.what)
            if exit.reason is not ExitReason.DEADLINE or self.limits.over:
                raise self._failed(f"wait {step.what:g} guest seconds", exit)
            return
        watch = Expected(self.texts, pattern(step.what))
        if not watch.seen():
            exit = self._run(watch, step.timeout)
            if watch.found is None:
                raise self._failed(f"wait {step.what!r} was not met", exit)

    def _settle(self) -> None:
        """Run until the guest has booted and is quiet, or has ended."""
        m, since = self.m, self.m.time
        seen: object = None
        start = since
        while not self.limits.over and not self.limits.spent:
            exit = self._run(self.nothing, SLICE)
            now = (m.screen.version, m.serial_log.total, m.debug.log.total, m.booted)
            if exit.reason is not ExitReason.DEADLINE:
                return
            if now != seen:
                seen, since = now, m.time
            if m.booted and (m.time - since >= QUIET or m.time - start >= AT_LAST):
                return

    def _compare(self, step: Golden) -> None:
        self._settle()
        seen = golden_bytes(self.m, step.name)
        if seen is None:
            mode = self.m.screen.mode_name
            raise _Failed(
                f"{self._number}the screen shows {mode}, not text: give golden a file in .png"
            )
        if step.sha256 is None:
            self.goldens.append((step.name, seen))
        elif hashlib.sha256(seen).hexdigest() != step.sha256:
            raise _Failed(f"{self._number}the screen is not the golden one of {step.name}")

    @property
    def _number(self) -> str:
        return f"step {self.step + 1} of {len(self.job.steps)}: "

    def _failed(self, what: str, exit: "Exit") -> _Failed:
        m = self.m
        return _Failed(
            f"{self._number}{what} ({exit.reason.name} at {exit.cs:04x}:{exit.ip:04x}, "
            f"{m.time:.3f} guest seconds): {self._why(exit)}"
        )

    def _why(self, exit: "Exit") -> str:
        """How the run ended, in a sentence."""
        return exit.message or "a stop" if stopped(exit) else ending(self.m, exit).text

    # -- the end -----------------------------------------------------------------------

    def _finish(self) -> str:
        """Run to the end. How it ended: a word of ENDS, or "steps"."""
        job, steps = self.job, self.job.steps
        if steps and isinstance(steps[-1], (Wait, Golden)) and not job.end and job.status is None:
            return "steps"
        self._run(self.nothing, None)
        return self._end()

    def _end(self) -> str:
        """How the last run ended, as a word of ENDS; "" if there was none."""
        if self.m.exit_status is not None:
            return "exit"
        exit = self.exit
        if exit is not None and stopped(exit):
            return "stop"
        return "" if exit is None else WORDS.get(exit.reason, exit.reason.name.lower())

    def _judge(self, end: str) -> None:
        job, m, exit = self.job, self.m, self.exit
        if end != "steps":
            assert exit is not None
            good = job.end or (GOOD_ENDS if job.status is None else ("exit",))
            if end not in good:
                more = "" if job.end or job.status is not None else self._advice(end)
                raise _Failed(
                    f"the run ended with {end!r}, not {' or '.join(map(repr, good))}: "
                    f"{self._why(exit)}{more}"
                )
            if not job.end and job.state is None and not m.booted:
                raise _Failed(ending(m, exit).text)
        if job.status is not None and m.exit_status != job.status:
            raise _Failed(f"the guest ended with status {m.exit_status}, the job says {job.status}")
        texts = (m.screen.text or "", m.serial_text, m.debug_text)
        for each in job.expect:
            if not any(pattern(each).search(text) for text in texts):
                raise _Failed(f"expect {each!r} is in no text at the end")
        for each in job.refuse:
            for where, text in zip(("screen", "serial", "debug"), texts, strict=True):
                if (found := pattern(each).search(text)) is not None:
                    raise _Failed(f"refuse {each!r} is in the {where} text: {found[0]!r}")

    def _advice(self, end: str) -> str:
        if end == "exit":
            return f"; if that is right, write status = {self.m.exit_status}"
        return f'; if that is right, write end = "{end}"'

    def _result(self, index: int, message: str, end: str) -> Result:
        m, job, exit = self.m, self.job, self.exit
        regs = m.vcpu.regs
        most = job.texts

        def newest(text: str) -> str:
            return text[-most:] if most else ""

        screen = m.screen.text
        return Result(
            index,
            job.name,
            "failed" if message else "passed",
            message,
            end or self._end(),
            exit.reason.name if exit is not None else "",
            regs.cs,
            regs.ip,
            m.vcpu.instructions,
            m.time,
            status=m.exit_status,
            step=self.step,
            screen=None if screen is None else newest(golden_text(screen).decode()),
            screen_mode=m.screen.mode_name,
            serial=newest(m.serial_text),
            debug=newest(m.debug_text),
            last=self._last() if message else (),
            goldens=tuple(self.goldens),
            kept=self._kept() if message and self.keep else (),
        )

    def _last(self) -> tuple[str, ...]:
        """The last instructions, in words."""
        from ..trail import trail, trail_of  # only here: a job that passes needs none

        return tuple(trail(self.m) if self.exit is None else trail_of(self.m, self.exit))

    def _kept(self) -> tuple[tuple[str, bytes], ...]:
        """The screen, and the states before the step that failed and now."""
        kept = [("screen.png", self.m.screen.png())]
        if self.m.vm.capabilities.save:
            if self.before is not None:
                kept.append((BEFORE, self.before.to_bytes()))
            kept.append((AFTER, self.m.save().to_bytes()))
        return tuple(kept)
