"""The picture of README.md: run the demo, show what it prints on its guest's screen, save a PNG.

`python docs/picture.py docs/demo.png` writes it.
"""

import sys

from pyx86emu.cli import demo
from pyx86emu.pc.board import TEXT_MEMORY
from pyx86emu.pc.machine import Machine

COLUMNS, ROWS = 80, 25
GREY, WHITE, GREEN, YELLOW = 0x07, 0x0F, 0x0A, 0x0E
ON_BLUE = 0x1F


def lines() -> tuple[list[tuple[str, int]], Machine]:
    """What the terminal shows, each line with its colours, and the machine that ran the demo."""
    rows, machine = demo.signal_all()
    guest = (machine.screen.text or "").strip()
    shown = [("$ python -m pyx86emu", GREEN), ("", GREY)]
    for line in demo.seen(guest, machine.serial_text.strip()).split("\n"):
        said = line.strip() in guest.splitlines() and line.strip() != ""
        shown.append((line.ljust(COLUMNS) if said else line, ON_BLUE if said else GREY))
    for line in demo.table(rows).splitlines():
        colour = WHITE if line == demo.HEAD else GREY
        shown.append((line, YELLOW if line.startswith("ioeventfd") else colour))
    shown += [("", GREY), *((line, GREY) for line in demo.why(rows).splitlines())]
    return shown, machine


def main(path: str) -> None:
    """Draw it."""
    shown, machine = lines()
    with machine:
        cells = bytearray()
        for text, attribute in [*shown, *[("", GREY)] * ROWS][:ROWS]:
            for char in text.encode("cp437")[:COLUMNS].ljust(COLUMNS):
                cells += bytes((char, attribute))
        machine.vm.write(TEXT_MEMORY, cells)
        machine.pio.write(0x3D4, 1, 0x0A)  # no cursor: this text is not the guest's
        machine.pio.write(0x3D5, 1, 0x20)
        machine.screen.save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
