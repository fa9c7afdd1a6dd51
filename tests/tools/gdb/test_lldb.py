"""lldb, where it is installed: it knows no 16-bit code, and the rest is right."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.on_gdb import need, with_symbols
from tests.tools.gdb.client import served
from tests.tools.gdb.test_gdb import CALLERS, NESTED

COMMANDS = """\
breakpoint set --name deep
continue
bt
register read ip stack
memory read --count 2 0x7dfe
thread step-inst
thread list
detach"""


def test_breakpoints_steps_registers_and_callers(tmp_path: Path) -> None:
    if shutil.which("lldb") is None:
        pytest.skip("lldb is not installed")
    need("nasm", "ld")
    image, symbols = with_symbols(NESTED, tmp_path)
    with served(image) as (_, address, _):
        lines = [f"gdb-remote {address}", *COMMANDS.splitlines()]
        done = subprocess.run(
            ["lldb", "-b", "-x", str(symbols), *(word for line in lines for word in ("-o", line))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )

    text = done.stdout
    found = re.findall(r"frame #\d: 0x[0-9a-f]+ boot\.elf`(\w+)", text)
    assert found[1:6] == CALLERS  # the first one is where it has stopped
    assert re.search(r"stack = 0x00096f\w\w", text)
    assert "55 aa" in text and "stop reason = instruction step into" in text
    assert "detached" in text
