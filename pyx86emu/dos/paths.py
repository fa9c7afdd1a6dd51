"""Paths: turn the text that a program gives into the 8.3 names from the root on. Touch no file."""

from ..pc.disks.fatnames import why_not
from .codes import FILE_NOT_FOUND, INVALID_DRIVE, PATH_NOT_FOUND, DosError
from .files import Path
from .names import device, shorten

#: The longest path, without its 0.
LONGEST = 127
#: The deepest directory, as on a FAT disk of the host's directories.
DEEPEST = 32


def resolve(raw: bytes | None, cwd: Path) -> Path:
    """The names of a path. DosError: no drive C, no name, or a path without an end.

    >>> resolve(rb"..\\sub\\A.TXT", ("DIR",)), resolve(b"c:/x.c", ("DIR",))
    (('SUB', 'A.TXT'), ('X.C',))
    """
    if raw is None or len(raw) > LONGEST:
        raise DosError(PATH_NOT_FOUND)
    text = raw.decode("cp437").replace("/", "\\")
    if text[1:2] == ":":
        if text[0].upper() != "C":
            raise DosError(INVALID_DRIVE)
        text = text[2:]
    if not text:
        raise DosError(FILE_NOT_FOUND)
    names = [] if text.startswith("\\") else list(cwd)
    parts = [part for part in text.split("\\") if part]
    for number, part in enumerate(parts):
        if part == ".":
            continue
        if part == "..":
            if not names:
                raise DosError(PATH_NOT_FOUND)
            names.pop()
            continue
        name = shorten(part.rstrip(" "))
        last = number == len(parts) - 1
        if why_not(name) is not None and not (last and (device(name) or wild(name))):
            raise DosError(FILE_NOT_FOUND if last else PATH_NOT_FOUND)
        names.append(name)
    if len(names) > DEEPEST:
        raise DosError(PATH_NOT_FOUND)
    return tuple(names)


def is_name(name: str) -> bool:
    """Is it an 8.3 name, and no device?"""
    return why_not(name) is None


def wild(name: str) -> bool:
    """Has a name ? or *, and is otherwise an 8.3 name?"""
    plain = name.replace("?", "X").replace("*", "X")
    return plain != name and (why_not(plain) is None or plain.endswith("."))


def text(path: Path) -> str:
    """A path as a program sees it.

    >>> text(("DIR", "A.TXT"))
    'C:\\\\DIR\\\\A.TXT'
    """
    return "C:\\" + "\\".join(path)
