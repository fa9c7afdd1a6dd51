"""Drives: read the options that name disks, open the images, write changes back at the end."""

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

from ..errors import DiskError, Pyx86Error
from ..pc.disks.image import Disk
from . import output
from .parser import Options
from .status import HostError, UsageError, reason

Geometry = tuple[int, int, int]

#: The options of the four drives, and what each takes.
DRIVES = ("fda", "fdb", "hda", "hdb")
#: The drives of each `if=` of -drive, by `index=`.
INTERFACES = {"floppy": ("fda", "fdb"), "ide": ("hda", "hdb")}
KEYS = (
    *("file", "format", "if", "id", "index", "media", "snapshot", "readonly"),
    *("cyls", "heads", "secs"),
)
ORDERS = ("a", "c", "ac", "ca")
#: Before the ID of a disk for -device, as its place.
NONE = "none:"
#: The `if=` of a disk that brings its device; also its ID, with a number from the second one on.
VIRTIO = "virtio"
#: Letters of -boot that QEMU knows, and why they cannot be.
NO_BOOT = {"d": "there is no CD-ROM drive", "n": "there is no network card", "b": "only A boots"}
#: A path that begins so is a directory; QEMU has more words after it.
FAT = "fat:"
VVFAT = ("rw", "floppy", "12", "16", "32")
PROGRAMS = (".com", ".exe")
CONVERT = "convert it first, `qemu-img convert -O raw FILE FILE.img`"


class Drive(NamedTuple):
    """What the options say about one disk. `place`: fda, fdb, hda, hdb, or image: the disk's kind
    decides; none:ID, a disk for -device. `option` is how messages name it, `name` is its `id=`.
    `virtio`: it brings its device, if=virtio."""

    place: str
    path: str
    option: str
    geometry: Geometry | None = None
    write_back: bool = False
    readonly: bool = False
    name: str = ""
    virtio: bool = False

    @property
    def id(self) -> str:
        """The ID of a disk for -device; "": it is in a drive."""
        return self.place.removeprefix(NONE) if self.place.startswith(NONE) else ""


# -- values ----------------------------------------------------------------------------------------


def geometry(text: str) -> Geometry:
    """`C,H,S`: cylinders, heads, sectors per track.

    >>> geometry("80,2,18")
    (80, 2, 18)
    """
    match = re.fullmatch(r"([0-9]{1,5}),([0-9]{1,3}),([0-9]{1,2})", text)
    if not match:
        raise UsageError(
            f"--geometry {text}: give cylinders,heads,sectors in digits, such as 80,2,18"
        )
    cylinders, heads, sectors = (int(each) for each in match.groups())
    return cylinders, heads, sectors


def boot_order(text: str) -> str:
    """`-boot a`, `-boot c`, `-boot order=ac`: which drives are tried, in order.

    >>> boot_order("order=ca")
    'ca'
    """
    name, equals, value = text.partition("=")
    order = value if equals else text
    if equals and name != "order":
        raise UsageError(f"-boot {text}: write -boot a, -boot c or -boot order=ac")
    for letter in order:
        if letter in NO_BOOT:
            raise UsageError(f"-boot {text}: {NO_BOOT[letter]}: give a, c, ac or ca")
    if order not in ORDERS:
        raise UsageError(f"-boot {text}: give a (floppy), c (hard disk), or both, order=ac")
    return order


def drive(text: str) -> Drive:
    """`-drive file=F,format=raw,if=ide,index=0`. As in QEMU, two commas stand for one in a name.

    >>> drive("file=a,,b.img,if=floppy,index=1")[:2]
    ('fdb', 'a,b.img')
    """
    given: dict[str, str] = {}
    for part in text.replace(",,", "\0").split(","):
        key, equals, value = part.replace("\0", ",").partition("=")
        if key in KEYS and equals and not value:
            raise _wrong(text, f"{key}= has no value")
        if key not in KEYS or not equals:
            from .device_help import OTHER_DRIVE_KEYS, no_key

            raise _wrong(text, no_key(part.replace("\0", ","), KEYS, OTHER_DRIVE_KEYS))
        if key in given:
            raise _wrong(text, f"{key}= is there twice")
        given[key] = value
    if "file" not in given:
        raise _wrong(text, "it needs file=FILE")
    if (kind := given.get("format", "raw")) != "raw":
        raise _wrong(text, f"format={kind} is not read: {CONVERT}")
    if (media := given.get("media", "disk")) != "disk":
        raise _wrong(text, f"there is no drive for media={media}: leave it out")
    return Drive(
        _place(text, given),
        given["file"],
        "-drive",
        _sizes(text, given),
        write_back=_on(text, given, "snapshot") is False,
        readonly=_on(text, given, "readonly") is True,
        name=given.get("id", ""),
        virtio=given.get("if") == VIRTIO,
    )


def _place(text: str, given: dict[str, str]) -> str:
    """The drive that `if=`, `index=` and `id=` name."""
    interface, index = given.get("if", "ide"), given.get("index", "")
    if interface == "none":
        if index or "id" not in given:
            raise _wrong(
                text, "if=none needs id=ID, for -device virtio-blk,drive=ID, and no index="
            )
        return NONE + given["id"]
    if interface == VIRTIO:
        if index:
            raise _wrong(text, "if=virtio takes no index=: the first one boots first")
        return NONE + given.get("id", VIRTIO)
    places = INTERFACES.get(interface)
    if places is None:
        raise _wrong(
            text, f"there is no if={interface}: give if=ide, if=floppy, if=virtio or if=none"
        )
    if index not in ("", "0", "1"):
        raise _wrong(text, f"index={index}: give 0 or 1, there are two drives of each kind")
    return places[int(index)] if index else interface


def _sizes(text: str, given: dict[str, str]) -> Geometry | None:
    """`cyls=C,heads=H,secs=S`, all three or none."""
    sizes = [given.get(key) for key in ("cyls", "heads", "secs")]
    if not any(sizes):
        return None
    if not all(each and re.fullmatch("[0-9]{1,5}", each) for each in sizes):
        raise _wrong(text, "give all of cyls=, heads= and secs=, in digits")
    cylinders, heads, sectors = (int(each or 0) for each in sizes)
    return cylinders, heads, sectors


def _on(text: str, given: dict[str, str], key: str) -> bool | None:
    value = given.get(key)
    if value not in (None, "on", "off"):
        raise _wrong(text, f"{key}={value}: give on or off")
    return None if value is None else value == "on"


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"-drive {text}: {why}")


# -- all options together --------------------------------------------------------------------------


def drives(options: Options) -> list[Drive]:
    """The disks that the options name. UsageError: two for one drive, or none."""
    found: list[Drive] = []
    if options.image is not None:
        found.append(Drive("image", options.image, "IMAGE"))
    for place in DRIVES:
        found += [Drive(place, path, f"-{place}") for path in getattr(options, place)]
    found += [each for each in options.drive if not each.id]
    taken: dict[str, Drive] = {}
    placed: list[Drive] = []
    for each in [
        *(d for d in found if d.place in DRIVES),
        *(d for d in found if d.place not in DRIVES),
    ]:
        if each.place in INTERFACES:  # -drive without an index: the next one that is free
            free = [place for place in INTERFACES[each.place] if place not in taken]
            if not free:
                raise UsageError(f"-drive file={each.path}: both {each.place} drives have a disk")
            each = each._replace(place=free[0])
        if (other := taken.get(each.place)) is not None:
            raise UsageError(f"two disks for {each.place}, {other.path} and {each.path}: give one")
        taken[each.place] = each
        if not each.path:
            form = "pyx86emu IMAGE" if each.option == "IMAGE" else f"{each.option} FILE"
            raise UsageError(f"{each.option}: no file is named: give one, {form}")
        placed.append(each)
    spare = for_devices(options.drive)
    if not placed and not spare and not getattr(options, "device", None):
        raise UsageError("no image to boot: give one, pyx86emu IMAGE")
    boots = [_with(each, options, len(placed)) for each in placed]
    return boots + [_with(each, options, 2) for each in spare]


def for_devices(found: Iterable[Drive]) -> list[Drive]:
    """Those that are in no drive of the PC. UsageError: two have the same ID."""
    spare: dict[str, Drive] = {}
    for each in found:
        if each.virtio and not each.name:
            number = sum(other.virtio for other in spare.values())
            each = each._replace(place=f"{NONE}{VIRTIO}{number}")
        if each.id in spare:
            raise UsageError(f"-drive file={each.path}: another one has id={each.id}")
        if each.id:
            spare[each.id] = each
    return list(spare.values())


def _with(each: Drive, options: Options, number: int) -> Drive:
    """The drive with what --geometry, --write-back and -snapshot say about all of them."""
    if options.snapshot and each.write_back:
        raise UsageError(f"-snapshot and -drive file={each.path},snapshot=off are opposites")
    if options.geometry is not None and (number == 1 or each.place == "image"):
        each = each._replace(geometry=options.geometry)
    elif options.geometry is not None and options.image is None:
        raise UsageError(
            "--geometry with two disks: say of which, -drive file=FILE,if=ide,cyls=C,heads=H,secs=S"
        )
    return each._replace(write_back=(each.write_back or options.write_back) and not each.readonly)


@contextmanager
def open_disks(found: list[Drive], delete: bool = False) -> Iterator[dict[str, Disk]]:
    """The open images by place. UsageError: one cannot be opened. HostError: changes cannot be
    written."""
    disks: dict[str, Disk] = {}
    try:
        for each in found:
            disks[each.place] = disk = open_disk(each, delete)
            own = "fda" if disk.kind == "floppy" else "hda"
            if each.place == "image" and own in disks:
                raise UsageError(
                    f"two disks for {own}, {disks[own].name} and {each.path}: give one "
                    f"({each.path} is a {'floppy' if own == 'fda' else 'hard'} disk: {disk.reason})"
                )
        yield disks
    finally:
        close(disks.values())


def open_disk(each: Drive, delete: bool = False) -> Disk:
    """The open disk of a drive. UsageError: it cannot be opened."""
    kind: Literal["floppy", "hd"] | None = None
    if each.id:
        kind = "hd"
    elif each.place in DRIVES:
        kind = "floppy" if each.place in INTERFACES["floppy"] else "hd"
    _is_no_program(each.path)
    try:
        with _notes_kept():
            disk = _disk(each, kind, delete)
    except OSError as error:
        what = "the name of a directory" if each.path.startswith(FAT) else "a disk image"
        raise UsageError(f"cannot open {each.path} ({reason(error)}): give {what}") from error
    except Pyx86Error as error:
        raise UsageError(str(error)) from error
    disk.readonly = each.readonly
    _say(disk.notes)
    return disk


def _is_no_program(path: str) -> None:
    """UsageError: by its name a DOS program, and no boot sector is in it."""
    if not path.lower().endswith(PROGRAMS) or path.startswith(FAT):
        return
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except (OSError, ValueError):
        return  # who opens it as a disk says why
    if head[510:] != b"\x55\xaa":
        raise UsageError(
            f"{path} is a DOS program, not a disk image: `pyx86emu dos {path}` runs it; or put it "
            "on a disk with a system that runs it, such as -fdb fat:DIR with FreeDOS in drive A"
        )


def _disk(each: Drive, kind: Literal["floppy", "hd"] | None, delete: bool) -> Disk:
    """The disk of an image, or of a directory."""
    if not each.path.startswith(FAT):
        return Disk(each.path, write_back=each.write_back, geometry=each.geometry, kind=kind)
    directory = each.path.removeprefix(FAT)
    if not directory:
        raise UsageError(f"{each.option} {FAT}: no directory is named: write {FAT}DIR")
    for word in VVFAT:
        if directory.startswith(f"{word}:"):
            raise UsageError(
                f"{each.option} {each.path}: write {FAT}{directory.removeprefix(f'{word}:')}; the "
                "drive says which kind it is, and --write-back that files are written"
            )
    return Disk.from_directory(
        directory,
        kind=kind,
        geometry=each.geometry,
        write_back=each.write_back,
        delete=delete,
    )


@contextmanager
def _notes_kept() -> Iterator[None]:
    """What a disk warns of is said by `_say`, in our words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        output.complain(f"pyx86emu: {note}")


def close(disks: Iterable[Disk]) -> None:
    """Close the images; --write-back writes changes first. HostError says how many are lost.
    All are closed, also if one fails."""
    failure: HostError | None = None
    for disk in disks:
        known = len(disk.notes)
        try:
            with _notes_kept():
                disk.close()
        except (OSError, DiskError) as error:
            lost = disk.changed
            disk.close(discard=True)
            number = error.errno if isinstance(error, OSError) else None
            why = os.strerror(number) if number else str(error)
            text = f"cannot write back to {disk.name}: {why}; changed sectors lost: {lost}"
            failure = failure or HostError(text)
        _say(disk.notes[known:])
    if failure is not None:
        raise failure
