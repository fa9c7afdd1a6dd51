"""gdb: run Debian's gdb on a server with a script, and give back what it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SECONDS = 60
BUILD = os.environ.get("PYX86EMU_BUILD") or "release"


def need(*programs: str) -> None:
    """Skip the test, or with CI=true fail it, where one of the programs is missing."""
    if BUILD == "sanitize" and {"gdb", "lldb"} & {*programs}:
        pytest.skip("debuggers are not built with sanitizers, and they inherit their libraries")
    for program in programs:
        if shutil.which(program) is None:
            why = f"{program} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(why)
            pytest.skip(why)


def gdb(target: str, script: str, symbols: Path | None = None, *, args: Sequence[str] = ()) -> str:
    """What `gdb -ex 'target remote TARGET'` and the commands of the script print. No setting of the
    user's or of ours is made. An error of one command does not end the others."""
    need("gdb")
    command = ["gdb", "-nx", "-q", "-batch", *args]
    if symbols is not None:
        command += ["-s", str(symbols)]
    commands = [f"target remote {target}", *script.strip().splitlines()]
    command += [word for line in commands for word in ("-ex", line.strip())]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS,
    )
    return done.stdout


def with_symbols(source: str, directory: Path, base: int = 0x7C00) -> tuple[bytes, Path]:
    """A boot sector of nasm source, and the ELF file with its symbols and lines."""
    need("nasm", "ld")
    asm, elf, linked = directory / "boot.asm", directory / "boot.o", directory / "boot.elf"
    image = directory / "boot.img"
    asm.write_text(source)
    run = subprocess.run
    run(["nasm", "-f", "elf32", "-g", "-F", "dwarf", asm, "-o", elf], check=True)
    run(["ld", "-m", "elf_i386", f"-Ttext={base:#x}", elf, "-o", linked], check=True)
    run(["objcopy", "-O", "binary", "-j", ".text", linked, image], check=True)
    return image.read_bytes(), linked
