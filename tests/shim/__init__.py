"""Small C libraries that tests load before the C library, and who builds them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def build(name: str, directory: Path) -> Path | None:
    """Compile NAME.c into `directory`; None: there is no C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    library = directory / f"{name}.so"
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", library, HERE / f"{name}.c", "-ldl"],
        check=True,
    )
    return library


def preloaded(library: Path, **variables: str) -> dict[str, str]:
    """An environment in which programs load `library` first (after the sanitizers, if any)."""
    before = os.environ.get("LD_PRELOAD", "")
    return {**os.environ, "LD_PRELOAD": f"{before} {library}".strip(), **variables}
