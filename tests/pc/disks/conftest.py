"""What tests of disks share: a directory of the host, and a look at descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import descriptors


@pytest.fixture
def nothing_stays_open() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """readme.txt, SUB/b.bin and an empty directory."""
    path = tmp_path / "dir"
    (path / "SUB").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "readme.txt").write_bytes(b"hello\r\n")
    (path / "SUB" / "b.bin").write_bytes(bytes(range(256)) * 20)
    return path
