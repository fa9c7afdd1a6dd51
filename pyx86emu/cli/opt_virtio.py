"""Virtio: the option -device, as QEMU spells it. Knows names and keys, no device."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import Pyx86Error
from ..pc.machine import Machine
from . import output
from .drives import NONE
from .output import check_file
from .parser import Options, Parser
from .status import UsageError, reason

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..virtio.device import VirtioDevice
    from ..virtio.mmio import VirtioMmio
    from ..virtio.pci import VirtioPci

#: Keys that every device takes.
COMMON = ("addr", "irq", "ioeventfd", "id")
CHARDEVS = "stdio, pty, file:PATH or null"
HELP = "help"
#: What messages of the package call things, and how they are spelt here.
SPELT = {
    "server=True": "server=on",
    "rom=True": "rom=on",
    "gsi=": "irq=",
    "model='80386'": "-cpu 80386",
}


class Asked(NamedTuple):
    """One -device: its text, the name of the device, its keys."""

    text: str
    name: str
    keys: dict[str, str]

    def wrong(self, why: str) -> UsageError:
        """What to raise."""
        return UsageError(f"-device {self.text}: {why}")


class Kind(NamedTuple):
    """A device of `DEVICES`. `check` refuses before the guest starts; `make` returns it, and may
    leave in the stack what is to be closed after the run."""

    keys: tuple[str, ...]
    check: Callable[[Asked, Options], object]
    make: Callable[[Asked, Options, ExitStack], "VirtioDevice"]


# -- the devices -----------------------------------------------------------------------------------


def _check_blk(asked: Asked, options: Options) -> None:
    if "drive" not in asked.keys:
        raise asked.wrong("it needs drive=ID, with -drive file=FILE,if=none,id=ID")
    if (drive := asked.keys["drive"]) not in [each.id for each in options.disks]:
        if drive in [each.name for each in options.drive]:
            raise asked.wrong(f"the -drive with id={drive} is in a drive of the PC: add if=none")
        raise asked.wrong(f"no -drive has id={drive}: add -drive file=FILE,if=none,id={drive}")
    used = [each.keys.get("drive") for each in options.device]
    if used.count(asked.keys["drive"]) > 1:
        raise asked.wrong(f"two devices have drive={asked.keys['drive']}: give each its own")
    number(asked, "num-queues", 1, 64)
    number(asked, "queue-size", 4, 1 << 15)
    if len(asked.keys.get("serial", "").encode()) > 20:
        raise asked.wrong("a serial has at most 20 bytes")


def _blk(asked: Asked, options: Options, stack: ExitStack) -> "VirtioDevice":
    from ..virtio.blk import VirtioBlk

    return VirtioBlk(
        options.opened[NONE + asked.keys["drive"]],
        serial=asked.keys.get("serial", ""),
        queues=number(asked, "num-queues", 1, 64) or 1,
        queue_size=number(asked, "queue-size", 4, 1 << 15) or 256,
    )


def _check_console(asked: Asked, options: Options) -> None:
    where = asked.keys.get("chardev", "null")
    if where.startswith("file:") and where != "file:":
        check_file("-device", where[5:])
    elif where not in ("stdio", "pty", "null", "none"):
        raise asked.wrong(f"chardev={where}: give {CHARDEVS}")
    if where == "stdio" and (options.json or not options.nographic):
        raise asked.wrong("chardev=stdio needs -nographic, and no --json")
    if where == "stdio" and "none" not in options.serial:
        raise asked.wrong("chardev=stdio: COM1 has standard input; add -serial none")


def _console(asked: Asked, options: Options, stack: ExitStack) -> "VirtioDevice":
    from ..virtio import ends
    from ..virtio.console import VirtioConsole

    console = VirtioConsole()
    where = asked.keys.get("chardev", "null")
    if where == "stdio":
        stack.enter_context(ends.stdio(console))
    elif where == "pty":
        pty = ends.Pty(console)
        stack.callback(pty.close)
        output.complain(f"pyx86emu: virtio-console is on {pty.path}")
    elif where.startswith("file:"):
        path = where[5:]
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        stack.callback(os.close, fd)
        console.output = partial(os.write, fd)
    return console


def _check_rng(asked: Asked, options: Options) -> None:
    number(asked, "seed", 0, (1 << 64) - 1)


def _rng(asked: Asked, options: Options, stack: ExitStack) -> "VirtioDevice":
    from ..virtio.rng import VirtioRng

    return VirtioRng(seed=number(asked, "seed", 0, (1 << 64) - 1))


def _check_vhost_blk(asked: Asked, options: Options) -> None:
    if "path" not in asked.keys:
        raise asked.wrong("it needs path=SOCK, the Unix socket of the program that has the disk")
    if asked.keys.get("server", "off") not in ("on", "off"):
        raise asked.wrong(f"server={asked.keys['server']}: give on or off")
    if asked.keys.get("ioeventfd") == "off":
        raise asked.wrong("ioeventfd=off: another process is notified by ioeventfds only")
    number(asked, "num-queues", 1, 256)
    size = number(asked, "queue-size", 4, 1024) or 256
    if size & size - 1:
        raise asked.wrong(f"queue-size={size}: give a power of two")


def _vhost_blk(asked: Asked, options: Options, stack: ExitStack) -> "VirtioDevice":
    from ..virtio.vhost.blk import VhostUserBlk

    server = asked.keys.get("server") == "on"
    if server:
        output.complain(f"pyx86emu: {asked.name} waits for a back end at {asked.keys['path']}")
    return VhostUserBlk(
        asked.keys["path"],
        server=server,
        queues=number(asked, "num-queues", 1, 256),
        queue_size=number(asked, "queue-size", 4, 1024) or 256,
    )


_BLK = Kind(("drive", "rom", "serial", "num-queues", "queue-size"), _check_blk, _blk)
_CONSOLE = Kind(("chardev",), _check_console, _console)
_RNG = Kind(("seed",), _check_rng, _rng)
_VHOST_KEYS = ("path", "rom", "server", "num-queues", "queue-size")
_VHOST_BLK = Kind(_VHOST_KEYS, _check_vhost_blk, _vhost_blk)
#: By name. Without an ending the device is at the MMIO transport, which every model can use. QEMU's
#: names for that end in -device.
DEVICES = {
    "virtio-blk": _BLK,
    "virtio-blk-device": _BLK,
    "virtio-console": _CONSOLE,
    "virtio-rng": _RNG,
    "virtio-rng-device": _RNG,
    "vhost-user-blk": _VHOST_BLK,
    "virtio-blk-pci": _BLK,
    "virtio-console-pci": _CONSOLE,
    "virtio-rng-pci": _RNG,
    "vhost-user-blk-pci": _VHOST_BLK,
}
PCI = "-pci"


# -- the option ------------------------------------------------------------------------------------


def add(parser: Parser) -> None:
    """Declare it."""
    devices = (
        "virtio-blk,drive=ID; vhost-user-blk,path=SOCK; virtio-console; virtio-rng; NAME-pci; help"
    )
    parser.add_argument(
        "-device", metavar="KEYS", action="append", default=[], type=asked_for, help=devices
    )
    parser.set_defaults(opened={}, devices=[])


def asked_for(text: str) -> Asked:
    """`virtio-blk,drive=d0,serial=x`. As in QEMU, two commas stand for one in a value.

    >>> asked_for("virtio-blk,drive=a,,b")[1:]
    ('virtio-blk', {'drive': 'a,b'})
    """
    name, *parts = text.replace(",,", "\0").split(",")
    asked = Asked(text, name, {})
    if name == HELP and not parts:
        return asked
    if name not in DEVICES:
        raise asked.wrong(_no_device(name))
    if parts == [HELP]:
        return asked._replace(keys={HELP: ""})
    allowed = (*DEVICES[name].keys, *COMMON)
    for part in parts:
        key, equals, value = part.replace("\0", ",").partition("=")
        if key in allowed and not value:
            raise asked.wrong(f"{key}= has no value")
        if key not in allowed or not equals:
            from .device_help import OTHER_KEYS, no_key

            raise asked.wrong(no_key(part.replace("\0", ","), allowed, OTHER_KEYS))
        if key in asked.keys:
            raise asked.wrong(f"{key}= is there twice")
        asked.keys[key] = value
    return asked


def _no_device(name: str) -> str:
    from .device_help import other_device

    if (instead := other_device(name)) is not None:
        return instead
    known = ", ".join(each for each in DEVICES if not each.endswith(("-device", PCI)))
    return f"there is no such device: give {known}, also with {PCI}; `Machine.attach` adds others"


def keys_of(name: str) -> tuple[str, ...]:
    """The keys of a device of `DEVICES` that it can use at its transport."""
    keys = (*DEVICES[name].keys, *COMMON)
    return tuple(key for key in keys if key != "addr" or not name.endswith(PCI))


def wants_help(options: Options) -> list[str]:
    """The devices of which `-device help` or `-device NAME,help` wants the keys."""
    for asked in options.device:
        if asked.name == HELP:
            return [each for each in DEVICES if not each.endswith("-device")]
        if HELP in asked.keys:
            return [asked.name]
    return []


def asked_for_help(options: Options) -> bool:
    """Print it. False: nobody has asked for help."""
    if not (names := wants_help(options)):
        return False
    from .device_help import text

    keys = keys_of(names[0]) if len(names) == 1 else ()
    output.send(output.printable(text(names, keys)))
    return True


def number(asked: Asked, key: str, least: int, most: int) -> int | None:
    """The number of a key, decimal or 0x; None: it is not given. UsageError: it is no such number,
    or out of range."""
    if (text := asked.keys.get(key)) is None:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not least <= value <= most:
        end = f"{most:#x}" if most > 0xFFFF else most
        raise asked.wrong(f"{key}={text}: give a number from {least} to {end}")
    return value


def check(options: Options) -> None:
    """UsageError: a device cannot be made of its keys, or there is none for a drive."""
    options.device += [
        asked_for(f"virtio-blk,rom=on,drive={each.id.replace(',', ',,')}")
        for each in options.disks
        if each.virtio
    ]
    for asked in options.device:
        number(asked, "addr", 0, (1 << 32) - 1)
        if "addr" in asked.keys and asked.name.endswith(PCI):
            other = asked.name.removesuffix(PCI)
            raise asked.wrong(f"the PCI bus places it: leave addr= out, or give {other}")
        number(asked, "irq", 0, 15)
        for key in ("ioeventfd", "rom"):
            if asked.keys.get(key, "on") not in ("on", "off"):
                raise asked.wrong(f"{key}={asked.keys[key]}: give on or off")
        DEVICES[asked.name].check(asked, options)
    if shares(options) and options.save_state is not None:
        raise UsageError(
            "--save-state: another process keeps a part of the state of vhost-user-blk: "
            "give virtio-blk, or leave --save-state out"
        )
    taken = {asked.keys.get("drive") for asked in options.device}
    for each in options.disks:
        if each.id and each.id not in taken:
            raise UsageError(
                f"-drive file={each.path},if=none: no device has it; "
                f"add -device virtio-blk,drive={each.id}"
            )


def shares(options: Options) -> bool:
    """Does a device need RAM that another process can map?"""
    return any(asked.name.startswith("vhost-user-blk") for asked in options.device)


def around(m: Machine, options: Options) -> "AbstractContextManager[object] | None":
    """Attach the devices."""
    return _attached(m, options) if options.device else None


@contextmanager
def _attached(m: Machine, options: Options) -> Iterator[None]:
    with ExitStack() as stack:
        transports: list[VirtioMmio | VirtioPci] = []
        for asked in options.device:
            try:
                transport, place = made(asked, options, stack)
                m.attach(transport, **place)
            except OSError as error:
                at = f"{error.filename}: " if error.filename else ""
                raise asked.wrong(at + spelt(reason(error))) from error
            except (Pyx86Error, ValueError) as error:
                raise asked.wrong(spelt(str(error))) from error
            stack.callback(_detached, transport)
            transports.append(transport)
        try:
            yield
        finally:
            options.devices = [report(each) for each in transports]


def made(
    asked: Asked, options: Options, stack: ExitStack
) -> "tuple[VirtioMmio | VirtioPci, dict[str, Any]]":
    """The device at its transport, and where `Machine.attach` has to put it. OSError, ValueError,
    Pyx86Error: it cannot be made."""
    device = DEVICES[asked.name].make(asked, options, stack)
    how: dict[str, Any] = {"ioeventfd": asked.keys.get("ioeventfd", "on") == "on"}
    if "rom" in asked.keys:
        how["rom"] = asked.keys["rom"] == "on"
    place = {"addr": number(asked, "addr", 0, 1 << 32), "gsi": number(asked, "irq", 0, 15)}
    return transport_of(asked)(device, **how), place


def spelt(text: str) -> str:
    """A message of the package with the words of the command line.

    >>> spelt("listen for it with server=True")
    'listen for it with server=on'
    """
    for name, here in SPELT.items():
        text = text.replace(name, here)
    return text


def report(transport: "VirtioMmio | VirtioPci") -> dict[str, Any]:
    """What `--json` says about a device: its name; why it needs a reset, or None; how many requests
    the host could not do, and the last error, of a request or of the connection to a back end."""
    device = transport.virtio
    last = getattr(device, "last_error", None) or getattr(device, "error", None)
    return {
        "name": device.name,
        "trouble": transport.trouble,
        "errors": getattr(device, "errors", 0),
        "last_error": None if last is None else str(last),
    }


def complain(options: Options) -> None:
    """After the run: say which devices stand still, and what the host could not do."""
    for each in options.devices:
        name, errors = each["name"], each["errors"]
        if (trouble := each["trouble"]) is not None:
            # Most sentences begin with the name of the device.
            output.complain(f"pyx86emu: {name} needs a reset: {trouble.removeprefix(f'{name}: ')}")
        if each["last_error"] is not None:
            what = f"failed requests: {errors}, the last one by" if errors else "back end:"
            output.complain(f"pyx86emu: {name}: {what} {each['last_error']}")


def transport_of(asked: Asked) -> "type[VirtioMmio | VirtioPci]":
    """The transport that the name of a device asks for."""
    if asked.name.endswith(PCI):
        from ..virtio.pci import VirtioPci

        return VirtioPci
    from ..virtio.mmio import VirtioMmio

    return VirtioMmio


def _detached(transport: Any) -> None:
    """After the run: threads end, descriptors are closed."""
    transport.reset_device()
    transport.virtio.close()
