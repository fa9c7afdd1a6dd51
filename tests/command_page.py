"""The page of the command line: make docs/COMMANDS.md from the options, with what explains them.

python -m tests.command_page > docs/COMMANDS.md
"""

from __future__ import annotations

import argparse

from pyx86emu.cli import VERBS
from pyx86emu.cli.foreign import FOREIGN
from pyx86emu.cli.options import parser

PAGE = """\
# The command line

Written by `python -m tests.command_page > docs/COMMANDS.md`. Do not edit it: change
`pyx86emu/cli/options.py`, `foreign.py`, or `tests/command_page.py`.

```sh
python -m pyx86emu dos.img                              # a floppy: on a terminal its screen is drawn
python -m pyx86emu disk.img --screen                    # a hard disk, by its partition table
python -m pyx86emu -fda dos.img -hda disk.img -boot a --timeout 5 --screen
python -m pyx86emu dos.img --expect 'A:.>' --send 'dir{{ret}}' --expect 'bytes free' --screen
python -m pyx86emu boot.bin -serial file:com1.log -no-reboot --json
```

{verbs}

## Options

Options are spelt as in QEMU where QEMU has the same; the others begin with two dashes. They are not abbreviated, and a
value may follow its option or be joined to it with `=`.

{options}

## Disks

`IMAGE` is a disk whose contents say what it is; `--json` has the reason. The rules, in their order:

1. `--geometry C,H,S`, or `cyls=`, `heads=` and `secs=` of `-drive`;
2. a size that is a floppy format;
3. a valid partition table: a hard disk;
4. a sane BPB in the boot sector;
5. up to 1,474,560 bytes: a 1.44M floppy, padded with zeros.

`-fda`, `-fdb`, `-hda` and `-hdb` say which drive it is, and so which kind. What is no raw image is refused by name.
`fat:DIR` in place of a file makes a FAT disk of the files in a directory.

| words | what is written |
| --- | --- |
| none, `-snapshot` | nothing: what the guest writes is lost at the end |
| `--write-back` | every disk, at the end, however the run ends |
| `-drive file=F,snapshot=off` | this disk |
| `-drive file=F,readonly=on` | nothing, and the guest is told that the disk is write-protected |

## Displays

| words | what is shown |
| --- | --- |
| none, on a terminal; `-display term` | the guest's screen; all keys are the guest's but Ctrl-], which is ours |
| none, in a pipe; `-display none` | what the guest sends over COM1 and port E9h, on standard output |
| `-nographic`, `-serial stdio` | the same; standard input is COM1's |
| `-display web` | a page for a browser; its address is on standard error |

`-display web=HOST:PORT` lets other computers in if HOST is not this one; then a warning says so. `--screen` prints the
last text screen, `--screenshot` saves the picture.

## Lines

The first `-serial` is COM1, the second COM2.

| words | where the line goes |
| --- | --- |
| `stdio` | standard input and output |
| `none` | nowhere |
| `file:PATH` | what the guest sends, to a file |
| `pty` | a pseudo-terminal; its name is on standard error |
| `tcp:HOST:PORT` | a server that is called |
| `tcp:HOST:PORT,server` | waits for a caller, `nowait`: the guest starts at once; loopback unless HOST is given |
| `unix:PATH`, `unix:PATH,server` | the same, over a Unix socket |

`-parallel file:PATH` keeps what the guest prints.

## Scripts

`--expect` and `--send` are steps, done in the order in which they stand. Each waits for the one before it.

- `--expect REGEX` waits until the guest shows this in text that is new since the last match: on the screen, from COM1
  or from port E9h. On a screen the rest of the row of the last match is new, and so are the rows below it. A row that
  was overwritten is new as a whole; rows that scrolled up are followed.
- `--send TEXT` types the text; `--send serial:TEXT` sends it over COM1. `\\n`, `\\r`, `\\t`, `\\e`, `\\\\` and `\\xNN` are
  characters, and `{{name}}` is a key: `{{ret}}`, `{{f1}}`, `{{ctrl+c}}`. If `--send` comes first, it waits until the guest
  is quiet for half a guest second.
- If the last step is `--expect`, the run ends with 0 when it is met. If a run ends with an `--expect` that was not met,
  the status is 8.

From Python, `m.expect(REGEX, timeout=S)` does the same, and returns the match and where it was seen.

## How a run ends

| status | meaning |
| ---: | --- |
| 0 | the guest halted for good, or the last `--expect` was met |
| odd | the guest's own, by isa-debug-exit (port F4h) |
| 2 | the command line is wrong |
| 4 | triple fault, or a reset with `-no-reboot` |
| 6 | the guest did what this machine does not run, such as protected mode |
| 8 | `--expect` was not met |
| 70 | a bug of pyx86emu |
| 74 | the host failed: standard output, a file or memory |
| 124 | `--timeout`, `--wall` or `--max-instructions` |
| 130 | Ctrl-], Ctrl-C in a pipe, or a signal |

One sentence on standard error says what the machine shows at a bad end; `ending` of `--json` has it too, with a kind:

| kind | what the sentence says |
| --- | --- |
| `reset` | the way (triple fault and its first fault, 8042, port 92h, jump to the reset vector) and the place |
| `unsupported` | what the guest did, and the top of its stack |
| `loop` | `jmp $`, and whether interrupts can end it |
| `fault` | the instruction that faults again and again, and the handler that returns to it |
| `zeros`, `empty` | the place, and the top of the stack: after a CALL, where it came from |
| `past the boot sector` | code ran over 55AAh and on |
| `vectors` | code runs in the interrupt table |
| `no boot` | which drives were tried, and why none of them boots |
| `halted` | HLT, with interrupts on or off |
| `exit` | the status by isa-debug-exit |
| `running` | the place, in the BIOS with the name of the routine |

## Words of QEMU that are refused

{foreign}
"""


def markdown() -> str:
    """The text of docs/COMMANDS.md. A test compares both."""
    verbs = [[f"`{name}`", what] for name, what in VERBS.items()]
    options = [[_shape(action), _plain(action.help or "")] for action in parser()._actions]
    foreign = [[f"`{word}`", _plain(FOREIGN[word])] for word in sorted(FOREIGN)]
    return PAGE.format(
        verbs=_table(["verb", "what it does"], verbs),
        options=_table(["option", "meaning"], options),
        foreign=_table(["word", "what to use"], foreign),
    )


def _shape(action: argparse.Action) -> str:
    """The option as it is typed."""
    value = action.metavar or (r"\|".join(action.choices) if action.choices else "")
    names = action.option_strings or [""]
    return ", ".join(f"`{name} {value}`".replace(" `", "`").replace("` ", "`") for name in names)


def _plain(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("%%", "%").replace("|", "\\|")


def _table(head: list[str], rows: list[list[str]]) -> str:
    marks = ["---"] * len(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


if __name__ == "__main__":
    print(markdown(), end="")
