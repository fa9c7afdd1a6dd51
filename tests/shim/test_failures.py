"""Each allocation of the core and each system call of its constructors fails in turn.

A preloaded library does it. Each time the call ends well or raises MemoryError or OSError, nothing
leaks, and the same Vm goes on and can be closed. Python's own allocations are not meant. tests/shim
has the library and what is done while it fails.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.harness import ROOT, python

SOURCE = ROOT / "tests" / "shim" / "failures.c"

# The sanitizers have an allocator of their own.
pytestmark = pytest.mark.release

#: What must have failed at least once, or the test would prove nothing.
MET = {
    "make_vm": "allocate map",
    "memory": "allocate map",
    "vcpu": "allocate map",
    "attach": "",  # all of it is Python's: see test_attach.py
    "ioeventfd": "allocate eventfd duplicate open read write readlink",
    "many_ioeventfds": "allocate duplicate open read readlink",
    "irqfd": "allocate eventfd duplicate open read readlink epoll_create epoll_ctl thread",
    "decode": "allocate",
    "drainer": "epoll_create epoll_ctl thread",
    "close": "allocate eventfd duplicate open read readlink epoll_create epoll_ctl thread",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        missing("a C compiler", "install gcc; it makes the library in which calls fail")
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("the library in which calls fail is written for glibc")
    path = tmp_path_factory.mktemp("shim") / "failures.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(path), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("scenario", MET)
def test_a_call_that_fails_leaves_nothing_and_breaks_nothing(library: Path, scenario: str) -> None:
    env = {**os.environ, "LD_PRELOAD": str(library)}
    done = python("-m", "tests.shim.scenarios", scenario, env=env, timeout=300)

    assert done.returncode == 0, done.stderr[-4000:]
    results: dict[str, dict[str, int]] = json.loads(done.stdout)
    missing = [kind for kind in MET[scenario].split() if not results[kind]]
    assert not missing, f"no call of these kinds was made to fail: {missing}"
