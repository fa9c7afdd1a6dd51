"""Sound files: write samples to a WAV file as they come. Know no speaker."""

import os
import struct
from types import TracebackType

from .._core import whole

#: A WAV file has sizes of 32 bits. Samples above this many bytes are dropped.
LARGEST = (1 << 32) - 1 - 36 - 1

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavFile:
    """A WAV file of one channel, 16 bits a sample. Its header is right after `flush` and `close`.
    OSError: it cannot be opened or written. ValueError: a rate that is not 1 to 1,000,000.

    The same guest writes the same bytes in every run.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "x.wav")
    >>> with WavFile(path, 8000) as wav:
    ...     wav.write(bytes(16))
    >>> os.path.getsize(path)
    60
    """

    def __init__(self, path: str | os.PathLike[str], rate: int = 44100) -> None:
        self.rate = whole(rate, "rate", 1, 1_000_000)
        self.size = 0
        """Bytes of samples so far."""
        self.dropped = 0
        """Bytes that did not fit."""
        self._file = open(path, "wb")  # noqa: SIM115 -- close() closes it
        try:
            self._file.write(self._header())
        except BaseException:
            self._file.close()
            raise

    def write(self, samples: bytes) -> None:
        """Add little-endian samples of 16 bits."""
        fits = samples[: max(0, LARGEST - self.size) & -2]
        self.dropped += len(samples) - len(fits)
        self._file.write(fits)
        self.size += len(fits)

    def flush(self) -> None:
        """Write what is buffered, and the sizes."""
        self._file.flush()
        if self._file.seekable():
            end = self._file.tell()
            self._file.seek(0)
            self._file.write(self._header())
            self._file.seek(end)
            self._file.flush()

    def close(self) -> None:
        """Complete the file. Twice is harmless."""
        if not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def _header(self) -> bytes:
        return _HEADER.pack(
            *(b"RIFF", 36 + self.size, b"WAVE", b"fmt ", 16, 1, 1),
            *(self.rate, 2 * self.rate, 2, 16, b"data", self.size),
        )

    def __enter__(self) -> "WavFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<WavFile {self.size // 2} samples at {self.rate} Hz>"
