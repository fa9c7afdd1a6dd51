"""Scripts: take --expect and --send in order, and do them while the guest runs."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..pc.expect import Expectations
from ..pc.limits import Watch
from ..pc.machine import Machine
from .parser import Options
from .status import UsageError
from .values import regex

#: After so many guest seconds without output, the guest may be waiting for a key.
QUIET = 0.5
#: Text is sent then, or at this guest second at the latest.
AT_LAST = 10.0
#: Where --send sends to.
TO = ("keyboard", "serial")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "e": "\x1b", "\\": "\\"}
ALWAYS = re.compile("")


class Expect(NamedTuple):
    """Wait until the guest shows this."""

    pattern: re.Pattern[str]


class Send(NamedTuple):
    """Type a text, or send it over COM1."""

    to: str
    text: str


Step = Expect | Send


def add_step(options: Options, step: Step) -> None:
    """--expect and --send: add a step to the script."""
    options.script = [*options.script, step]


def expect(text: str) -> Expect:
    """--expect REGEX."""
    return Expect(regex(text))


def send(text: str) -> Send:
    """--send TEXT, --send serial:TEXT.

    >>> send("dir\\\\n"), send("serial:root\\\\r")
    (Send(to='keyboard', text='dir\\n'), Send(to='serial', text='root\\r'))
    """
    kind, colon, rest = text.partition(":")
    to, what = (kind, rest) if colon and kind in TO else ("keyboard", text)
    what = unescaped(what)
    if to == "serial":
        try:
            what.encode("cp437")
        except UnicodeEncodeError as error:
            char = what[error.start]
            raise UsageError(
                f"--send serial: {char!r} is not in code page 437, write it as \\xNN"
            ) from None
    return Send(to, what)


def unescaped(text: str) -> str:
    """The text with \\n, \\r, \\t, \\e, \\\\ and \\xNN replaced; other backslashes stay.

    >>> unescaped("dir\\\\n \\\\x41 C:\\\\DOS")
    'dir\\n A C:\\\\DOS'
    """

    def char(match: re.Match[str]) -> str:
        found = match[1]
        return bytes.fromhex(found[1:]).decode("cp437") if found[0] == "x" else ESCAPES[found]

    return re.sub(r"\\(x[0-9a-fA-F]{2}|[nrte\\])", char, text)


def check_keys(m: Machine, option: str, text: str) -> None:
    """UsageError: no key types some of the text."""
    try:
        m.keyboard.type(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    m.keyboard.reset()


class Script(Watch):
    """The watch of a run: types --type when the guest is quiet, and does each step after the one
    before it. It is met when the last step is --expect and that was seen."""

    def __init__(self, m: Machine, keys: str, steps: Sequence[Step]) -> None:
        self._m = m
        self._keys = keys
        self.steps = tuple(steps)
        self.done = 0
        self._texts = Expectations(m.screen, m.serial_log, m.debug.log)
        self._seen: object = None
        self._since = m.time

    @property
    def pattern(self) -> re.Pattern[str] | None:  # type: ignore[override]
        """What is looked for now; None: there is nothing left to do."""
        step = self.steps[self.done] if self.done < len(self.steps) else None
        if isinstance(step, Expect):
            return step.pattern
        return ALWAYS if self._keys or step is not None else None

    @property
    def unmet(self) -> Expect | None:
        """The first --expect that was not met."""
        return next((step for step in self.steps[self.done :] if isinstance(step, Expect)), None)

    def seen(self) -> bool:
        """Do what can be done now. True when the last step was --expect and is met."""
        if self._keys and self._quiet():
            self._m.keyboard.type(self._keys)
            self._keys = ""
        while self.done < len(self.steps):
            step = self.steps[self.done]
            if isinstance(step, Expect):
                if self._texts.find(step.pattern) is None:
                    return False
            elif self.done == 0 and not self._quiet():  # nothing was expected: the guest may boot
                return False
            else:
                self._send(step)
            self.done += 1
        return bool(self.steps) and isinstance(self.steps[-1], Expect)

    def _send(self, step: Send) -> None:
        if step.to == "serial":
            self._m.uart.receive(step.text.encode("cp437"))
        else:
            self._m.keyboard.type(step.text)

    def _quiet(self) -> bool:
        """True when the guest has booted and has sent and drawn nothing for QUIET guest seconds, so
        that it may be waiting for a key; at the latest at AT_LAST."""
        m = self._m
        now = (m.screen.version, m.serial_log.total, m.booted)
        if now != self._seen:
            self._seen, self._since = now, m.time
        return m.booted and (m.time - self._since >= QUIET or m.time >= AT_LAST)
