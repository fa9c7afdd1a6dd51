"""What a saved state or a recording is read from and written to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pyx86emu.files import check_regular, contents


def test_only_a_regular_file_or_nothing_may_be_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"")

    check_regular(tmp_path / "file")
    check_regular(tmp_path / "none")
    for name in ("fifo", "."):
        with pytest.raises(OSError, match="that is no regular file"):
            check_regular(tmp_path / name)


@pytest.mark.parametrize("bad", [1, 1 << 62, 1.0, None])
def test_a_number_is_no_path(bad: Any) -> None:
    with pytest.raises(TypeError):
        check_regular(bad)


def test_a_file_that_is_too_large_is_refused_with_its_limit(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"x" * ((1 << 20) + 1))

    assert len(contents(path, 2 << 20)) == (1 << 20) + 1
    with pytest.raises(ValueError, match="it is larger than 1 MiB"):
        contents(path, 1 << 20)
