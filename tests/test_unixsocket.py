"""Unix sockets: for their owner, in place of dead ones, and of nothing else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pyx86emu import unixsocket


def test_a_socket_is_for_its_owner_and_listens(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    before = os.umask(0)
    try:
        with unixsocket.listen(str(path)) as server, socket.socket(socket.AF_UNIX) as peer:
            assert path.stat().st_mode & 0o777 == 0o600
            peer.connect(str(path))
            server.accept()[0].close()
        assert os.umask(0) == 0  # as it was
    finally:
        os.umask(before)


def test_only_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    path, file, link = tmp_path / "wire", tmp_path / "file", tmp_path / "link"
    file.write_text("mine")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    link.symlink_to(path)

    with unixsocket.listen(str(path)):
        for taken in (path, file, link):
            with pytest.raises(OSError, match=f"already in use: .{taken}"):
                unixsocket.listen(str(taken))

    assert file.read_text() == "mine"


@pytest.mark.parametrize("path", ["x" * 200, "/nowhere/at/all/wire"])
def test_a_path_that_cannot_be_is_an_error(path: str) -> None:
    with pytest.raises(OSError):
        unixsocket.listen(path)
