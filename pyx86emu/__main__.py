"""`python -m pyx86emu`: hand over to the command line."""

import gc
import sys

gc.set_threshold(50_000)  # imports make many objects and no garbage
try:
    from .cli import main

    status = main()
except KeyboardInterrupt:  # while this module was being imported
    status = 130
gc.freeze()  # Python looks for garbage once more as it ends: not among what there is now
sys.exit(status)
