"""Disks on a host that fails: no write is lost, no sector torn, what is kept can be tried again."""

from __future__ import annotations

import errno
import os
import re
import signal
import textwrap
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError
from pyx86emu.pc.disks.sectors import SECTOR
from tests.harness import Running, in_child, python

OLD, NEW = b"o" * SECTOR, b"n" * SECTOR


class Host:
    """pwrite and fsync that go by a plan: None works, a positive number is the most that one call
    writes, a negative one the error it ends with. After the plan everything works."""

    def __init__(self, writes: Iterable[int | None] = (), syncs: Iterable[int | None] = ()) -> None:
        self.writes, self.syncs = iter(writes), iter(syncs)
        self.pwrite, self.fsync = os.pwrite, os.fsync
        self.written: list[tuple[int, int]] = []
        self.synced = 0

    def _pwrite(self, fd: int, data: bytes, at: int) -> int:
        most = next(self.writes, None)
        if most is not None and most <= 0:
            raise OSError(-most, os.strerror(-most))
        n = self.pwrite(fd, data[:most], at)
        self.written.append((at, n))
        return n

    def _fsync(self, fd: int) -> None:
        error = next(self.syncs, None)
        if error is not None:
            raise OSError(-error, os.strerror(-error))
        self.fsync(fd)
        self.synced += 1

    def __enter__(self) -> Host:
        self._patches = [mock.patch("os.pwrite", self._pwrite), mock.patch("os.fsync", self._fsync)]
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(OLD * 8)
    return path


@pytest.fixture
def disk(image: Path) -> Iterator[Disk]:
    disk = Disk(image, write_back=True, geometry=(40, 2, 9))
    yield disk
    disk.close(discard=True)


def test_a_short_write_is_repeated(disk: Disk, image: Path) -> None:
    disk.write(3, NEW)

    with Host([100, 1, -errno.EINTR, 300]) as host:
        disk.commit()

    assert image.read_bytes() == OLD * 3 + NEW + OLD * 4
    assert host.written == [(1536, 100), (1636, 1), (1637, 300), (1937, 111)]
    assert (disk.changed, host.synced) == (0, 1)


def test_sectors_are_written_lowest_first(disk: Disk) -> None:
    for lba in (5, 9, 0, 7):
        disk.write(lba, NEW)

    with Host() as host:
        disk.commit()

    assert [at // SECTOR for at, _ in host.written] == [0, 5, 7, 9]


@pytest.mark.parametrize(
    ("error", "kind", "again"),
    [
        (errno.ENOSPC, OSError, "after making room"),
        (errno.EFBIG, OSError, "after making room"),
        (errno.EIO, OSError, r"or close\(discard=True\)"),
        (errno.EPERM, PermissionError, r"or close\(discard=True\)"),
    ],
)
def test_an_error_says_what_is_safe_and_what_to_do(
    disk: Disk, image: Path, error: int, kind: type[OSError], again: str
) -> None:
    for lba in (1, 4, 6):
        disk.write(lba, NEW)

    said = (
        rf"sector 4 cannot be written \({os.strerror(error)}\): 1 of 3 changed sectors are safe "
        rf"in the image, 2 remain in memory; call commit\(\) again.*{again}.*disk.img"
    )
    with Host([None, -error, -error]), pytest.raises(kind, match=said) as caught:
        disk.commit()

    assert caught.value.errno == error
    assert image.read_bytes() == OLD + NEW + OLD * 6
    assert disk.changed == 2
    assert disk.read(4) == NEW


def test_a_bad_sector_does_not_keep_the_others_from_being_saved(disk: Disk, image: Path) -> None:
    for lba in (1, 2, 3):
        disk.write(lba, NEW)

    with Host([-errno.EIO]), pytest.raises(OSError, match=r"sector 1 .* 2 .* safe .* 1 remain"):
        disk.commit()

    assert image.read_bytes() == OLD * 2 + NEW * 2 + OLD * 4


@pytest.mark.parametrize(("lba", "size"), [(3, 8), (8, 8), (11, 8)])
def test_a_write_that_ends_in_the_middle_leaves_no_half_sector(
    disk: Disk, image: Path, lba: int, size: int
) -> None:
    disk.write(lba, NEW)

    with (
        Host([100, -errno.ENOSPC]),
        pytest.raises(OSError, match="0 of 1 changed sectors are safe"),
    ):
        disk.commit()
    assert image.read_bytes() == OLD * size
    assert disk.changed == 1

    disk.commit()
    assert image.read_bytes()[lba * SECTOR :].startswith(NEW)


def test_a_half_sector_that_cannot_be_taken_back_is_said(disk: Disk, image: Path) -> None:
    disk.write(3, NEW)

    with (
        Host([100, -errno.EIO, -errno.EIO]),
        pytest.raises(OSError, match="the image has only a part of sector 3:"),
    ):
        disk.commit()

    assert image.read_bytes()[3 * SECTOR :].startswith(NEW[:100] + OLD[100:])
    disk.close()
    assert image.read_bytes() == OLD * 3 + NEW + OLD * 4


def test_what_the_device_did_not_take_is_kept(disk: Disk, image: Path) -> None:
    disk.write(3, NEW)

    with Host(syncs=[-errno.EIO]), pytest.raises(OSError, match=r"0 .* are safe .* 1 remain"):
        disk.commit()
    assert disk.changed == 1

    with Host() as host:
        disk.commit()
    assert (host.written, host.synced) == ([(3 * SECTOR, SECTOR)], 1)
    assert disk.changed == 0


def test_a_close_that_fails_can_be_tried_again(image: Path) -> None:
    with pytest.raises(OSError, match="No space left"), Host([-errno.ENOSPC] * 2):  # noqa: SIM117
        with Disk(image, write_back=True) as disk:
            disk.write(3, NEW)
    with Host([-errno.ENOSPC]), pytest.raises(OSError, match="1 remain"):
        disk.close()
    assert disk.read(3) == NEW

    disk.close()

    assert image.read_bytes() == OLD * 3 + NEW + OLD * 4
    with pytest.raises(DiskError, match="is closed"):
        disk.read(3)


def test_changes_can_be_given_up(disk: Disk, image: Path) -> None:
    disk.write(3, NEW)

    with Host() as host:
        disk.close(discard=True)

    assert host.written == []
    assert image.read_bytes() == OLD * 8


def test_a_file_size_limit_loses_nothing(image: Path) -> None:
    script = """
        import os, resource, sys
        from pyx86emu import Disk
        disk = Disk(sys.argv[1], write_back=True, geometry=(40, 2, 9))
        disk.write(2, b"n" * 512)
        disk.write(8, b"n" * 1024)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 512 + 100, -1))
        for attempt in (disk.commit, disk.commit, disk.close):
            try:
                attempt()
            except OSError as error:
                print(disk.changed, os.path.getsize(sys.argv[1]), error, file=sys.stderr)
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
        disk.close()
    """

    result = python("-c", textwrap.dedent(script), image)

    lines = result.stderr.splitlines()
    assert (result.returncode, len(lines)) == (0, 3), result.stderr
    assert lines[0].startswith(
        "2 4096 [Errno 27] sector 8 cannot be written (File too large): 1 of 3 "
    )
    assert all(line.startswith("2 4096 ") for line in lines)
    assert image.read_bytes() == OLD * 2 + NEW + OLD * 5 + NEW * 2


def test_a_killed_process_leaves_whole_sectors(image: Path) -> None:
    script = """
        import os, signal, sys
        from pyx86emu import Disk
        disk = Disk(sys.argv[1], write_back=True, geometry=(40, 2, 9))
        disk.write(0, b"n" * 512 * 8)
        pwrite, left = os.pwrite, 5
        def dying(*args):
            global left
            left -= 1
            n = pwrite(*args)
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return n
        os.pwrite = dying
        disk.close()
    """

    result = python("-c", textwrap.dedent(script), image)

    assert result.returncode == -signal.SIGKILL
    assert image.read_bytes() == NEW * 5 + OLD * 3


# What one call of pwrite or fsync does, as in Host.
WRITES = st.one_of(
    st.none(),
    st.integers(1, SECTOR),
    st.sampled_from([-errno.EINTR, -errno.EIO, -errno.ENOSPC]),
)
SYNCS = st.sampled_from([None, None, -errno.EIO])
SECTORS = 24
STEPS = st.one_of(
    st.tuples(
        st.just("write"), st.integers(0, SECTORS - 1), st.integers(1, 4), st.integers(1, 255)
    ),
    st.tuples(st.just("commit"), st.lists(WRITES, max_size=12), st.lists(SYNCS, max_size=1)),
)


@given(image=st.integers(1, SECTORS), steps=st.lists(STEPS, max_size=12))
def test_any_failures_leave_a_disk_that_reads_as_it_was_written(
    image: int, steps: list[tuple[str, int, int, int]]
) -> None:
    model = bytearray(OLD * image + bytes((SECTORS - image) * SECTOR))
    values = [{model[i * SECTOR]} for i in range(SECTORS)]  # that a sector may have in the image
    with TemporaryDirectory() as directory:
        path = Path(directory) / "disk.img"
        path.write_bytes(OLD * image)
        with Disk(path, write_back=True, geometry=(SECTORS, 1, 1)) as disk:
            for kind, *args in steps:
                if kind == "write":
                    lba, n, fill = args
                    n = min(n, SECTORS - lba)
                    disk.write(lba, bytes([fill]) * n * SECTOR)
                    model[lba * SECTOR : (lba + n) * SECTOR] = bytes([fill]) * n * SECTOR
                    for i in range(lba, lba + n):
                        values[i].add(fill)
                else:
                    check_commit(disk, path, Host(*args), bytes(model), values)
                assert disk.read(0, SECTORS) == model
        end = path.read_bytes()
        assert end == model[: len(end)]
        assert not any(model[len(end) :])


def check_commit(disk: Disk, path: Path, host: Host, model: bytes, values: list[set[int]]) -> None:
    """Commit on a failing host: what left the overlay is in the image, and no sector is torn."""
    said = ""
    try:
        with host:
            disk.commit()
    except OSError as error:
        said = str(error)
        assert f"{disk.changed} remain in memory" in said
    else:
        assert disk.changed == 0
    parts = re.search(r"only a part of sector ([\d, ]+):", said)
    torn = set(map(int, parts[1].split(", "))) if parts else set()
    data = path.read_bytes()
    assert len(data) % SECTOR == 0 or torn
    data = data.ljust(SECTORS * SECTOR, b"\0")
    for lba in range(SECTORS):
        sector = data[lba * SECTOR : (lba + 1) * SECTOR]
        if lba not in disk._overlay:
            assert sector == model[lba * SECTOR : (lba + 1) * SECTOR]
            values[lba] = {sector[0]}
        elif lba not in torn:
            assert len(set(sector)) == 1
            assert sector[0] in values[lba]


@pytest.mark.forks
def test_a_disk_goes_on_in_a_child_forked_while_another_thread_used_it(image: Path) -> None:
    held, leave = threading.Event(), threading.Event()

    def use(disk: Disk) -> None:
        with disk._lock:  # as read() and write() do
            held.set()
            leave.wait()

    with Disk(image) as disk:
        holder = Running(lambda: use(disk))
        held.wait()

        def read() -> None:
            assert len(disk.read(0, 1)) == SECTOR

        status = in_child(read)
        leave.set()
        holder.result()

    assert status == 0


def test_a_sector_written_again_during_its_commit_stays_changed(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Disk(image, write_back=True) as disk:
        disk.write(0, b"a" * 512)
        store = disk._store

        def interrupted(lba: int, data: bytes) -> None:
            store(lba, data)
            disk.write(0, b"b" * 512)  # as a signal handler does

        monkeypatch.setattr(disk, "_store", interrupted)
        disk.commit()
        monkeypatch.undo()

        assert disk.read(0, 1) == b"b" * 512
        assert disk.changed == 1
    assert image.read_bytes()[:512] == b"b" * 512
