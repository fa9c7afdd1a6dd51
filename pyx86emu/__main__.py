"""`python -m pyx86emu`: hand over to the command line."""

import sys

try:
    from .cli import main

    status = main()
except KeyboardInterrupt:  # while this module was being imported
    status = 130
sys.exit(status)
