"""The parser of options: take whole names only, answer each mistake with one sentence."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from . import output
from .status import UsageError


class Parser(argparse.ArgumentParser):
    """argparse that raises UsageError, takes no abbreviations and writes its help by `output`.

    `foreign(name)` is what to use in place of an option of another program (QEMU), or None.
    """

    def __init__(
        self,
        prog: str,
        description: str,
        epilog: str | None = None,
        foreign: Callable[[str], str | None] | None = None,
    ) -> None:
        self.known: dict[str, argparse.Action] = {}
        self.foreign = foreign
        super().__init__(
            prog=f"pyx86emu {prog}",
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """As in argparse; `parse` also needs the names."""
        action = super().add_argument(*args, **kwargs)
        self.known.update(dict.fromkeys(action.option_strings, action))
        return action

    def parse(self, args: Sequence[str]) -> argparse.Namespace:
        """The options of a command line. UsageError: names the wrong word."""
        options, rest = self.parse_known_args(self._whole_names(args))
        if rest:
            raise UsageError(f"one argument too many: {rest[0]!r}{self._hint}")
        return options

    def _whole_names(self, args: Sequence[str]) -> list[str]:
        """The same words, with each value joined to its option.

        Otherwise argparse guesses: -hda would be -h with a value, -disp any option that begins so,
        and a value that begins with a dash an option.
        """
        words = list(args)
        result: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                return [*result, word, *words]
            if len(word) < 2 or not word.startswith("-"):
                result.append(word)
                continue
            name, equals, _ = word.partition("=")
            if name not in self.known:
                raise UsageError(f"unknown option {name}{self._instead(name)}")
            takes_value = self.known[name].nargs != 0
            if equals and not takes_value:
                raise UsageError(f"option {name} takes no value: {word!r}")
            if takes_value and not equals:
                if not words:
                    raise UsageError(f"option {name} needs a value{self._hint}")
                value = words.pop(0)
                if value.partition("=")[0] in self.known:
                    raise UsageError(
                        f"option {name} needs a value and {value} is an option: "
                        f"if it is the value, write {name}={value}"
                    )
                word = f"{name}={value}"
            result.append(word)
        return result

    def _instead(self, name: str) -> str:
        other = name[1:] if name.startswith("--") else f"-{name}"
        if other in self.known:
            return f": write {other}"
        instead = self.foreign(name.replace("--", "-", 1)) if self.foreign else None
        return f": {instead}" if instead else f"; options are not abbreviated{self._hint}"

    @property
    def _hint(self) -> str:
        return f": `{self.prog} --help` lists the options"

    def print_help(self, file: object = None) -> None:
        """Write the help to standard output, by `output` as all other text."""
        output.send(output.printable(self.format_help()))

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)
