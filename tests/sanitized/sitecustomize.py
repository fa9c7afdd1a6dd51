"""The sanitizer build: Python starts here, without what the sanitizers refuse.

capstone opens its library with RTLD_DEEPBIND where `os` has it. AddressSanitizer ends the process
then, as a library bound like this would miss its allocator.
"""

import os

if hasattr(os, "RTLD_DEEPBIND"):
    del os.RTLD_DEEPBIND
