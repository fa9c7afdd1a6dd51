"""Extras: the options of tools, each tool in a small file opt_NAME.py. Know no tool.

A file has three functions:

    add(parser)             declares its options
    check(options)          UsageError: what cannot be done; before the guest starts
    around(m, options)      a context manager: entered when the machine is made, left after the run
                            and before the report; None if its options are not used

It imports its tool inside `around`, so that a tool that is not used costs no start-up time.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from ..pc.machine import Machine
from . import (
    opt_cov,
    opt_gdb,
    opt_profile,
    opt_record,
    opt_state,
    opt_stop_on,
    opt_symbols,
    opt_trace,
    opt_virtio,
)
from .output import check_apart
from .parser import Options, Parser


class Extra(Protocol):
    """One file of options."""

    def add(self, parser: Parser, /) -> None: ...

    def check(self, options: Options, /) -> None: ...

    def around(self, m: Machine, options: Options, /) -> AbstractContextManager[object] | None: ...


#: The tools, in the order in which they are entered.
EXTRAS: tuple[Extra, ...] = (
    opt_virtio,  # a state and a recording have these devices
    opt_state,
    opt_record,
    opt_stop_on,
    opt_symbols,
    opt_cov,
    opt_profile,
    opt_gdb,
    opt_trace,
)
#: Those of `dos`.
OF_DOS: tuple[Extra, ...] = (opt_record, opt_symbols, opt_cov, opt_profile, opt_trace)


def add(parser: Parser, which: tuple[Extra, ...] = EXTRAS) -> None:
    """Declare the options of all tools, or of these."""
    for extra in which:
        extra.add(parser)


#: What the tools and --screenshot write.
WRITTEN = (
    *(("--record", "record"), ("--save-state", "save_state"), ("--profile", "profile")),
    *(
        ("--cov", "cov"),
        ("--trace-file", "trace_file"),
        ("-D", "D"),
        ("--screenshot", "screenshot"),
    ),
)


def check(
    options: Options,
    which: tuple[Extra, ...] = EXTRAS,
    inputs: Iterable[tuple[str, str | None]] = (),
) -> None:
    """UsageError: what an option asks for cannot be done, or a file that is written is one of the
    `inputs`: (what it is, its path)."""
    for extra in which:
        extra.check(options)
    outputs = [(name, getattr(options, attribute, None)) for name, attribute in WRITTEN]
    symbols = [(f"--symbols {each.path}", each.path) for each in getattr(options, "symbols", [])]
    check_apart(outputs, [*inputs, *symbols])
    state = getattr(options, "load_state", None)  # a new one may take its place
    others = [each for each in outputs if each[0] != "--save-state"]
    check_apart(others, [("the state of --load-state", state)])


def around(m: Machine, options: Options, which: tuple[Extra, ...] = EXTRAS) -> ExitStack:
    """Enter the tools that the options ask for."""
    with ExitStack() as stack:
        for extra in which:
            if (entered := extra.around(m, options)) is not None:
                stack.enter_context(entered)
        return stack.pop_all()
