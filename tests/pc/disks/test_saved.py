"""Saved disks: the sectors come back on the same image, and on no other one."""

import hashlib
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Disk, StateError
from pyx86emu.pc.disks import saved as saved_module
from pyx86emu.pc.disks.overlay import Overlay
from pyx86emu.pc.disks.saved import from_values, sha256

FLOPPY = 1440 << 10


def sector(n: int) -> bytes:
    return bytes([n & 0xFF, n >> 8]) * 256


@given(
    in_memory=st.integers(1, 6),
    steps=st.lists(
        st.tuples(st.sampled_from(["put", "put", "put", "drop", "keep", "restore"]),
                  st.integers(0, 9), st.integers(0, 999)),
        max_size=60,
    ),
)  # fmt: skip
def test_an_overlay_goes_back_to_what_it_had(
    in_memory: int, steps: list[tuple[str, int, int]]
) -> None:
    overlay, model = Overlay(in_memory), dict[int, bytes]()
    other, kept = Overlay(in_memory), [(overlay.keep(), dict[int, bytes]())]

    for what, lba, value in steps:
        lba *= 40_000  # several pages
        if what == "put":
            overlay.put(lba, sector(value))
            model[lba] = sector(value)
        elif what == "drop":
            overlay.drop(lba)
            model.pop(lba, None)
        elif what == "keep":
            kept.append((overlay.keep(), model.copy()))
        else:
            written, then = kept[value % len(kept)]
            overlay.restore(written)
            model = then.copy()

    kept.append((overlay.keep(), model))
    for written, then in kept:
        other.restore(written)
        assert len(other) == len(then)
        assert other.next_after(0, 99) == sorted(then)
        assert {lba: other.get(lba) for lba in then} == then


def test_a_version_differs_after_each_change() -> None:
    overlay, same = Overlay(), sector(1)
    seen = [overlay.version]
    overlay.put(1, same)
    seen.append(overlay.version)
    written = overlay.keep()
    overlay.put(2, same)
    seen.append(overlay.version)
    overlay.restore(written)
    seen.append(overlay.version)

    assert len(set(seen)) == 4


@settings(max_examples=20)
@given(
    lbas=st.lists(st.integers(0, 2879), max_size=20),
    more=st.lists(st.integers(0, 2879), max_size=9),
)
def test_another_disk_with_the_same_image_gets_the_sectors(
    lbas: list[int], more: list[int]
) -> None:
    image = random.Random(1).randbytes(4096)
    with Disk(image) as one, Disk(image) as other:
        one._overlay = Overlay(3)
        for lba in lbas:
            one.write(lba, sector(lba))
        for lba in more:
            other.write(lba, sector(9))
        state = one.save()
        for lba in more:
            one.write(lba, sector(7))

        other.restore(state)
        by_value = from_values(state.plain(), other.count)

        expected = b"".join(sector(i) if i in lbas else (image[i * 512 : i * 512 + 512] or
                            b"").ljust(512, b"\0") for i in range(2880))  # fmt: skip
        assert other.read(0, 2880) == expected
        other.write(5, sector(3))
        one.restore(by_value)
        assert one.read(0, 2880) == expected


def test_the_image_is_named_by_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(b"abc" * 1000)
    with Disk(path) as disk:
        values = disk.save().plain()

    assert values["sha256"] == hashlib.sha256(b"abc" * 1000).digest()
    assert values["size"] == 3000
    assert str(tmp_path) not in repr(values)


def test_another_image_is_refused_and_nothing_changes() -> None:
    with Disk(b"one") as one, Disk(b"two") as two, Disk(b"longer") as longer:
        two.write(0, sector(2))
        for other in two, longer:
            with pytest.raises(StateError, match="another image, 3 bytes with SHA-256"):
                other.restore(one.save())

        assert two.read(0) == sector(2)


def test_a_state_is_refused_after_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(FLOPPY))
    with Disk(path, write_back=True) as disk:
        disk.write(0, sector(1))
        before = disk.save()
        by_value = from_values(before.plain(), disk.count)
        disk.commit()

        for state in before, by_value:
            with pytest.raises(StateError, match=r"written after|another image"):
                disk.restore(state)
        with pytest.raises(StateError, match="was written after this state was saved"):
            before.plain()
        after = disk.save()
        disk.write(1, sector(2))
        disk.restore(after)

        assert disk.read(0, 2) == sector(1) + bytes(512)


def test_an_image_that_something_else_changed_is_not_named(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(FLOPPY))
    with Disk(path) as disk:
        state = disk.save()
        path.write_bytes(b"x" * FLOPPY)
        os.utime(path, ns=(1, 1))

        with pytest.raises(StateError, match="changed by something else"):
            state.plain()


def test_the_sum_is_computed_when_it_is_needed_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sums = tmp_path / "disk.img", []
    path.write_bytes(bytes(FLOPPY))
    monkeypatch.setattr(saved_module, "sha256", lambda *args: sums.append(args) or sha256(*args))
    with Disk(path) as disk, disk.fork() as twin:
        state = disk.save()
        disk.restore(state)
        twin.restore(state)
        assert not sums

        state.plain()
        twin.save().plain()

        assert len(sums) == 1


def test_holes_of_a_sparse_image_are_hashed_as_zeros(tmp_path: Path) -> None:
    path = tmp_path / "sparse.img"
    with path.open("wb") as file:
        file.truncate(20 << 20)
        file.seek((7 << 20) + 5)
        file.write(b"data")
    with path.open("rb") as file:
        found = sha256(file.fileno(), b"", 20 << 20)

    assert found == hashlib.sha256(path.read_bytes()).digest()


def test_a_fork_has_its_own_sectors_on_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(sector(1) * 2880)
    disk = Disk(path)
    disk.write(1, sector(2))
    twin = disk.fork()
    twin.write(2, sector(3))
    disk.write(3, sector(4))
    disk.close()

    with twin:
        assert twin.read(0, 4) == sector(1) + sector(2) + sector(3) + sector(1)
        assert twin.geometry == (80, 2, 18)
    assert path.read_bytes() == sector(1) * 2880


def test_a_disk_that_is_written_back_is_not_forked(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(FLOPPY))
    with Disk(path, write_back=True) as disk, pytest.raises(StateError, match="write_back=True"):
        disk.fork()


BAD = [
    None,
    5,
    {},
    {"size": -1},
    {"sha256": "00"},
    {"readonly": 0},
    {"sectors": [(0, bytes(512))]},
    {"sectors": ((0, bytes(511)),)},
    {"sectors": ((2880, bytes(512)),)},
    {"sectors": ((2879, bytes(1024)),)},
    {"sectors": ((1, bytes(1024)), (2, bytes(512)))},
    {"sectors": ((-1, bytes(512)),)},
    {"sectors": (5,)},
    {"sectors": ((True, bytes(512)),)},
]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_what_is_no_state_of_a_disk_is_refused(bad: object) -> None:
    with Disk(b"x") as disk:
        values = disk.save().plain()

        with pytest.raises(StateError, match="a disk of a state: "):
            from_values({**values, **bad} if isinstance(bad, dict) and bad else bad, disk.count)
