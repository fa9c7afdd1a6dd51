"""`python -m pyx86emu.forward`: serve a device in this process. Knows no Vm."""

import argparse
import errno
import importlib
import os
import signal
import socket
import stat
import sys
from typing import TYPE_CHECKING, Any

from ..device import MmioDevice, PioDevice
from ..unixsocket import listen
from .server import serve

if TYPE_CHECKING:
    from types import FrameType

    from ..device import Device

#: Exit statuses: those that `pyx86emu` has, too.
USAGE, HOST, INTERRUPTED = 2, 74, 130


class Refused(Exception):
    """What was asked for cannot be done: one sentence, and an exit status."""

    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(text)
        self.status = status


def device_of(name: str) -> "Device":
    """Import `pkg.mod:Device` and make the device. Refused: there is none, and why."""
    module, colon, path = name.partition(":")
    if not colon or not module or not path:
        raise Refused(f"{name} is no device: name it as package.module:Class")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise Refused(f"cannot import {module}: {error}") from error
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Refused(f"{module} has no {path}") from None
    device: Device = found() if callable(found) else found
    if not isinstance(device, (PioDevice, MmioDevice)):
        what = type(device).__name__
        raise Refused(f"{name} gives {what}: make it a PioDevice or an MmioDevice")
    return device


def connected(where: str) -> tuple[socket.socket, bool]:
    """The socket `fd:N`, which this process has inherited, or one that listens at a path; and
    whether it listens. Refused: it cannot be."""
    if where.startswith("fd:"):
        try:
            return socket.socket(fileno=int(where[3:])), False
        except (OSError, ValueError) as error:
            raise Refused(
                f"{where} is no socket that this process has inherited: {error}"
            ) from None
    folder = os.path.dirname(os.path.abspath(where))
    try:
        mode = stat.S_IMODE(os.stat(folder).st_mode)
        if mode & 0o077:
            raise Refused(f"others may enter {folder} (mode {mode:o}): use a directory of mode 700")
        return listen(where), True
    except OSError as error:
        raise Refused(f"cannot listen at {where}: {error.strerror or error}", HOST) from error


def run(options: argparse.Namespace) -> None:
    """Serve one connection, or one after another."""
    device = device_of(options.device)
    irq = None if options.irq is None else Inherited(options.irq)
    sock, listens = connected(options.sock)
    with sock:
        if not listens:
            answer(sock, device, irq)
            return
        try:
            while True:
                peer, _ = sock.accept()
                try:
                    with peer:
                        answer(peer, device, irq)
                except Refused as refused:
                    if options.once:
                        raise
                    complain(refused)  # the next one may be better
                if options.once:
                    return
        finally:
            os.unlink(options.sock)


def answer(sock: socket.socket, device: "Device", irq: "Inherited | None") -> None:
    """Serve one connection. Refused: the other end breaks the protocol."""
    try:
        serve(sock, device, irq=irq)
    except OSError as error:
        if error.errno not in (errno.EPROTO, errno.ECONNRESET):
            raise  # of the device
        raise Refused(error.strerror or str(error), HOST) from error


def complain(refused: Refused) -> None:
    """Say why, in a line."""
    print(f"pyx86emu.forward: {refused}", file=sys.stderr)


class Inherited:
    """The eventfd of --irq. Refused: it is none."""

    def __init__(self, number: int) -> None:
        self._number = number
        try:
            kind = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            kind = "nothing"
        if kind != "anon_inode:[eventfd]":
            raise Refused(f"--irq {number} is no eventfd that this process has inherited")

    def fileno(self) -> int:
        """Its number."""
        return self._number


def _end(number: int, frame: "FrameType | None") -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Serve until the end; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pyx86emu.forward",
        description="Serve a device in this process: answer the accesses that a Vm forwards "
        "(Bus.forward) over a Unix socket, in the format of KVM's proposed ioregionfd.",
    )
    parser.add_argument(
        "sock",
        metavar="SOCK",
        help="path of the socket to listen at, in a directory of mode 700; "
        "or fd:N, a connected socket that was inherited",
    )
    parser.add_argument("device", metavar="pkg.mod:Device", help="a class, or what makes a device")
    parser.add_argument(
        "--irq", metavar="N", type=int, help="inherited eventfd: its interrupt line"
    )
    parser.add_argument("--once", action="store_true", help="end after the first connection")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _end)
    try:
        run(options)
    except Refused as refused:
        complain(refused)
        return refused.status
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
