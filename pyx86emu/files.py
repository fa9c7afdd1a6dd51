"""Files: see that a path is a regular file, before it is opened. Opening a FIFO would wait."""

import errno
import os
import stat


def check_regular(path: str | os.PathLike[str]) -> None:
    """OSError EINVAL: there is something else under this name. Nothing there is no error.
    TypeError: no path; a number would be a descriptor, which stays its owner's."""
    name = os.fspath(path)
    try:
        mode = os.stat(name).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "that is no regular file", name)


def contents(path: str | os.PathLike[str], most: int) -> bytes:
    """What is in a regular file. OSError: it cannot be read; ValueError: it has more than `most`
    bytes, a number of MiB."""
    check_regular(path)
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most >> 20} MiB")
    return data
