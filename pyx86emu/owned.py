"""Owners of descriptors: refuse copies; close a dropped descriptor, with a warning."""

import os
import warnings
from collections.abc import Callable
from typing import NoReturn, SupportsIndex


class Single:
    """An object that must not be copied.

    The second copy to be closed would close a descriptor that is in use for another file by then.

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

    That works at any time: before `__init__` has run, after it has failed, when the interpreter
    ends, and in a forked child, which has its own copies of the descriptors.
    """

    _fd = -1

    def _release(self) -> None:
        """Close the descriptor, once."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _forgotten(self) -> str:
        """The text of the warning."""
        return f"unclosed {self!r}: use it in a with statement, or close() it"

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if self._fd < 0:
            return
        try:
            try:
                text = self._forgotten()
            except Exception:  # __init__ has failed, or an attribute was overwritten
                text = f"unclosed {type(self).__name__}: close() it"
            _warn(text, ResourceWarning, source=self)
        finally:
            self._release()
