"""What tests of vhost-user share: a place for a socket, and memory that another process can map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyx86emu import Vm


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "blk.sock"


@pytest.fixture
def vm() -> Iterator[Vm]:
    with Vm() as made:
        made.add_memory(0, 4 << 20, shared=True)
        yield made
