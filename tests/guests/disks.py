"""The disks that a guest asks for in its header: `; boots: hda`."""

from __future__ import annotations

from pathlib import Path

from pyx86emu import Disk

#: 4 cylinders, 16 heads, 63 sectors: what the guests expect of a hard disk.
HARD_DISK = 4 * 16 * 63 * 512
FLOPPY = 1_474_560
#: What the header says -> the drives, True for the one with the guest; and the boot order.
BOOTS: dict[str, tuple[dict[str, bool], str]] = {
    "hda": ({"hda": True}, "c"),
    "fda after a blank hda": ({"fda": True, "hda": False}, "ca"),
}


def drives(boots: str, image: bytes) -> dict[str, Disk | str]:
    """The arguments of Machine: drives and order."""
    wanted, order = BOOTS[boots]
    found: dict[str, Disk | str] = {"order": order}
    for name, guest in wanted.items():
        content = image if guest else b""
        if name == "hda":
            found[name] = Disk(content.ljust(HARD_DISK, b"\0"), kind="hd")
        else:
            found[name] = Disk(content.ljust(FLOPPY, b"\0"), kind="floppy")
    return found


def qemu_drives(boots: str, image: bytes, directory: Path) -> list[str]:
    """The same as arguments of QEMU, with images in `directory`."""
    wanted, order = BOOTS[boots]
    arguments = ["-boot", f"order={order}"]
    for name, guest in wanted.items():
        path = directory / f"{name}.img"
        size, kind = (HARD_DISK, "ide") if name == "hda" else (FLOPPY, "floppy")
        path.write_bytes((image if guest else b"").ljust(size, b"\0"))
        arguments += ["-drive", f"file={path},format=raw,if={kind},index=0"]
    return arguments
