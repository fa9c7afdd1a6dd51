"""The parser of options: take whole names only, answer each mistake with one sentence.

Options are declared as with argparse, which writes the help. It does nothing else: its import and
the declaration of all options there would take as long as a short run.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from . import output
from .status import UsageError, ValueRefused


class Options(SimpleNamespace):
    """What a command line gives, by the names of the options: "--trace-file" is `trace_file`."""


class Option:
    """One option, or one word without a name.

    `action` is what it does to its attribute `dest`: "store" the value, "append" it to a list,
    store `const` ("store_const"), store True ("store_true"), print the help ("help"), or a function
    of the options and the value. `reads` makes a value of the text.
    """

    __slots__ = (
        *("action", "choices", "const", "default", "dest"),
        *("help", "metavar", "names", "nargs", "reads"),
    )

    def __init__(
        self,
        names: tuple[str, ...],
        dest: str | None,
        action: str | Callable[[Options, Any], None],
        reads: Callable[[str], Any] | None,
        nargs: str | None,
        default: Any,
        const: Any,
        choices: Sequence[str] | None,
        metavar: str | None,
        help: str,
    ) -> None:
        self.names = names if names[0].startswith("-") else ()
        self.dest = dest or names[-1].lstrip("-").replace("-", "_")
        self.action = action
        self.reads = reads
        self.nargs = nargs
        self.default = False if action == "store_true" and default is None else default
        self.const = True if action == "store_true" else const
        self.choices = choices
        self.metavar = metavar
        self.help = help

    @property
    def takes_value(self) -> bool:
        """False: it is a switch."""
        return self.action not in ("store_true", "store_const", "help")

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return "/".join(self.names) or self.metavar or self.dest

    def read(self, text: str) -> Any:
        """The value. UsageError: it cannot be used."""
        value: Any = text
        try:
            value = text if self.reads is None else self.reads(text)
        except ValueRefused as error:
            raise UsageError(f"argument {self.shown}: {error}") from error
        except (TypeError, ValueError) as error:
            kind = getattr(self.reads, "__name__", "")
            raise UsageError(f"argument {self.shown}: invalid {kind} value: {text!r}") from error
        if self.choices is not None and value not in self.choices:
            known = ", ".join(map(repr, self.choices))
            raise UsageError(
                f"argument {self.shown}: invalid choice: {value!r} (choose from {known})"
            )
        return value

    def put(self, options: Options, value: Any) -> None:
        """Do what `action` says."""
        if callable(self.action):
            self.action(options, value)
        elif self.action == "append":
            setattr(options, self.dest, [*(getattr(options, self.dest) or ()), value])
        else:
            setattr(options, self.dest, value if self.takes_value else self.const)


class Parser:
    """The options of one verb. It takes no abbreviations and raises UsageError.

    `foreign(name)` is what to use in place of an option of another program (QEMU), or None.
    `known` has each option by each of its names; `options` has all, also words without a name.
    """

    def __init__(
        self,
        prog: str,
        description: str,
        epilog: str | None = None,
        foreign: Callable[[str], str | None] | None = None,
    ) -> None:
        self.prog = f"pyx86emu {prog}"
        self.description = description
        self.epilog = epilog
        self.foreign = foreign
        self.known: dict[str, Option] = {}
        self.options: list[Option] = []
        self._defaults: dict[str, Any] = {}
        self.add_argument("-h", "--help", action="help", help="show this help message and exit")

    def add_argument(
        self,
        *names: str,
        dest: str | None = None,
        action: str | Callable[[Options, Any], None] = "store",
        type: Callable[[str], Any] | None = None,
        nargs: str | None = None,
        default: Any = None,
        const: Any = None,
        choices: Sequence[str] | None = None,
        metavar: str | None = None,
        help: str = "",
    ) -> Option:
        """An option with these names; or one word ("plan"), which may be left out if `nargs` is
        "?", or any number of words ("*"), at least one ("+")."""
        new = Option(names, dest, action, type, nargs, default, const, choices, metavar, help)
        self.options.append(new)
        self.known.update(dict.fromkeys(new.names, new))
        return new

    def set_defaults(self, **values: Any) -> None:
        """What attributes without an option of this name are."""
        self._defaults.update(values)

    def parse(self, args: Sequence[str]) -> Options:
        """The options of a command line. UsageError: names the wrong word. SystemExit: it asks for
        the help, which is printed."""
        options = Options(**self._defaults)
        for each in self.options:
            if each.action != "help" and not hasattr(options, each.dest):
                setattr(options, each.dest, each.default)
        words = list(args)
        free: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                free += words
                break
            if len(word) < 2 or not word.startswith("-"):
                free.append(word)
                continue
            option, text = self._option(word, words)
            if option.action == "help":
                self.print_help()
                raise SystemExit(0)
            option.put(options, text if text is None else option.read(text))
        self._place(options, free)
        return options

    def _option(self, word: str, words: list[str]) -> tuple[Option, str | None]:
        """The option that `word` names, and its value: after "=", or the next of `words`, which it
        takes from there. A value may begin with a dash."""
        name, equals, text = word.partition("=")
        option = self.known.get(name)
        if option is None:
            raise UsageError(f"unknown option {name}{self._instead(name)}")
        if not option.takes_value:
            if equals:
                raise UsageError(f"option {name} takes no value: {word!r}")
            return option, None
        if equals:
            return option, text
        if not words:
            raise UsageError(f"option {name} needs a value{self._hint}")
        text = words.pop(0)
        if text.partition("=")[0] in self.known:
            raise UsageError(
                f"option {name} needs a value and {text} is an option: "
                f"if it is the value, write {name}={text}"
            )
        return option, text

    def _place(self, options: Options, words: list[str]) -> None:
        """Give the words without a name to what takes them, in order."""
        missing = []
        for each in self.options:
            if each.names:
                continue
            if each.nargs in ("*", "+"):
                taken, words = words, []
                setattr(options, each.dest, [each.read(word) for word in taken])
            else:
                taken, words = words[:1], words[1:]
                for word in taken:
                    each.put(options, each.read(word))
            if not taken and each.nargs in (None, "+"):
                missing.append(each.shown)
        if missing:
            raise UsageError(f"the following arguments are required: {', '.join(missing)}")
        if words:
            raise UsageError(f"one argument too many: {words[0]!r}{self._hint}")

    def _instead(self, name: str) -> str:
        other = name[1:] if name.startswith("--") else f"-{name}"
        if other in self.known:
            return f": write {other}"
        instead = self.foreign(name.replace("--", "-", 1)) if self.foreign else None
        return f": {instead}" if instead else f"; options are not abbreviated{self._hint}"

    @property
    def _hint(self) -> str:
        return f": `{self.prog} --help` lists the options"

    def print_help(self) -> None:
        """Write the help to standard output, by `output` as all other text."""
        import argparse  # only here: a run needs no help

        asked = argparse.ArgumentParser(
            prog=self.prog,
            description=self.description,
            epilog=self.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
        )
        for each in self.options:
            names = each.names or (each.dest,)
            if each.takes_value:
                value = {"nargs": each.nargs, "choices": each.choices, "metavar": each.metavar}
                asked.add_argument(*names, **value, help=each.help)  # type: ignore[arg-type]
            else:
                asked.add_argument(*names, action="store_true", help=each.help)
        output.send(output.printable(asked.format_help()))
