"""Quiet: while the past is run again, nobody outside is told. The machine's own logs go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...pc.machine import Machine


@contextmanager
def quiet(m: "Machine") -> Iterator[None]:
    """In this context the guest's output goes to no function of the host, and its sound to no
    sink."""
    own: list[tuple[Any, Any]] = [
        (m.uart, m.serial_log.write),
        (m.com2, None),
        (m.debug, None),
        (m.printer, None),
    ]
    before = [(port, port.output) for port, _ in own]
    try:
        for port, output in own:
            port.output = output
        with m.speaker.muted():
            yield
    finally:
        for port, output in before:
            port.output = output
