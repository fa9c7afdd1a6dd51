"""`python -m pyx86emu`: hand over to the command line."""

import sys

from .cli import main

sys.exit(main())
