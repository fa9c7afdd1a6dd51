"""Names of files: turn the names of a host directory into 8.3 names. Touches no file."""

from collections.abc import Iterable

from ..pc.disks.fatnames import ALLOWED, DEVICES, why_not

#: Aliases of one name that are tried.
MOST_ALIASES = 9999


def shorten(part: str) -> str:
    """What DOS takes of a name: 8 characters before the dot, 3 after it, as capital letters.

    >>> shorten("history.data"), shorten("readme")
    ('HISTORY.DAT', 'README')
    """
    stem, dot, extension = part.upper().partition(".")
    return stem[:8] + (dot + extension[:3] if extension else "")


def device(name: str) -> str | None:
    """The device of this name, with any extension; None: it is no device.

    >>> device("nul.txt"), device("A.TXT")
    ('NUL', None)
    """
    stem = name.upper().partition(".")[0].rstrip(" ")
    return stem if stem in DEVICES else None


def aliases(names: Iterable[str]) -> dict[str, str]:
    """8.3 name -> host name, in the order of the 8.3 names.

    A name that is an 8.3 name in any case keeps it; of two that differ in case only, the first in
    the order of the host's characters does. Each other one gets an alias, such as LONGNA~1.TXT. A
    name that begins with a dot is left out.

    >>> aliases(["b.txt", "B.TXT", "long name.html", ".git"])
    {'B.TXT': 'B.TXT', 'B~1.TXT': 'b.txt', 'LONGNA~1.HTM': 'long name.html'}
    """
    found: dict[str, str] = {}
    rest: list[str] = []
    for name in sorted(names):
        if name.startswith("."):
            continue
        upper = name.upper()
        if name.isascii() and upper not in found and why_not(name) is None:
            found[upper] = name
        else:
            rest.append(name)
    last: dict[tuple[str, str], int] = {}
    for name in rest:
        head, dot, tail = name.rpartition(".") if "." in name else (name, "", "")
        stem = "".join(char for char in head.upper() if char in ALLOWED)[:6] or "_"
        extension = "".join(char for char in tail.upper() if char in ALLOWED)[:3]
        end = dot + extension if extension else ""
        for number in range(last.get((stem, end), 0) + 1, MOST_ALIASES + 1):
            short = f"{stem[: 7 - len(str(number))]}~{number}{end}"
            if short not in found:
                found[short] = name
                last[stem, end] = number
                break
    return dict(sorted(found.items()))


def matches(name: str, pattern: str) -> bool:
    """Is an 8.3 name of a pattern with ? and *? As DOS does it, in fields of 8 and 3 characters.

    >>> matches("A.TXT", "*.T?T"), matches("README", "*.*"), matches("A.TXT", "B*.*")
    (True, True, False)
    """
    return all(
        want == "?" or want == have
        for want, have in zip(fields(pattern), fields(name), strict=True)
    )


def fields(pattern: str) -> str:
    """A name or pattern as 11 characters: a * fills its field with ?.

    >>> fields("A*.C")
    'A???????C  '
    """
    if pattern in (".", ".."):
        return pattern.ljust(11)
    stem, _, extension = pattern.upper().partition(".")
    return _field(stem, 8) + _field(extension, 3)


def dotted(raw: bytes) -> str:
    """The other way: 11 characters as a name or pattern.

    >>> dotted(b"A???????C  "), dotted(b"README     ")
    ('A???????.C', 'README')
    """
    text = raw.decode("cp437")
    stem, extension = text[:8].rstrip(" "), text[8:].rstrip(" ")
    return f"{stem}.{extension}" if extension else stem


def _field(text: str, size: int) -> str:
    head, star, _ = text.partition("*")
    return head[:size].ljust(size, "?" if star else " ")
