"""Audio: record what the guest's speaker does, as a WAV file."""

from ..pc.machine import Machine
from ..pc.sound import WavFile
from .status import HostError, UsageError, reason


class Recording:
    """--audio FILE.wav, from the start of the guest to the end of the run.

    UsageError: the file cannot be made, or the back end cannot record.
    """

    def __init__(self, m: Machine, path: str) -> None:
        self._m = m
        self._path = path
        try:
            self._file = WavFile(path)
        except OSError as error:
            raise UsageError(f"--audio {path}: {reason(error)}") from error
        try:
            m.speaker.start(self._write, self._file.rate)
        except OSError as error:
            self._file.close()
            raise UsageError(f"--audio {path}: {reason(error)}") from error

    def _write(self, samples: bytes) -> None:
        try:
            self._file.write(samples)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> HostError:
        return HostError(f"cannot write --audio {self._path}: {reason(error)}")

    def close(self) -> None:
        """Write the rest. HostError: it cannot be written. Twice is harmless."""
        try:
            self._m.speaker.stop(self._write)
        finally:
            try:
                self._file.close()
            except OSError as error:
                raise self._failed(error) from error

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
