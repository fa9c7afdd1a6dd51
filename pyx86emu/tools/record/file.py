"""Recordings as files: write a tape as it grows, read it back, checked. Know no machine.

A file is a header and frames. A frame is its kind (a byte), the length of its data (4 bytes, least
significant first) and the data, a plain value in the bytes of `saved.codec`. What was written stays
of use if the recorder is killed: a frame that is cut off is left out.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ...errors import MachineError, StateError
from ...files import check_regular
from ...saved import codec
from ...saved.state import State
from ...state import Plain
from .questions import QUESTIONS
from .tape import Answer, Board, Checkpoint, Input, Mark, Tape, Told

MAGIC = b"pyx86rec\x01\n"
FRAME = struct.Struct("<cI")
#: No frame is longer.
LARGEST = 1 << 30
INPUT, MARKS, ANSWERS, STATE, BOARD, TOLD, CUT = b"I", b"M", b"A", b"S", b"B", b"T", b"C"
KINDS = (INPUT, MARKS, ANSWERS, STATE, BOARD, TOLD, CUT)
DRIVES = {"fda", "fdb", "hda", "hdb"}
#: So many marks are one frame.
TOGETHER = 256


class Writer:
    """Writes a recording. OSError: the file cannot be written."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        check_regular(path)
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115 - close() closes it
        self._marks: list[Mark] = []
        self._answers: list[tuple[str, Answer]] = []
        self._told: list[Told] = []
        self._file.write(MAGIC)

    def board(self, it: Board) -> None:
        """How the machine was made: the first frame."""
        self._frame(BOARD, (it.no_reboot, dict(it.disks), dict(it.devices)))

    def input(self, it: Input) -> None:
        """A call of the host."""
        self._flush()
        self._frame(INPUT, (it.time, it.instructions, it.call, it.arguments))

    def mark(self, it: Mark) -> None:
        """Where a run has ended."""
        self._marks.append(it)
        if len(self._marks) >= TOGETHER:
            self._flush()

    def answer(self, device: str, it: Answer) -> None:
        """An access to a device that is not deterministic."""
        self._answers.append((device, it))
        if len(self._answers) >= TOGETHER:
            self._flush()

    def told(self, it: Told) -> None:
        """What a device was told that asks the host."""
        self._told.append(it)
        if len(self._told) >= TOGETHER:
            self._flush()

    def cut(self, time: int, inputs: int, places: Mapping[str, int]) -> None:
        """What was written after this guest time will not happen; of `inputs`, and of the answers
        of each device, so many have."""
        self._flush()
        self._frame(CUT, (time, inputs, dict(places)))

    def state(self, it: Checkpoint) -> None:
        """A state."""
        self._flush()
        self._frame(STATE, (it.time, it.instructions, it.state.to_bytes()))

    def _flush(self) -> None:
        marks, self._marks = self._marks, []
        answers, self._answers = self._answers, []
        told, self._told = self._told, []
        if marks:
            self._frame(MARKS, tuple((m.time, m.instructions, m.digest, m.inputs) for m in marks))
        if answers:
            rows = tuple((name, a.instructions, a.value, a.levels) for name, a in answers)
            self._frame(ANSWERS, rows)
        if told:
            self._frame(TOLD, tuple((t.instructions, t.call, t.value) for t in told))

    def _frame(self, kind: bytes, value: Plain) -> None:
        data = codec.dump(value)
        self._file.write(FRAME.pack(kind, len(data)) + data)

    def close(self) -> None:
        """Write what is left. Twice is harmless."""
        if not self._file.closed:
            try:
                self._flush()
            finally:
                self._file.close()


def read(path: str | os.PathLike[str]) -> Tape:
    """The tape of a file. OSError: it cannot be read. MachineError: it is no recording, or it is
    damaged before its end."""
    tape = Tape()
    name = os.fsdecode(path)
    check_regular(path)
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise MachineError(f"{name} is no recording of pyx86emu: `run --record FILE` makes one")
        for kind, data in _frames(file, name):
            try:
                _take(tape, kind, data)
            except (StateError, ValueError, TypeError) as error:
                raise MachineError(f"{name} is damaged at byte {file.tell()}: {error}") from None
    if not tape.checkpoints:
        raise MachineError(f"{name} has no state to begin with: it was cut off")
    _check_order(tape, name)
    return tape


def devices(path: str | os.PathLike[str]) -> set[str]:
    """The names of the devices that ask the host, such as "dos". Errors as for `read`."""
    name = os.fsdecode(path)
    check_regular(path)
    tape = Tape()
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            for kind, data in _frames(file, name):
                if kind == BOARD:
                    try:
                        _take(tape, kind, data)
                    except (StateError, ValueError, TypeError) as error:
                        raise MachineError(f"{name} is damaged at its begin: {error}") from None
                break
    return set(tape.board.devices)


def _frames(file: BinaryIO, name: str) -> Iterator[tuple[bytes, bytes]]:
    while len(head := file.read(FRAME.size)) == FRAME.size:
        kind, length = FRAME.unpack(head)
        if length > LARGEST or kind not in KINDS:
            raise MachineError(f"{name} is damaged at byte {file.tell()}: it has no such frame")
        data = file.read(length)
        if len(data) < length:
            return  # cut off
        yield kind, data


def _take(tape: Tape, kind: bytes, data: bytes) -> None:
    value = codec.load(data)
    if not isinstance(value, tuple):
        raise ValueError("a frame that is no tuple")
    if kind == INPUT:
        time, instructions, call, arguments = _row(value, 4)
        positional, named = _row(arguments, 2)
        if not isinstance(positional, tuple) or not isinstance(named, dict):
            raise ValueError("an input without its arguments")
        both = positional, named
        tape.inputs.append(Input(_number(time), _number(instructions), _text(call), both))
    elif kind == MARKS:
        for row in value:
            tape.marks.append(Mark(*map(_number, _row(row, 4))))
    elif kind == ANSWERS:
        for row in value:
            device, instructions, answer, levels = _row(row, 4)
            if not isinstance(levels, tuple):
                raise ValueError("levels that are none")
            answered = None if answer is None else _number(answer)
            known = Answer(_number(instructions), answered, tuple(map(bool, levels)))
            tape.answers.setdefault(_text(device), []).append(known)
    elif kind == BOARD:
        no_reboot, disks, devices = _row(value, 3)
        if not isinstance(disks, dict) or not set(disks) <= DRIVES:
            raise ValueError("disks that are none")
        if not isinstance(devices, dict):
            raise ValueError("devices that are none")
        kept = {name: _disk(each) for name, each in disks.items()}
        tape.board = Board(bool(no_reboot), kept, devices)
    elif kind == CUT:
        time, inputs, places = _row(value, 3)
        if not isinstance(places, dict):
            raise ValueError("a cut that is none")
        tape.cut(_number(time), _number(inputs))
        for name, place in places.items():
            rows = tape.told if name == QUESTIONS else tape.answers.get(name, [])
            del rows[_number(place) :]
    elif kind == TOLD:
        for row in value:
            instructions, call, answer = _row(row, 3)
            tape.told.append(Told(_number(instructions), _text(call), answer))
    else:
        time, instructions, state = _row(value, 3)
        if not isinstance(state, bytes):
            raise ValueError("a state that is no bytes")
        tape.checkpoints.append(
            Checkpoint(_number(time), _number(instructions), State.from_bytes(state))
        )


def _disk(value: Plain) -> tuple[bytes, str]:
    image, kind = _row(value, 2)
    if not isinstance(image, bytes) or kind not in ("floppy", "hd"):
        raise ValueError("a disk that is none")
    return image, str(kind)


def _row(row: Plain, length: int) -> tuple[Plain, ...]:
    if not isinstance(row, tuple) or len(row) != length:
        raise ValueError("a row of another length")
    return row


def _number(value: Plain) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError("a number that is none")
    return value


def _text(value: Plain) -> str:
    if type(value) is not str:
        raise ValueError("a name that is none")
    return value


def _check_order(tape: Tape, name: str) -> None:
    told = [row.instructions for row in tape.told]
    if told != sorted(told):
        raise MachineError(f"{name} is damaged: its answers go back")
    for rows in (tape.inputs, tape.marks, tape.checkpoints):
        times = [(row.time, row.instructions) for row in rows]
        if times != sorted(times):
            raise MachineError(f"{name} is damaged: its times go back")
