"""Problems: let a guest fail a test, with a traceback that ends in the test."""

from pathlib import Path

from ..errors import Pyx86Error

#: Frames of these files say nothing to the author of a test.
OURS = tuple(str(Path(__file__).parents[1] / room) + "/" for room in ("testing", "pc"))


class GuestFailed(Pyx86Error, AssertionError):
    """A guest that cannot be assembled, does not end or ends badly, or a screen without its golden
    one. It is an AssertionError: the test fails."""


def cut(error: BaseException) -> None:
    """Let a traceback end at the last line that is not ours."""
    trace, last = error.__traceback__, None
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(OURS):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None
