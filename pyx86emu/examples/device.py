"""A device of your own: dice at port 301h. A boot sector throws them and prints the numbers."""

import argparse
from random import Random

from pyx86emu import Machine, PioDevice

# mov cx,6; again: mov dx,301h; in al,dx; add al,'0'; out 0E9h,al; loop again; cli; hlt
BOOT = bytes.fromhex("b90600 ba0103 ec 0430 e6e9 e2f6 fa f4")


class Dice(PioDevice):
    """A number from 1 to 6 at offset 0; a write at offset 0 seeds the generator."""

    length = 1

    def reset(self) -> None:
        self.rng = Random(0)  # seeded: two runs of one guest must be equal

    def pio_read(self, offset: int, size: int) -> int:
        return self.rng.randrange(1, 7)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.rng.seed(value)


def main(accel: str = "interp") -> str:
    """Run the guest, which throws six times, and return what it printed."""
    with Machine(BOOT, accel=accel) as m:
        m.attach(Dice(), port=0x301)
        m.run(timeout=5.0)
        return m.debug_text


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    print(main(options.parse_args().accel))
