"""-device vhost-user-blk: the guests of virtio-blk, with the disk in another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import cli
from tests.harness import ROOT
from tests.on_storage_daemon import StorageDaemon, image, need, raw
from tests.virtio.vhost.served import Served

READER = ROOT / "tests" / "virtio" / "queue_irq.bin"
WRITER = ROOT / "tests" / "virtio" / "queue_poll.bin"
SECTORS = b"".join(bytes([n]) * 512 for n in range(64))
SIZE = 1 << 20


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "blk.sock"


def run(*words: object) -> int:
    return cli.main(["run", *(str(word) for word in words)])


@pytest.mark.parametrize("guest", [READER, WRITER], ids=["interrupts", "polling"])
def test_the_guests_of_virtio_blk_pass_with_the_storage_daemon(
    guest: Path, sock: Path, tmp_path: Path
) -> None:
    need()
    disk = image(tmp_path / "disk.qcow2", SIZE, SECTORS)
    with StorageDaemon(disk, sock):
        assert run(guest, "-device", f"vhost-user-blk,path={sock}") == 33

    if guest == WRITER:
        assert raw(disk)[1536:1540] == bytes.fromhex("0004 0204")


@pytest.mark.parametrize("guest", [READER, WRITER], ids=["interrupts", "polling"])
def test_the_guests_of_virtio_blk_pass_with_a_back_end_in_python(
    guest: Path, sock: Path, tmp_path: Path
) -> None:
    with Served(sock, tmp_path / "disk", SIZE) as process:
        with open(process.file, "r+b") as disk:
            disk.write(SECTORS)

        assert run(guest, "-device", f"vhost-user-blk,path={sock},num-queues=1") == 33


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "it needs path=SOCK"),
        (",path=none.sock", "no back end listens at none.sock: start it first"),
        (",path=none.sock", "or listen for it with server=on"),
        (f",path={READER}", f"{READER} is no socket: give that of the back end"),
        (",path=none/sock,server=on", "none/sock: No such file or directory"),
        (",path=a --save-state b", "another process keeps a part of the state"),
        (",path=a,ioeventfd=off", "by ioeventfds only"),
        (",path=a,server=yes", "give on or off"),
        (",path=a,queue-size=5", "give a power of two"),
        (",path=a,num-queues=0", "give a number from 1"),
        (",drive=d0", "is none of path, rom, server"),
    ],
)
def test_what_cannot_be_is_refused(
    keys: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(READER, "-device", *f"vhost-user-blk{keys}".split()) == 2

    assert words in capsys.readouterr().err


def test_who_listens_says_what_it_waits_for(
    sock: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise TimeoutError("no back end has connected")

    monkeypatch.setattr("pyx86emu.virtio.vhost.blk.VhostUserBlk", nobody)

    assert run(READER, "-device", f"vhost-user-blk,path={sock},server=on") == 2

    first, second = capsys.readouterr().err.splitlines()
    assert first == f"pyx86emu: vhost-user-blk waits for a back end at {sock}"
    assert "no back end has connected" in second
