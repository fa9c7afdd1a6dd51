"""Run the benchmarks from a checkout: `python bench/run.py` is `pyx86emu bench`."""

import sys

from pyx86emu.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
