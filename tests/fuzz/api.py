"""The API with hostile values, in a child process: values and documented errors, nothing else.

The child calls; the parent says how it died if it did. Which calls, the seed alone decides.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import gc
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import MemberDescriptorType
from typing import Any

from tests.harness import wait_until

from .apitargets import WAITS, Target, parameters, some, targets
from .apivalues import Boom, value

CALLS = 60
#: Real seconds: of a call that waits by design, of any other, of the whole child.
WAIT, SLOW, WHOLE = 0.2, 8.0, 40
#: Real seconds for a thread to end after its owner is gone.
PATIENCE = 1.0
#: As many may a child have open; the last is its log.
DESCRIPTORS = 200
#: Objects that are kept for later calls.
KEPT = 24
#: What a hostile object calls from inside a call.
AGAIN = ("close", "reset", "deassign", "delete", "kick", "stop", "run", "drain", "remove")
EXPECTED = (
    TypeError, ValueError, OSError, RuntimeError, LookupError, AttributeError, MemoryError,
    BufferError, Boom,
)  # fmt: skip
#: Subclasses of them that say that something went wrong inside.
WRONG = (NotImplementedError, RecursionError)
#: Words of C and Cython in a message.
INTERNAL = re.compile(
    r"Python int too large|convert to C|to C (long|int|unsigned|Py_ssize_t)"
    r"|[Cc]an't convert negative|nonecheck"
    r"|value too large to convert|expected .*, got NoneType|Buffer dtype|__cinit__"
    r"|an integer is required|Cannot convert|buffer source array|wrong number of dimensions|__pyx"
)
#: The address sanitizer's words for what becomes a MemoryError.
NO_MEMORY = re.compile(r"==\d+==WARNING: AddressSanitizer failed to allocate .*\n")


class Watchdog(BaseException):
    """A call took too long."""


class Child:
    """Makes the calls and notes findings; runs in a process of its own, in a scratch directory."""

    def __init__(self, seed: str, log: int) -> None:
        self.rng = random.Random(seed)
        self.log = log
        self.kept: list[Any] = []
        self.findings: list[str] = []
        self.unraisable: list[str] = []
        self.depth = 0
        self.too_deep = False  # at the limit of recursion Python lets no finalizer do its work
        self.grew: list[str] = []  # calls that raised and left descriptors, to find a leak by

    def note(self, text: str) -> None:
        os.write(self.log, text.encode("utf-8", "replace") + b"\n")

    def ignored(self, it: sys.UnraisableHookArgs) -> None:
        """What Python would print as "Exception ignored in"."""
        if isinstance(it.exc_value, RecursionError):
            self.too_deep = True
            return
        text = f"{type(it.exc_value).__name__}: {it.exc_value} in {it.object!r:.80}"
        self.unraisable.append(f"unraisable {text}")

    def find(self, call: str, text: str) -> None:
        self.findings.append(f"{call}: {text}")

    def again(self) -> None:
        """A call back into the API from inside one: anything that is quick."""
        if self.depth or not self.kept:
            return
        self.depth += 1
        try:
            thing = self.rng.choice(self.kept)
            for name in self.rng.sample(AGAIN, 3):
                limits = {"max_instructions": 10} if name == "run" else {}
                with contextlib.suppress(*EXPECTED):
                    getattr(thing, name)(**limits)
        finally:
            self.depth -= 1

    def run(self, count: int) -> None:
        for number in range(count):
            target = self.rng.choice(targets())
            try:
                call, *thunk = self.plan(target)
            except EXPECTED as error:  # no such object can be made just now
                self.note(f"{number}: {target} not possible: {type(error).__name__}")
                continue
            self.note(f"{number}: {call}")
            self.judge(call, target, thunk)

    # -- what to call ----------------------------------------------------------------------

    def plan(self, target: Target) -> tuple[str, Any]:
        """The words for a call, and the call."""
        rng = self.rng
        if target.owner is None:
            words, args, named = self.arguments(target.what)
            return f"{target}({words})", lambda: target.what(*args, **named)
        thing = self.instance(target.owner)
        if target.name == "copy":
            return f"copy of a {target.owner.__name__}", lambda: copy.copy(thing)
        if target.name == "__reduce_ex__":
            return f"{target}(4)", lambda: thing.__reduce_ex__(4)
        method = inspect_static(type(thing), target.name)
        if isinstance(method, MemberDescriptorType) and rng.random() < 0.8:
            method = getattr(thing, target.name)  # what it hands out
        if callable(method):
            bound = getattr(thing, target.name)
            words, args, named = self.arguments(bound)
            return f"{target}({words})", lambda: bound(*args, **named)
        if rng.random() < 0.3:
            return f"{target}", lambda: getattr(thing, target.name)
        if rng.random() < 0.1:
            return f"del {target}", lambda: delattr(thing, target.name)
        label, what = value(rng, "value", self.kept, self.again)
        return f"{target} = {label}", lambda: setattr(thing, target.name, what)

    def instance(self, kind: type) -> Any:
        """One that exists, or a new one."""
        rng = self.rng
        have = [thing for thing in self.kept if isinstance(thing, kind)]
        if have and rng.random() < 0.5:
            return rng.choice(have)
        thing = rng.choice(some(kind))()
        self.keep(thing)
        return thing

    def arguments(self, call: Any) -> tuple[str, list[Any], dict[str, Any]]:
        rng = self.rng
        words, args, named = [], [], {}
        for name, needed, keyword in parameters(call):
            if not needed and rng.random() < 0.4:
                if not keyword:
                    break
                continue
            label, what = value(rng, name, self.kept, self.again)
            words.append(f"{name}={label}" if keyword else label)
            if keyword:
                named[name] = what
            else:
                args.append(what)
        return ", ".join(words), args, named

    def keep(self, thing: Any) -> None:
        if str(type(thing).__module__).startswith("pyx86emu"):
            self.kept.append(thing)
            if len(self.kept) > KEPT:
                del self.kept[self.rng.randrange(KEPT)]

    # -- what came of it ------------------------------------------------------------------

    def judge(self, call: str, target: Target, todo: list[Any]) -> None:
        waits = target.name in WAITS
        before, thunk = len(descriptors()), todo.pop()
        result = None
        start = time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, WAIT if waits else SLOW)
            try:
                result = thunk()
                with contextlib.suppress(RecursionError):  # a name may be set to its own owner
                    repr(result)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Watchdog:
            if not waits and not target.among_parts:  # those may be asked for a very large number
                self.find(call, f"no end within {SLOW:g} s")
        except Exception as error:
            if not target.among_parts:
                self.judge_error(call, error)
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = error.__context__ = error.__cause__ = None
            del thunk
            if len(descriptors()) > before:
                self.grew.append(call)
        except BaseException as error:
            self.find(call, f"raises {describe(error)}")
        if waits and (took := time.monotonic() - start) > SLOW:
            self.find(call, f"the signal after {WAIT:g} s ended it after {took:.1f} s only")
        self.keep(result)
        while self.unraisable:
            self.find(call, self.unraisable.pop())

    def judge_error(self, call: str, error: Exception) -> None:
        """Is it one of those that are documented, in words for people?"""
        if isinstance(error, RecursionError) and (
            "__repr__" in call or re.search("__(hash|repr)__", describe(error))
        ):
            return  # a name may be set to its own owner
        try:
            text = str(error)
        except Exception as problem:
            text = ""
            self.find(call, f"{type(error).__name__} without a text: {describe(problem)}")
        if not isinstance(error, EXPECTED) or isinstance(error, WRONG):
            self.find(call, f"raises {describe(error)}")
        elif INTERNAL.search(text):
            self.find(call, f"words of C: {type(error).__name__}: {text[:200]}")

    def end(self, before: set[int]) -> None:
        """Let go of everything: descriptors and threads go with it."""
        while self.kept:
            thing = self.kept.pop()
            with contextlib.suppress(Exception, Watchdog):
                signal.setitimer(signal.ITIMER_REAL, SLOW)
                if type(thing).__name__ in ("Vm", "Machine", "EventFd", "Disk"):
                    thing.close()
            signal.setitimer(signal.ITIMER_REAL, 0)
            del thing
        gc.collect()
        with contextlib.suppress(AssertionError):  # a thread may be about to close them
            wait_until(lambda: not descriptors() - before, PATIENCE)
        if (left := descriptors() - before) and not self.too_deep:
            self.find(
                "at the end",
                f"descriptors left: {named(left)}; {self.grew or 'no call'} raised and left more",
            )
        while self.unraisable:
            self.find("at the end", self.unraisable.pop())


def inspect_static(kind: type, name: str) -> Any:
    """What the class has under that name, properties not called."""
    for each in kind.__mro__:
        if name in vars(each):
            found = vars(each)[name]
            return getattr(found, "__func__", found)
    return None


def describe(error: BaseException) -> str:
    """Its class, its text, and where it was raised."""
    try:
        text = str(error)[:200]
    except Exception:
        text = "(no text)"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__}: {text} [{frames[-1].name if frames else '?'}]"


def descriptors() -> set[int]:
    """Those that are open."""
    found = set()
    for number in range(DESCRIPTORS):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.add(number)
    return found


def named(numbers: set[int]) -> str:
    """What they are open for."""
    links = [os.readlink(f"/proc/self/fd/{number}") for number in sorted(numbers)]
    return ", ".join(link.rsplit("/", 1)[-1] for link in links)


# -- the child -----------------------------------------------------------------------------------


def prepare() -> None:
    """Limits, files to play with, signals."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
    resource.setrlimit(resource.RLIMIT_CPU, (WHOLE, WHOLE))
    if "asan" not in os.environ.get("LD_PRELOAD", ""):  # its shadow alone is larger than any limit
        resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    Path("disk.img").write_bytes(bytes(720 * 512))
    Path("short.img").write_bytes(b"x" * 700)
    os.mkfifo("fifo")
    os.mkdir("directory")


def bark(*_: object) -> None:
    raise Watchdog


def in_child(seed: str, calls: int, log: int) -> int:
    """All calls; 0 if nothing was found. The findings go to the log."""
    child = Child(seed, log)
    sys.unraisablehook = child.ignored
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, bark)
    gc.collect()
    before = descriptors()
    child.run(calls)
    child.end(before)
    for text in child.findings:
        child.note(f"FOUND {text}")
    return 1 if child.findings else 0


def api(model: str, seed: int) -> int:
    """A child with hostile calls; what it found, how it died. The model only varies the seed."""
    found = abuse(f"api {model} {seed}", CALLS)
    assert not found, "\n  ".join(["the API:", *found])
    return 0


def abuse(seed: str, calls: int) -> list[str]:
    """Findings of one child."""
    targets()  # imported once, in the parent
    with tempfile.TemporaryDirectory() as scratch:
        out, log = Path(scratch, "output"), Path(scratch, "log")
        log.touch()
        pid = os.fork()
        if pid == 0:
            _child(seed, calls, scratch, out, log)
        status = wait(pid)
        lines = log.read_text("utf-8", "replace").splitlines()
        said = NO_MEMORY.sub("", out.read_text("utf-8", "replace"))
    found = [line.removeprefix("FOUND ") for line in lines if line.startswith("FOUND ")]
    last = next((line for line in reversed(lines) if not line.startswith("FOUND ")), "nothing yet")
    if status is None:
        found.append(f"no end within {WHOLE} s, after {last}")
    elif status not in (0, 1):
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        found.append(f"the process died: {how}, at {last}\n{excerpt(said)}")
    elif said.strip():
        found.append(f"written to standard error, at {last}\n{excerpt(said)}")
    return found


def excerpt(said: str) -> str:
    """Of what a child wrote: a sanitizer's report from its first words, or the last lines."""
    report = re.search(r"^.*(runtime error|ERROR: \w+Sanitizer|Fatal Python error)", said, re.M)
    return said[report.start() :][:2500] if report else said[-2500:]


def _child(seed: str, calls: int, scratch: str, out: Path, log: Path) -> None:
    """Never returns."""
    status = 70
    try:
        sink = os.open(out, os.O_CREAT | os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.close(sink)
        number = os.open(log, os.O_WRONLY | os.O_APPEND)
        os.dup2(number, DESCRIPTORS - 1)
        os.close(number)
        home = Path(scratch, "home")
        home.mkdir()
        os.chdir(home)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        faulthandler.enable(sys.stderr)
        prepare()
        status = in_child(seed, calls, DESCRIPTORS - 1)
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> int | None:
    """The child's exit code, as subprocess has it; None: it had to be killed."""
    statuses: list[int] = []

    def ended() -> bool:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            statuses.append(status)
        return done != 0

    try:
        wait_until(ended, WHOLE)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return None
    return os.waitstatus_to_exitcode(statuses[0])
