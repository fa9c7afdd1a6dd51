"""Owners of descriptors: they refuse to be copied, and close what was forgotten, with a warning."""

import os
import warnings
from collections.abc import Callable
from typing import NoReturn, SupportsIndex


class Single:
    """What must exist once: closing a second copy would close a descriptor that is reused by then.

    >>> import copy
    >>> class Door(Single):
    ...     owns, instead = "a key", "knock"
    >>> copy.copy(Door())
    Traceback (most recent call last):
    TypeError: Door objects cannot be copied or pickled, since each owns a key: knock
    """

    owns: str
    #: What to do instead of copying.
    instead: str

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} objects cannot be copied or pickled, "
            f"since each owns {self.owns}: {self.instead}"
        )


class Descriptor(Single):
    """One descriptor. If its owner is dropped without close(), it is closed with a ResourceWarning.

    That works at any moment: before `__init__` has run, after it has failed, at the end of the
    interpreter, and in a forked child, whose descriptors are its own.
    """

    _fd = -1

    def _release(self) -> None:
        """Close the descriptor, once."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _forgotten(self) -> str:
        """What the warning says."""
        return f"unclosed {self!r}: use it in a with statement, or close() it"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if self._fd < 0:
            return
        try:
            try:
                text = self._forgotten()
            except Exception:  # half made, or an attribute has been set to nonsense
                text = f"unclosed {type(self).__name__}: close() it"
            _warn(text, ResourceWarning, source=self)
        finally:
            self._release()
