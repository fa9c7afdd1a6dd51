"""The build of the extension pyx86emu._core: choose the compiler options of a flavour.

PYX86EMU_BUILD=release|dev|notail|sanitize|tsan|ops chooses the flavour. CONTRIBUTING.md says what
each is for. All other settings are in pyproject.toml.
"""

import os
from glob import glob

from Cython.Build import cythonize
from setuptools import Extension, setup

NO_TAIL_CALLS = "-DNO_TAIL_CALLS"  # host.h: handlers return to the trampoline
GUARD_PAGES = "-DGUARD_PAGES"  # host.h: an access just outside a slot ends the process
SMALL_POOL = "-DSMALL_POOL"  # host.h: the pool is always full, so blocks are always dropped
COUNT_OPS = "-DCOUNT_OPS"  # host.h: which ops are executed after which
SANITIZERS = "-fsanitize=address,undefined"
THREADS = "-fsanitize=thread"
#: Inline every function that is declared inline, and no other. A slow path that gcc inlines makes
#: a handler save more registers, which costs it 3-8 %.
ONLY_DECLARED = [
    *["-fno-inline-functions", "-fno-inline-small-functions"],
    *["-fno-inline-functions-called-once", "--param=max-inline-insns-single=2000"],
    *["--param=inline-unit-growth=1000", "--param=large-function-growth=1000"],
]
#: Load words one by one. A vector load of two words, which another handler has just stored one by
#: one, would wait for both stores.
WORD_BY_WORD = "-fno-tree-slp-vectorize"
FLAVOURS = {
    # Without -foptimize-sibling-calls a long chain of handlers would overflow the stack (host.h).
    "release": ["-O2", "-g0", "-foptimize-sibling-calls", WORD_BY_WORD, *ONLY_DECLARED],
    "dev": ["-O1", "-g1", NO_TAIL_CALLS],
    "notail": ["-O2", "-g0", NO_TAIL_CALLS],
    "sanitize": [
        *["-O1", "-g", "-fno-omit-frame-pointer", NO_TAIL_CALLS],
        *[GUARD_PAGES, SMALL_POOL, SANITIZERS, "-fno-sanitize-recover=all"],
    ],
    "tsan": ["-O1", "-g", "-fno-omit-frame-pointer", NO_TAIL_CALLS, THREADS, "-Wno-tsan"],
    "ops": ["-O1", "-g0", NO_TAIL_CALLS, COUNT_OPS],
}
LINKED = {"sanitize": [SANITIZERS], "tsan": [THREADS]}
# Registers are one array, accessed as bytes, words and dwords. Guest arithmetic wraps around.
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
    """Return what to compile: the core, or with PYX86EMU_BENCH=1 a core with micro-benchmarks."""
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
            extra_link_args=LINKED.get(flavour, []),
        )
        for name, source in sources.items()
    ]


flavour = os.environ.get("PYX86EMU_BUILD") or "release"
setup(
    ext_modules=cythonize(
        extensions(flavour), build_dir=".build/cython", compiler_directives=DIRECTIVES
    ),
    # Each flavour has its own directory. `force`: setuptools does not notice that options changed.
    options={"build": {"build_base": f".build/{flavour}"}, "build_ext": {"force": True}},
)
