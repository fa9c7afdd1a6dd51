"""Help for -device and -drive: say what each device and key is, and what to write in place of a
word of QEMU. Only `help` and mistakes import it; makes no device."""

from collections.abc import Mapping, Sequence

#: Each device, without its ending.
DEVICES = {
    "virtio-blk": "a disk",
    "virtio-console": "a console with one port",
    "virtio-rng": "random bytes",
    "vhost-user-blk": "a disk that another process serves",
}
#: Each key and its value. `-pci` devices have no `addr`.
KEYS = {
    "drive": "ID: the disk of -drive file=FILE,if=none,id=ID",
    "path": "SOCKET: the Unix socket of the other process",
    "server": "on|off: listen there, and let the other process connect",
    "serial": "TEXT: what the driver reads as the ID, up to 20 bytes",
    "chardev": "stdio|pty|file:PATH|null: where it goes",
    "seed": "N: every run gets the same bytes",
    "num-queues": "N: request queues",
    "queue-size": "N: descriptors of a queue, a power of two",
    "rom": "on|off: the option ROM that boots from it; on by default if there is no other disk",
    "addr": "ADDRESS: where its registers are, from 0xd0000 on by default",
    "irq": "LINE: its interrupt line, 10, 11, 9 or 5 by default",
    "ioeventfd": "on|off: off makes each notification an exit",
    "id": "TEXT: a name, which nothing uses",
}

NO_NETWORK = "there is no network card: leave it out"
DISK = "give virtio-blk,drive=ID, or -hda FILE"
HAS = "every PC has it, leave it out"
#: Devices of QEMU: how their names begin, and what to do. The first line that fits counts.
OTHERS = {
    "isa-debug-exit": f"{HAS}: port 0xf4 ends the run",
    "isa-debugcon": f"{HAS}: port 0xe9 is the debug console",
    "virtio-serial": "virtio-console is controller and port in one: give that",
    "virtconsole": "give virtio-console,chardev=WHERE",
    "virtserialport": "give virtio-console,chardev=WHERE",
    "virtio-net": NO_NETWORK,
    "e1000": NO_NETWORK,
    "rtl8139": NO_NETWORK,
    "ne2k": NO_NETWORK,
    "virtio-scsi": DISK,
    "virtio-vga": "the display card is a VGA: leave it out",
    "VGA": "the display card is a VGA: leave it out",
    "scsi-": DISK,
    "nvme": DISK,
    "ide-": "give -hda FILE or -hdb FILE",
    "floppy": "give -fda FILE or -fdb FILE",
    "isa-serial": "give -serial WHERE",
    "isa-parallel": "give -parallel WHERE",
    "usb": "there is no USB: keyboard and mouse are the PC's own",
    "vhost-user-": "the only front end is vhost-user-blk; "
    "pyx86emu.virtio.serve() is the back end of any device",
}
LEAVE = "leave it out"
#: Keys of QEMU that are none here.
OTHER_KEYS = {
    "file": "give drive=ID, with -drive file=FILE,if=none,id=ID",
    "chardev": "give path=SOCKET, the socket itself",
    "bootindex": "the first -device boots first: leave it out",
    "bus": LEAVE,
    "disable-legacy": LEAVE,
    "disable-modern": LEAVE,
    "vectors": "there is no MSI-X: leave it out",
    "iommu_platform": LEAVE,
    "rng": "the bytes are the host's: leave it out",
    "name": LEAVE,
    "share-rw": LEAVE,
    "write-cache": LEAVE,
}
#: Keys of QEMU's -drive that are none here.
OTHER_DRIVE_KEYS = {
    **dict.fromkeys(("cache", "aio", "discard", "detect-zeroes", "werror", "rerror"), LEAVE),
    "bus": "give index=",
    "unit": "give index=",
    "serial": "give it to -device virtio-blk",
    "read-only": "give readonly=on",
}


def text(names: Sequence[str], keys: Sequence[str] = ()) -> str:
    """A line for each device, and for each key of the only one.

    >>> print(text(["virtio-rng-pci"], ["seed"]), end="")
    virtio-rng-pci: random bytes, on the PCI bus
      seed=N: every run gets the same bytes
    """
    lines = []
    for name in names:
        plain = name.removesuffix("-pci").removesuffix("-device")
        where = ", on the PCI bus" if name.endswith("-pci") else ""
        lines.append(f"{name}: {DEVICES[plain]}{where}")
    lines += [f"  {key}={KEYS[key]}" for key in keys]
    if not keys:
        lines.append("-device NAME,help lists the keys of a device")
    return "\n".join(lines) + "\n"


def other_device(name: str) -> str | None:
    """What to write in place of a device of QEMU."""
    return next((what for start, what in OTHERS.items() if name.startswith(start)), None)


def no_key(part: str, allowed: Sequence[str], known: Mapping[str, str]) -> str:
    """Why this KEY=VALUE is refused, and what to write instead.

    >>> no_key("num_queues=2", ["num-queues"], OTHER_KEYS)
    'there is no num_queues=: write num-queues='
    >>> no_key("x=2", ["num-queues"], OTHER_KEYS)
    "'x=2' is none of num-queues with =VALUE"
    """
    key, equals, _ = part.partition("=")
    for each in allowed:
        if equals and each.replace("-", "") == key.replace("_", "").replace("-", "").lower():
            return f"there is no {key}=: write {each}="
    if equals and key in known:
        return f"there is no {key}=: {known[key]}"
    return f"{part!r} is none of {', '.join(allowed)} with =VALUE"
