"""8.3 names: turn them into directory entries and back, and say what is none. Know no disks."""

from ...errors import DiskError

#: What a name may have besides letters and digits (Microsoft, "FAT: General Overview", 6.1).
OTHERS = "!#$%&'()-@^_`{}~"
ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + OTHERS)
#: DOS takes these names for devices, with any extension.
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CLOCK$"]
    + [f"{port}{n}" for port in ("COM", "LPT") for n in "1234"]
)
#: A first byte of E5h would mean a deleted entry.
DELETED, E5 = 0xE5, 0x05


def why_not(name: str) -> str | None:
    """Why a name is no 8.3 name, as text; None if it is one. Small letters count as capital.

    >>> why_not("AUTOEXEC.BAT"), why_not("a b.txt"), why_not("index.html")
    (None, "it has ' '", 'its extension has more than 3 characters')
    """
    stem, dot, extension = name.upper().partition(".")
    if not stem:
        return "it has nothing before the dot" if dot else "it is empty"
    if dot and not extension:
        return "it ends in a dot"
    strange = next((char for char in stem + extension if char not in ALLOWED), None)
    if strange is not None:
        return "it has two dots" if strange == "." else f"it has {strange!r}"
    if len(stem) > 8:
        return "it has more than 8 characters before the dot"
    if len(extension) > 3:
        return "its extension has more than 3 characters"
    if stem in DEVICES:
        return f"DOS has a device {stem}"
    return None


def to_entry(name: str) -> bytes:
    """The 11 bytes of a directory entry. DiskError: it is no 8.3 name.

    >>> to_entry("io.sys")
    b'IO      SYS'
    """
    if why := why_not(name):
        raise DiskError(f"{name!r} is no 8.3 name, {why}: rename it")
    stem, _, extension = name.upper().partition(".")
    return (stem.ljust(8) + extension.ljust(3)).encode("ascii")


def from_entry(raw: bytes) -> str | None:
    """The name in a directory entry, with letters of code page 437; None if it is no 8.3 name.

    >>> from_entry(b"IO      SYS"), from_entry(b"..         "), from_entry(b"A/B     TXT")
    ('IO.SYS', None, None)
    """
    raw = bytes(raw)
    first = DELETED if raw[0] == E5 else raw[0]
    text = bytes([first, *raw[1:11]]).decode("cp437")
    stem, extension = text[:8].rstrip(" "), text[8:].rstrip(" ")
    if not stem or not all(char in ALLOWED or char >= "\x80" for char in stem + extension):
        return None
    return f"{stem}.{extension}" if extension else stem


def split(path: object) -> list[str]:
    """The parts of a path on a FAT disk, in capitals; "/" and "\\\\" are the same.

    DiskError: it has no parts, or one that is no name. TypeError: it is no text.

    >>> split("sub/a.txt")
    ['SUB', 'A.TXT']
    """
    if not isinstance(path, str):
        raise TypeError(f"a file on a disk has a name as text, not {type(path).__name__}")
    parts = [part.upper() for part in path.replace("\\", "/").split("/") if part]
    if not parts:
        raise DiskError(f"{path!r} names no file: give a name such as 'A.TXT' or 'SUB/A.TXT'")
    return parts
