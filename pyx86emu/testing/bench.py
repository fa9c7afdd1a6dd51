"""The bench: make, limit, report and close the machines and programs of one test."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .._core import whole
from ..address import Address
from ..tools.batch.reports import printable
from ..tools.coverage import Coverage
from . import cover
from .assembler import assemble, is_source
from .golden import Golden
from .guest import LIMIT, MOST_LIMIT, MOST_STEPS, Result, start_of
from .machine import TestMachine
from .problems import GuestFailed
from .program import Program
from .report import BOOT, loop, of_machine, of_result, offset_of, shown

KEY = pytest.StashKey["Bench"]()
COVERED = pytest.StashKey[cover.Lines]()
TRACED = pytest.StashKey[list[str]]()
MARK = "x86"
MOST_RESULTS = 5
#: A trace ends after so many lines.
MOST_TRACE = 200_000


def bench_of(item: pytest.Item) -> "Bench":
    """The bench of a test."""
    if KEY not in item.stash:
        item.stash[KEY] = Bench(item)
    return item.stash[KEY]


class Made(NamedTuple):
    """A machine, the file that it boots, its options, and the program that was assembled for it."""

    machine: TestMachine
    image: str | None
    options: dict[str, Any]
    program: Program | None


class Bench:
    """What one test has made."""

    def __init__(self, item: pytest.Item) -> None:
        config = item.config
        self._item, self._folder = item, item.path.parent
        self._max_instructions, self._timeout = limits(item)
        self._trace: bool = config.getoption("--x86-trace")
        self._cover: bool = config.getoption("--x86-cov") or bool(
            config.getoption("--x86-cov-file")
        )
        self._update: bool = config.getoption("--update-golden")
        self._machines: list[Made] = []
        self._covered: list[tuple[Coverage, Program, list[Path]]] = []
        self._results: list[Result] = []
        self._lines: list[str] = []

    # -- the fixtures ------------------------------------------------------------------------------

    def guest(
        self,
        source: "str | os.PathLike[str] | bytes",
        *,
        ax: int | None = None,
        bx: int | None = None,
        cx: int | None = None,
        dx: int | None = None,
        si: int | None = None,
        di: int | None = None,
        bp: int | None = None,
        sp: int | None = None,
        eax: int | None = None,
        ebx: int | None = None,
        ecx: int | None = None,
        edx: int | None = None,
        esi: int | None = None,
        edi: int | None = None,
        ebp: int | None = None,
        ds: int | None = None,
        es: int | None = None,
        ss: int | None = None,
        fs: int | None = None,
        gs: int | None = None,
        flags: int | None = None,
        memory: Mapping[Address, bytes] | None = None,
        model: str | None = None,
        max_instructions: int | None = None,
        check: bool = True,
    ) -> Result:
        """Run a program and return what it left, a `Result`.

        `source`: the name of a .asm file in the test's folder, assembly as text, or machine code.
        It is loaded at 1000:ORG, with CS, DS, ES and SS = 1000h and all other registers 0. The
        keywords set registers; `memory` maps addresses (a label, "SEG:OFF", an integer) to bytes.
        It ends by HLT, RET, INT 20h, INT 21h/4Ch, or after its last byte.
        `max_instructions`: by default that of the mark x86, else 1,000,000.

        GuestFailed, an AssertionError: it cannot be assembled, it does not end, or it ends by a
        fault or a call of what is not there; with `check=False` only the first of these.
        TypeError, ValueError: an argument that cannot be.
        """
        registers = {
            "ax": ax,
            "bx": bx,
            "cx": cx,
            "dx": dx,
            "si": si,
            "di": di,
            "bp": bp,
            "sp": sp,
            "eax": eax,
            "ebx": ebx,
            "ecx": ecx,
            "edx": edx,
            "esi": esi,
            "edi": edi,
            "ebp": ebp,
            "ds": ds,
            "es": es,
            "ss": ss,
            "fs": fs,
            "gs": gs,
            "flags": flags,
        }
        program = self._program(source)
        most = self._max_instructions if max_instructions is None else max_instructions
        limit = LIMIT if most is None else whole(most, "max_instructions", 1, MOST_LIMIT)
        result = Result(start_of(program, registers, memory, model), limit)
        self._results = [*self._results[-MOST_RESULTS + 1 :], result]
        if self._trace or self._cover:
            self._watch(result)
        if check and not result._ended.good:
            what = printable(program.name)
            raise GuestFailed("\n".join([f"{what}: {printable(result.ended)}", *loop(result)]))
        return result

    def boot(
        self, image: "str | os.PathLike[str] | bytes | None" = None, **options: Any
    ) -> TestMachine:
        """Make a Machine, which is closed when the test ends.

        `image`: the name of an image or of a .asm file in the test's folder, assembly as text, or
        bytes. Assembly becomes a boot sector, or an image of as many sectors as it needs.
        `options` are those of `Machine`. The mark x86 limits all of its runs together; a run
        without any limit ends the test after 60 guest seconds.

        GuestFailed: it cannot be assembled, or a limit is exceeded. Other errors as for `Machine`.
        """
        program, given = None, image
        if isinstance(image, (str, os.PathLike)):
            if is_source(image):
                program = self._program(image)
                given = sectors(program)
            else:
                given = self._folder / image
        m = TestMachine(given, **options)
        name = str(given) if isinstance(given, Path) else None
        self._machines.append(Made(m, name, options, program))
        if isinstance(given, (bytes, bytearray)):
            m.boot_image = bytes(given)
        m.within(self._max_instructions, self._timeout)
        m._record_history()
        if self._trace or (self._cover and program is not None):
            self._look(m, program, image)
        return m

    def golden(self, name: str) -> Golden:
        """The approved screen `golden/NAME.txt` or `golden/NAME.png` beside the test, to compare
        with a Screen, a Machine or text: `assert m.screen == golden("prompt")`. `--update-golden`
        writes it. ValueError: a name that is none."""
        return Golden(name, self._folder, self._update, self._scratch / "failed")

    # -- inside ------------------------------------------------------------------------------------

    def _program(self, source: "str | os.PathLike[str] | bytes") -> Program:
        if isinstance(source, (bytes, bytearray, memoryview)):
            return Program(bytes(source))
        cache = getattr(self._item.config, "cache", None)
        directory = None if cache is None else Path(cache.mkdir("pyx86emu")) / "asm"
        return assemble(source, self._folder, cache_dir=directory)

    def _kept(self, end: str) -> Path:
        """A file for what is kept of this test."""
        return self._scratch / "failed" / f"{safe(self._item.nodeid)}{end}"

    @cached_property
    def _scratch(self) -> Path:
        """Where files of failures go: pytest's cache, or without one a directory of their own."""
        cache = getattr(self._item.config, "cache", None)
        if cache is not None:
            return Path(cache.mkdir("pyx86emu"))
        return Path(tempfile.mkdtemp(prefix="pyx86emu-"))

    @property
    def _trace_file(self) -> Path:
        """It is written when the test has ended."""
        return self._item.config.rootpath / "x86-trace" / f"{safe(self._item.nodeid)}.txt"

    def _roots(self, source: object) -> list[Path]:
        roots = [self._folder]
        if isinstance(source, (str, os.PathLike)) and is_source(source) and "\n" not in str(source):
            roots.append((self._folder / source).parent)
        return roots

    def _watch(self, result: Result) -> None:
        """Trace and coverage of a run, which is repeated for them."""
        if self._trace:
            left = min(MOST_STEPS, MOST_TRACE - len(self._lines))
            self._lines += [shown(result, step).strip() for step in result.first(left)]
        if self._cover:
            lines = self._item.config.stash.setdefault(COVERED, {})
            cover.add(lines, result.program, [self._folder], result.reached())

    def _look(self, m: TestMachine, program: Program | None, source: object) -> None:
        """Trace and coverage of a machine."""

        def see(cs: int, ip: int, code: bytes) -> None:
            if len(self._lines) >= MOST_TRACE:
                m.watch(None)
                return
            line = None
            if program is not None:
                line = program.at(offset_of(program, cs, ip))
            text = code.hex(" ") if line is None else printable(str(line))
            self._lines.append(f"{cs:04x}:{ip:04x}  {text}")

        if self._trace and m.vm.accel == "interp":
            m.watch(see)
        if self._cover and program is not None and m.vm.accel == "interp":
            self._covered.append((m.coverage(), program, self._roots(source)))

    def report(self) -> str:
        """What the guests of a failed test did."""
        parts = []
        for result in self._results[-1:]:
            parts.append(of_result(result))
        for number, (m, name, options, program) in enumerate(self._machines):
            end = f"-{number}" if number else ""
            if m.boot_image is not None:
                image = self._kept(f"{end}.img")
                image.parent.mkdir(parents=True, exist_ok=True)
                image.write_bytes(m.boot_image)
                name = str(image)
            parts.append(of_machine(m, self._kept(end), name, options, program))
        if self._results:
            parts.append(f"to repeat it: pytest {json.dumps(self._item.nodeid)} --x86-trace")
        if self._lines:
            parts.append(f"trace: {self._trace_file}")
        return "\n\n".join(parts)

    def close(self) -> None:
        """Close the machines, write the trace."""
        config = self._item.config
        for covered, program, roots in self._covered:
            reached = {at - BOOT + program.origin for at in covered.addresses}
            cover.add(config.stash.setdefault(COVERED, {}), program, roots, reached)
            covered.close()
        self._covered.clear()
        for made in self._machines:
            made.machine.close()
        self._machines.clear()
        if self._lines:
            path = self._trace_file
            path.parent.mkdir(exist_ok=True)
            if len(self._lines) >= MOST_TRACE:
                self._lines.append(f"the trace ends here, after {MOST_TRACE:,} lines")
            path.write_text("\n".join([*self._lines, ""]), "utf-8")
            config.stash.setdefault(TRACED, []).append(str(path))


def limits(item: pytest.Item) -> tuple[int | None, float | None]:
    """What the mark x86 of a test says. UsageError: a word that it does not know."""
    most: int | None = None
    timeout: float | None = None
    for mark in reversed(list(item.iter_markers(MARK))):  # the closest one counts
        unknown = set(mark.kwargs) - {"max_instructions", "timeout"}
        if mark.args or unknown:
            raise pytest.UsageError(
                f"{item.nodeid}: the mark x86 has max_instructions= and timeout=, not "
                f"{', '.join(map(str, [*mark.args, *sorted(unknown)]))}"
            )
        most = mark.kwargs.get("max_instructions", most)
        timeout = mark.kwargs.get("timeout", timeout)
    return most, timeout


def seed_of(item: pytest.Item, base: int) -> int:
    """A number for a test: the same in every run, another for each test and each base."""
    return int.from_bytes(sha256(f"{base} {item.nodeid}".encode()).digest()[:8], "little")


def safe(name: str) -> str:
    """The name of a test as one of a file; different tests have different ones."""
    digest = sha256(name.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[-80:].lstrip('.')}-{digest}"


def sectors(program: Program) -> bytes:
    """A boot sector or an image of several: 55 AA at 510, if it has no signature of its own.
    GuestFailed: there is code where the signature has to be."""
    code = program.code
    if len(code) <= 510:
        return code.ljust(510, b"\0") + b"\x55\xaa"
    if code[510:512] != b"\x55\xaa":
        raise GuestFailed(
            f"{program.name} has {len(code)} bytes and no 55 AA at 510: a boot sector ends with "
            "`times 510-($-$$) db 0` and `dw 0AA55h`"
        )
    return code + bytes(-len(code) % 512)
