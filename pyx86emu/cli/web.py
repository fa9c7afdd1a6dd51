"""The web display: read its address, start the page, say where it is."""

import errno
import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import MachineError
from ..pc.machine import Machine
from . import output
from .session import Session
from .status import UsageError, reason

if TYPE_CHECKING:
    from .. import Exit

LOOPBACK = "127.0.0.1"
#: HOST:PORT, [IPv6]:PORT, :PORT.
ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.%a-z]+)\]|([^:\[\]]*)):([0-9]{1,5})")


def address(text: str) -> tuple[str, int]:
    """The host and port of `web=HOST:PORT`. Without a host the page is for this computer only.

    >>> address(""), address(":8080"), address("[::1]:80")
    (('127.0.0.1', 0), ('127.0.0.1', 8080), ('::1', 80))
    """
    if not text:
        return LOOPBACK, 0
    match = ADDRESS.fullmatch(text)
    port = int(match[3]) if match else 65536
    if match is None or port > 65535:
        raise UsageError(
            f"-display web={text}: give web=HOST:PORT, such as web=127.0.0.1:8080, port 0 to 65535"
        )
    return match[1] or match[2] or LOOPBACK, port


def run(
    m: Machine, session: Callable[[], Session], where: str, floppies: Sequence[str] = ()
) -> "Exit":
    """Show the guest on a page and run it. UsageError: the address cannot be used, two of the
    floppies have one name, or aiohttp is missing."""
    host, port = address(where)
    from ..pc.web.display import WebDisplay  # only here: it needs an optional package

    try:
        page = WebDisplay(m, host, port, disks=floppies)
    except MachineError as error:
        raise UsageError(f"--floppy: {error}") from error
    except ModuleNotFoundError as error:
        raise UsageError(f"-display web: {error}") from error
    except OSError as error:
        # asyncio adds the address, which is in our sentence.
        number = error.errno or 0
        why = os.strerror(number) if number in errno.errorcode else reason(error)
        raise UsageError(f"-display web={host}:{port}: {why}") from error
    with page:
        output.complain(f"pyx86emu: the screen is at {page.url}")
        output.complain(f"pyx86emu: to look only: {page.view_url}")
        if page.public:
            output.complain(
                f"pyx86emu: warning: other computers can reach {host}, and the page is not "
                "encrypted: who reads the address on the way may type"
            )
        return page.run(session())
