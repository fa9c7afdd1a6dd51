"""Asks: stand between DOS and the host's files and input, so that a recorder can keep the answers.

Files and input come from outside. While the machine is recorded each question goes to the recorder,
which asks the host and keeps the answer; in a replay it has the answer, and the host is not asked.
"""

from collections.abc import Callable
from typing import Any

from ..errors import MachineError
from ..state import Plain, Values
from .codes import DosError
from .console import Input
from .files import Entry, File, Path, Root

OK, ERROR = "ok", "error"

Question = Callable[[], Any]


class Asks:
    """The questions of one DOS. `instead(call, ask)` is the recorder; None: nothing is recorded."""

    def __init__(self) -> None:
        self.instead: Callable[[str, Callable[[], Plain]], Plain] | None = None
        #: A state is being restored: nothing is asked.
        self.restoring = False
        #: The past is run again: nobody outside is told.
        self.quiet = False
        #: What a replay needs to make this DOS again.
        self.options: Values = {}
        #: The drive: how much can be written is a part of each answer.
        self.root: Root | None = None
        self._asking = False
        #: Forget what was opened before it is used.
        self.refresh: Callable[[], object] = int

    def ask(self, call: str, question: Question) -> Any:
        """What the host says. DosError: it refuses."""
        if self.instead is None or self._asking:
            return question()
        found = self.instead(call, lambda: self._outcome(question))
        if type(found) is not tuple or len(found) != 4:
            raise MachineError("the recording has an answer to DOS that is none")
        kind, value, room, created = found
        if self.root is not None and type(room) is int and type(created) is int:
            self.root.room, self.root.created = room, created
        if kind == ERROR:
            if type(value) is not int:
                raise MachineError("the recording has an error of DOS that is none")
            raise DosError(value)
        return value

    def _outcome(self, question: Question) -> Plain:
        """The answer of the host, as plain values."""
        self._asking = True
        try:
            kind, value = OK, question()
        except DosError as error:
            kind, value = ERROR, error.code
        finally:
            self._asking = False
        room, created = (0, 0) if self.root is None else (self.root.room, self.root.created)
        return kind, tuple(value) if isinstance(value, Entry) else value, room, created

    def output(self, to: Callable[[Any], object] | None) -> Callable[[Any], object] | None:
        """`to`, which is not called while the past is run again."""
        if to is None:
            return None
        return lambda data: None if self.quiet else to(data)


class AskedFile:
    """An open file. In a replay there is none; it is opened if it is needed after all."""

    def __init__(self, asks: Asks, file: File | None, again: Callable[[], File]) -> None:
        self._asks = asks
        self._file = file
        self._again = again

    def _real(self) -> File:
        if self._file is None:
            self._file = self._again()
        return self._file

    def size(self) -> int:
        """Bytes in it."""
        return _whole(self._asks.ask("size", lambda: self._real().size()))

    def stamp(self) -> int:
        """When it was written."""
        return _whole(self._asks.ask("stamp", lambda: self._real().stamp()))

    def read(self, at: int, size: int) -> bytes:
        """At most `size` bytes from `at`."""
        return _bytes(self._asks.ask("read", lambda: self._real().read(at, size)))

    def write(self, at: int, data: bytes) -> int:
        """Write; the result says how many bytes there was room for."""
        return _whole(self._asks.ask("write", lambda: self._real().write(at, data)))

    def truncate(self, size: int) -> None:
        """Make it as long as `size`."""
        self._asks.ask("truncate", lambda: self._real().truncate(size))

    def set_stamp(self, seconds: float) -> None:
        """Set when it was written."""
        self._asks.ask("set_stamp", lambda: self._real().set_stamp(seconds))

    def close(self) -> None:
        """Close it. A second call does nothing."""
        if self._file is not None:
            self._file.close()


class AskedRoot(Root):
    """Drive C, whose answers a recorder can keep."""

    asks: Asks

    def open(self, path: Path, *, write: bool) -> File:
        """As `Root.open`."""

        def again() -> File:
            return super(AskedRoot, self).open(path, write=write)

        return self._file("open", again, again)

    def create(self, path: Path, *, new: bool) -> File:
        """As `Root.create`."""
        make = super().create

        def again() -> File:
            return super(AskedRoot, self).open(path, write=True)

        return self._file("create", lambda: make(path, new=new), again)

    def _file(self, call: str, first: Callable[[], File], again: Callable[[], File]) -> File:
        asks = self.asks
        if asks.instead is not None and asks.restoring:
            return AskedFile(asks, None, again)
        opened: list[File] = []

        def question() -> None:
            opened.append(first())

        asks.ask(call, question)
        return AskedFile(asks, opened[0] if opened else None, again)

    def is_directory(self, path: Path) -> bool:
        """As `Root.is_directory`."""
        ask = super().is_directory
        return bool(self.asks.ask("is_directory", lambda: ask(path)))

    def entries(self, path: Path) -> list[str]:
        """As `Root.entries`."""
        ask = super().entries
        found = self.asks.ask("entries", lambda: ask(path))
        if type(found) is not list or not all(type(each) is str for each in found):
            raise MachineError("the recording has names that are none")
        return found

    def entry(self, path: Path, *, again: bool = False) -> Entry:
        """As `Root.entry`."""
        ask = super().entry
        found = self.asks.ask("entry", lambda: ask(path, again=again))
        if isinstance(found, Entry):
            return found
        if type(found) is not tuple or list(map(type, found)) != [str, int, int, int]:
            raise MachineError("the recording has an entry of a directory that is none")
        return Entry(*found)

    def may_change(self) -> None:
        """As `Root.may_change`."""
        ask = super().may_change
        self.asks.ask("may_change", ask)

    def make_directory(self, path: Path) -> None:
        """As `Root.make_directory`."""
        ask = super().make_directory
        self.asks.ask("make_directory", lambda: ask(path))

    def remove_directory(self, path: Path) -> None:
        """As `Root.remove_directory`."""
        ask = super().remove_directory
        self.asks.ask("remove_directory", lambda: ask(path))

    def delete(self, path: Path) -> None:
        """As `Root.delete`."""
        ask = super().delete
        self.asks.ask("delete", lambda: ask(path))

    def rename(self, old: Path, new: Path) -> None:
        """As `Root.rename`."""
        ask = super().rename
        self.asks.ask("rename", lambda: ask(old, new))

    def set_attributes(self, path: Path, attributes: int) -> None:
        """As `Root.set_attributes`."""
        ask = super().set_attributes
        self.asks.ask("set_attributes", lambda: ask(path, attributes))

    def free_space(self) -> int:
        """As `Root.free_space`."""
        return _whole(self.asks.ask("free_space", super().free_space))


class AskedInput:
    """A stream whose answers a recorder can keep."""

    def __init__(self, asks: Asks, stream: Input) -> None:
        self._asks = asks
        self._stream = stream

    def read(self, size: int, wait: bool) -> bytes | None:
        """As `Input.read`."""
        found = self._asks.ask("input", lambda: self._stream.read(size, wait))
        return None if found is None else _bytes(found)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise MachineError("the recording has an answer to DOS that is no number")
    return value


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise MachineError("the recording has an answer to DOS that is no bytes")
    return value
