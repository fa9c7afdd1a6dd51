"""The film: take pictures of a screen in guest time, and write them as an animated picture."""

import math
import os
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ...clock import Clock, Timer
from ...errors import MachineError
from ...owned import Single
from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND = 1_000_000_000
LEAST_FPS, MOST_FPS = 0.01, 100.0
#: The unit of time of a frame in ns, by the name of the file: GIF has 10 ms, PNG 1 ms.
UNITS = {".gif": 10_000_000, ".png": 1_000_000}


class Frame(NamedTuple):
    """One picture of a film."""

    time: int
    """Guest time in ns."""
    size: tuple[int, int]
    """(width, height) in dots."""
    data: bytes
    """The numbers of colours of all dots, then 256 colours of three bytes; compressed."""


class Film(Single):
    """A film of a screen, as a context manager. Made by `Machine.film()`.

    It takes a picture now, one each 1/fps seconds of guest time, and one at the end, and writes the
    file when it is closed. So two runs of a guest make equal films, however fast the host is. What
    blinks does so. A film does not change what the guest does.
    Pictures of different sizes are centred on the largest one. Until the end the pictures are in
    memory, compressed, each change once.
    Only the thread that runs the guest uses it.

    MachineError: the name ends in neither .gif nor .png, or Pillow is missing. TypeError,
    ValueError: `fps` is not a number from 0.01 to 100. OSError: the file cannot be written.
    """

    owns = "an open file"
    instead = "make another film"

    def __init__(
        self, screen: Screen, clock: Clock, path: "str | os.PathLike[str]", fps: float
    ) -> None:
        name = os.fsdecode(path)
        unit = UNITS.get(os.path.splitext(name)[1].lower())
        if unit is None:
            raise MachineError(f"cannot make a film of {name}: name a file in .gif or .png")
        if isinstance(fps, (str, bytes, bool)) or not hasattr(fps, "__float__"):
            raise TypeError(f"fps={fps!r}: give a number of pictures for a guest second")
        fps = float(fps)
        if not (math.isfinite(fps) and LEAST_FPS <= fps <= MOST_FPS):
            raise ValueError(f"fps={fps!r}: give a number from {LEAST_FPS} to {MOST_FPS:.0f}")
        self._image = _pillow()
        self._unit = unit
        self._screen = screen
        self._clock = clock
        self._start = clock.now()
        self._period = SECOND / fps
        self._taken = 0
        self._timer: Timer | None = None
        self.frames: list[Frame] = []
        """The pictures that differ from the one before."""
        self._file = open(name, "wb")  # noqa: SIM115  now, so that errors come before the run
        self.path = name
        self._tick()

    def _tick(self) -> None:
        self.take()
        self._taken += 1
        due = self._start + round(self._taken * self._period)
        self._timer = self._clock.call_at(max(due, self._clock.now() + 1), self._tick, "film")

    def take(self) -> None:
        """Take one more picture, now."""
        indices, palette = self._screen.indexed(blink=None)
        height, width = indices.shape
        data = zlib.compress(indices.tobytes() + palette.tobytes(), 1)
        frame = Frame(self._clock.now(), (width, height), data)
        last = self.frames[-1] if self.frames else None
        if last is None or (last.size, last.data) != (frame.size, frame.data):
            self.frames.append(frame)

    def close(self) -> None:
        """Take the last picture and write the file. OSError: it cannot be written. A second call
        does nothing."""
        if self._file.closed:
            return
        with self._file as file:
            if self._timer is not None:
                self._timer.cancel()
            self.take()
            kind = "GIF" if self.path.lower().endswith(".gif") else "PNG"
            pictures = _Pictures(self._image, self.frames, kind)
            pictures.one(0).save(
                file,
                kind,
                save_all=True,
                append_images=pictures,
                duration=self._durations(),
                loop=0,
            )

    def _durations(self) -> list[int]:
        """How long each picture is shown, in ms."""
        unit = self._unit
        ends = [frame.time for frame in self.frames[1:]]
        ends.append(max(self._clock.now(), self.frames[-1].time + round(self._period)))
        marks = [(time - self._start + unit // 2) // unit for time in [self.frames[0].time, *ends]]
        times = pairwise(marks)
        return [max(1, after - before) * unit // 1_000_000 for before, after in times]

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Film {self.path}, {len(self.frames)} pictures>"


class _Pictures:
    """The pictures after the first as Pillow's, each of the size of the film, made when they are
    asked for. Pillow goes through them more than once."""

    def __init__(self, image: Any, frames: list[Frame], kind: str) -> None:
        self._image = image
        self._frames = frames
        self._kind = kind
        self._size = tuple(max(frame.size[i] for frame in frames) for i in range(2))

    def __iter__(self) -> "Iterator[Any]":
        return map(self.one, range(1, len(self._frames)))

    def one(self, number: int) -> Any:
        """One picture."""
        frame = self._frames[number]
        data = zlib.decompress(frame.data)
        picture = self._image.frombytes("P", frame.size, data[:-768])
        picture.putpalette(data[-768:])
        if self._kind == "PNG" or frame.size != self._size:
            picture = picture.convert("RGB")
        if frame.size != self._size:
            whole = self._image.new("RGB", self._size)
            left, top = (
                (most - own) // 2 for most, own in zip(self._size, frame.size, strict=True)
            )
            whole.paste(picture, (left, top))
            picture = whole
        return picture


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MachineError(
            "a film is written by Pillow, which is missing: pip install 'pyx86emu[pictures]'"
        ) from error
    return Image
