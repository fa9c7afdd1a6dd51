"""The disks that a guest asks for in its header: `; boots: hda`."""

from __future__ import annotations

from pathlib import Path

from pyx86emu import Disk

#: 4 cylinders, 16 heads, 63 sectors: what the guests expect of a hard disk.
HARD_DISK = 4 * 16 * 63 * 512
SIZES = {"hda": HARD_DISK, "hdb": HARD_DISK, "fda": 1_474_560, "fdb": 737_280}
#: What the header says -> the drives, True for the one with the guest; and the boot order.
BOOTS: dict[str, tuple[dict[str, bool], str]] = {
    "hda": ({"hda": True}, "c"),
    "hda with a blank hdb": ({"hda": True, "hdb": False}, "c"),
    "fda with a 720K fdb": ({"fda": True, "fdb": False}, "a"),
    "fda after a blank hda": ({"fda": True, "hda": False}, "ca"),
}


def drives(boots: str, image: bytes) -> dict[str, Disk | str]:
    """The arguments of Machine: drives and order."""
    wanted, order = BOOTS[boots]
    found: dict[str, Disk | str] = {"order": order}
    for name, guest in wanted.items():
        content = (image if guest else b"").ljust(SIZES[name], b"\0")
        found[name] = Disk(content, kind="hd" if name.startswith("hd") else "floppy")
    return found


def qemu_drives(boots: str, image: bytes, directory: Path) -> list[str]:
    """The same as arguments of QEMU, with images in `directory`."""
    wanted, order = BOOTS[boots]
    arguments = ["-boot", f"order={order}"]
    for name, guest in wanted.items():
        path = directory / f"{name}.img"
        path.write_bytes((image if guest else b"").ljust(SIZES[name], b"\0"))
        kind = "ide" if name.startswith("hd") else "floppy"
        index = "ab".index(name[-1])
        arguments += ["-drive", f"file={path},format=raw,if={kind},index={index}"]
    return arguments
