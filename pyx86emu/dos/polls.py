"""Polls: see a program that only asks whether there is a key, so that it can wait instead.

A program that asks again within a few instructions, many times, does nothing else. Then a call
waits for the next interrupt, the timer's at the latest, as DOS does where it reads a key.
"""

from ..state import Values, take, take_whole

#: Instructions from one question to the next, calls and interrupts included, and how many
#: questions: a program that computes between two of them is not held up.
NEAR, MANY = 400, 64


class Polls:
    """The questions of the program that runs, by the count of instructions."""

    def __init__(self) -> None:
        self._last = self._count = 0
        self._waited = False

    def asked(self, instructions: int) -> bool:
        """There was a question, and no key. True: wait for an interrupt, and ask again."""
        near = 0 <= instructions - self._last < NEAR
        self._last = instructions
        if self._waited:
            self._waited, self._count = False, MANY // 2
            return False
        self._count = self._count + 1 if near else 0
        self._waited = self._count >= MANY
        return self._waited

    def state(self) -> Values:
        """What is known of the questions before."""
        return {"last": self._last, "count": self._count, "waited": self._waited}

    @staticmethod
    def read(values: Values) -> "Polls":
        """Those of a state. ValueError: it has none."""
        polls = Polls()
        polls._last = take_whole(values, "last", 0, 1 << 63)
        polls._count = take_whole(values, "count", 0, MANY)
        polls._waited = take(values, "waited", bool)
        return polls
