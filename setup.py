"""The one extension, pyx86emu._core, and its build flavours. The rest is in pyproject.toml.

PYX86EMU_BUILD=release|dev|notail|sanitize chooses one; CONTRIBUTING.md says what each is for.
"""

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

NO_TAIL_CALLS = "-DNO_TAIL_CALLS"  # host.h: handlers return to the trampoline
GUARD_PAGES = "-DGUARD_PAGES"  # host.h: an access beside a slot ends the process
SMALL_POOL = "-DSMALL_POOL"  # host.h: blocks are dropped all the time
SANITIZERS = "-fsanitize=address,undefined"
#: Inline what is declared so, all of it, and nothing else: slow paths pulled into handlers cost
#: them 3-8 % in saved registers.
ONLY_DECLARED = [
    *["-fno-inline-functions", "-fno-inline-small-functions"],
    *["-fno-inline-functions-called-once", "--param=max-inline-insns-single=2000"],
    *["--param=inline-unit-growth=1000", "--param=large-function-growth=1000"],
]
#: What one handler stores as two words the next must not load as a vector: the host would wait.
WORD_BY_WORD = "-fno-tree-slp-vectorize"
FLAVOURS = {
    # Without -foptimize-sibling-calls a long run of handlers would overflow the stack (host.h).
    "release": ["-O2", "-g0", "-foptimize-sibling-calls", WORD_BY_WORD, *ONLY_DECLARED],
    "dev": ["-O1", "-g1", NO_TAIL_CALLS],
    "notail": ["-O2", "-g0", NO_TAIL_CALLS],
    "sanitize": [
        *["-O1", "-g", "-fno-omit-frame-pointer", NO_TAIL_CALLS],
        *[GUARD_PAGES, SMALL_POOL, SANITIZERS, "-fno-sanitize-recover=all"],
    ],
}
# The registers are one array seen as bytes, words and dwords; guest arithmetic wraps around.
ALWAYS = ["-fno-strict-aliasing", "-fwrapv"]

DIRECTIVES = {
    "language_level": "3",
    "cdivision": True,
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "nonecheck": True,
    "embedsignature": True,
    "auto_pickle": False,
}


def extensions(flavour: str) -> list[Extension]:
    """List what is compiled: the core, or (PYX86EMU_BENCH=1) a second one with micro-benchmarks."""
    if flavour not in FLAVOURS:
        raise SystemExit(f"PYX86EMU_BUILD={flavour}: choose one of {', '.join(FLAVOURS)}")
    sources = {"pyx86emu._core": "pyx86emu/_core.pyx"}
    if os.environ.get("PYX86EMU_BENCH") == "1":
        sources = {"pyx86emu._micro": "bench/_micro.pyx"}
    return [
        Extension(
            name,
            [source],
            include_dirs=["pyx86emu"],
            depends=[
                "pyx86emu/_core.pyx",
                "pyx86emu/core/host.h",
                *glob("pyx86emu/core/**/*.pxi", recursive=True),
            ],
            extra_compile_args=FLAVOURS[flavour] + ALWAYS,
            extra_link_args=[SANITIZERS] if flavour == "sanitize" else [],
        )
        for name, source in sources.items()
    ]


flavour = os.environ.get("PYX86EMU_BUILD") or "release"
setup(
    ext_modules=cythonize(
        extensions(flavour), build_dir=".build/cython", compiler_directives=DIRECTIVES
    ),
    # Each flavour has its own directory, and flags are no file: compile whenever asked to.
    options={"build": {"build_base": f".build/{flavour}"}, "build_ext": {"force": True}},
)
