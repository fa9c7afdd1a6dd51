"""The assembler: nasm, on the source of a stranger. It reads the folder of the test, writes nowhere
else than in a directory of its own, and ends soon.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..tools.batch.reports import printable
from . import confined
from .plain import refusal
from .problems import GuestFailed
from .program import Program, read

#: Limits of one nasm: processor time and time in seconds, bytes of memory, of a file that it
#: writes, of a source, of the messages that are shown.
SECONDS, WALL, MEMORY, OUTPUT, SOURCE, SHOWN = 10, 30, 512 << 20, 16 << 20, 4 << 20, 4000
#: Raised when what is kept in the cache changes.
VERSION = 2
TEXT = "guest.asm"


def assemble(
    source: str | os.PathLike[str],
    folder: Path,
    *,
    cache_dir: Path | None = None,
    landlock: bool = True,
) -> Program:
    """Assemble a file, or text of more than one line or with a blank that is no file's name.

    `folder` is the test's folder: a relative name is one in it, and only files below it can be
    included. `cache_dir` keeps results by the contents of all files. `landlock=False` does as if
    the kernel had none. Any thread and process may call it.

    GuestFailed: nasm is missing or refuses the source, the source is outside the folder, or a limit
    is exceeded; the message has the lines. TypeError: no text and no path.
    """
    folder = folder.resolve()
    program = shutil.which("nasm")
    if program is None:
        raise GuestFailed("nasm is missing, which assembles guests: apt-get install nasm")
    with tempfile.TemporaryDirectory(prefix="pyx86emu-") as made:
        private = Path(made).resolve()
        path, name, data = _source(source, folder, private)
        key = sha256(
            repr((VERSION, program, os.stat(program).st_mtime_ns, name, str(folder))).encode()
            + data
        ).hexdigest()
        if cache_dir is not None and (kept := _kept(cache_dir / f"{key}.json")):
            return kept
        run = _Nasm(program, path, name, folder, private, landlock)
        made_program = run.assemble()
        if cache_dir is not None:
            _keep(cache_dir / f"{key}.json", made_program, run.includes())
        return made_program


def is_source(source: object) -> bool:
    """Is it assembly: a name that ends in .asm, or text in several lines?"""
    if isinstance(source, os.PathLike):
        source = os.fspath(source)
    return isinstance(source, str) and ("\n" in source or source.lower().endswith(".asm"))


def _source(source: str | os.PathLike[str], folder: Path, private: Path) -> tuple[Path, str, bytes]:
    """The file for nasm, its name in messages, and its contents."""
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"a source is text or a path, not {type(source).__name__}")
    text = os.fspath(source)
    if not isinstance(text, str):
        raise TypeError("a source is text or a path, not bytes")
    if isinstance(source, str) and not text.lower().endswith(".asm"):
        data = text.encode("utf-8", "surrogateescape")
        path, name = private / TEXT, TEXT
        path.write_bytes(data)
    else:
        path = (folder / text).resolve()
        name = path.name
        if not os.path.isabs(text):
            if not path.is_relative_to(folder):
                raise GuestFailed(f"{text} is outside the test's folder, {folder}: copy it there")
            name = str(path.relative_to(folder))
        try:
            if path.stat().st_size > SOURCE:
                raise GuestFailed(f"{name} has more than {SOURCE >> 20} MiB: that is no source")
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise GuestFailed(f"{printable(text)} cannot be read: {error}") from None
    if len(data) > SOURCE:
        raise GuestFailed(f"a source of more than {SOURCE >> 20} MiB: make it shorter")
    return path, name, data


class _Nasm:
    """nasm, for one source."""

    def __init__(
        self, program: str, path: Path, name: str, folder: Path, private: Path, landlock: bool
    ) -> None:
        self.program, self.path, self.name = program, path, name
        self.folder, self.private = folder, private
        self.landlock = landlock
        self.roots = [folder] if path.parent == private else [path.parent, folder]
        if not path.is_relative_to(folder):
            self.roots = [folder]

    def assemble(self) -> Program:
        """Bytes, listing and map."""
        out, listing, the_map = (self.private / f"out.{end}" for end in ("bin", "lst", "map"))
        status, said = self.run(
            "-f", "bin", "-o", str(out), "-l", str(listing), "--before", f"[map all {the_map}]"
        )
        if status != 0:
            raise GuestFailed(self._why(status, said))
        try:
            size = out.stat().st_size
            if size >= OUTPUT:
                raise GuestFailed(f"{self.name} makes more than {OUTPUT >> 20} MiB")
            texts = [each.read_text("latin-1") for each in (listing, the_map)]
            program = read(out.read_bytes(), texts[0], texts[1], self.name)
        except OSError as error:
            raise GuestFailed(
                f"nasm left no {Path(error.filename).suffix} of {self.name}: take out its [map] "
                "and [list] directives"
            ) from None
        return program

    def includes(self) -> list[Path] | None:
        """The other files that made the program; None: they are not known."""
        status, said = self.run("-M")
        if status != 0:
            return None
        names = said.partition(" : ")[2].replace("\\\n", " ")
        found = [re.sub(r"\\(.)", r"\1", each) for each in re.findall(r"(?:\\.|[^\s\\])+", names)]
        paths = [(self.private / each).resolve() for each in found]
        return [each for each in paths if each != self.path]

    def run(self, *options: str) -> tuple[int, str]:
        """Its status and what it has said."""
        roots = [word for root in self.roots for word in ("-I", f"{root}/")]
        words = [self.program, *roots, *options, str(self.path)]
        status, said = self._start(words, self.landlock)
        if status == confined.NO_LANDLOCK or not self.landlock:
            why = refusal(self.path, self.roots, self.name)
            if why is not None:
                raise GuestFailed(why)
            status, said = self._start(words, False)
        return status, said

    def _start(self, words: list[str], landlock: bool) -> tuple[int, str]:
        rules: dict[str, Any] = {
            "read": [str(self.folder), str(self.path), *_libraries(self.program)],
            "write": str(self.private),
            "seconds": SECONDS,
            "bytes": MEMORY,
            "output": OUTPUT,
            "landlock": landlock,
        }
        said = self.private / "messages"
        script = [sys.executable, "-I", "-S", confined.__file__, json.dumps(rules)]
        with said.open("wb") as file:
            try:
                done = subprocess.run(
                    [*script, *words],
                    cwd=self.private,
                    env={},
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    timeout=WALL,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise GuestFailed(f"nasm has run {WALL} s on {self.name}: it is stopped") from None
        with said.open("rb") as file:
            return done.returncode, file.read(SOURCE).decode("utf-8", "replace")

    def _why(self, status: int, said: str) -> str:
        """A message about a source that nasm refuses."""
        for root in (self.private, *self.roots):
            said = said.replace(f"{root}/", "")
        said = printable(said[:SHOWN]).strip()
        if status < 0:
            why = {-24: f"{SECONDS} s of processor time", -25: f"a file of {OUTPUT >> 20} MiB"}
            limit = why.get(status, f"signal {-status}")
            return f"nasm was stopped by a limit on {self.name}: {limit}\n{said}".rstrip()
        lines = [f"{self.name} cannot be assembled:", said]
        try:
            source = self.path.read_bytes().decode("utf-8", "replace").splitlines()
        except OSError:
            source = []
        name = re.escape(self.path.name)
        for number in dict.fromkeys(re.findall(rf"{name}:(\d+): (?:fatal|error)", said)):
            if 0 < int(number) <= len(source):
                lines.append(f"line {number}: {printable(source[int(number) - 1].strip())[:200]}")
        if "unable to open" in said:
            lines.append(f"Only files below the test's folder can be read, {self.folder}.")
        return "\n".join(lines)


@cache
def _libraries(program: str) -> tuple[str, ...]:
    """What the loader reads to start a program."""
    done = subprocess.run(
        [program],
        env={"LD_TRACE_LOADED_OBJECTS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WALL,
        check=False,
    )
    found = re.findall(r"(/\S+) \(0x", done.stdout.decode("utf-8", "replace"))
    real = [os.path.realpath(each) for each in found]
    return (*found, *real, os.path.realpath(program), "/etc/ld.so.cache")


# -- the cache -------------------------------------------------------------------------------------


def _kept(path: Path) -> Program | None:
    """A program out of the cache; None: it is not there, damaged, or a file has changed."""
    try:
        values = json.loads(path.read_text("utf-8"))
        for name, digest in values["files"]:
            if sha256(Path(name).read_bytes()).hexdigest() != digest:
                return None
        return Program.from_plain(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _keep(path: Path, program: Program, files: list[Path] | None) -> None:
    """Write a program into the cache. Several processes may do it at once: it appears whole."""
    if files is None:
        return
    try:
        digests = [[str(each), sha256(each.read_bytes()).hexdigest()] for each in files]
        text = json.dumps({**program.plain(), "files": digests})
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=".new-", delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        os.replace(file.name, path)
    except OSError:
        return  # without a cache it is slower, no more
