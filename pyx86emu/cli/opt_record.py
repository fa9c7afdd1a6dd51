"""Recording a run: --record keeps what comes from outside, for `pyx86emu replay`."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from ..errors import MachineError
from .output import check_file
from .parser import Options, Parser
from .status import UsageError, reason

if TYPE_CHECKING:
    from ..pc.machine import Machine


def add(parser: Parser) -> None:
    records = "record what comes from outside, for `pyx86emu replay FILE`"
    parser.add_argument("--record", metavar="FILE", help=records)


def check(options: Options) -> None:
    if options.record is not None:
        check_file("--record", options.record)


def around(m: "Machine", options: Options) -> AbstractContextManager[object] | None:
    if options.record is None:
        return None
    try:
        return m.record(options.record)
    except MachineError as error:
        raise UsageError(f"--record: {error}") from error
    except OSError as error:
        raise UsageError(f"--record {options.record}: {reason(error)}") from error
