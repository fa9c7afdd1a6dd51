"""The measurement of virtio: each row is measured, and the ways differ in what they are."""

from __future__ import annotations

import pytest

from pyx86emu.measure import figures, virtio


def test_every_row_is_measured() -> None:
    rows = list(virtio.rows(1, 0.02))

    names = [f"{w}-{d}-{s}" for d in virtio.DEPTHS for s in virtio.SIZES for w in virtio.WAYS]
    assert [row.name for row in rows] == [*names, *(f"{w}-exits" for w in virtio.WAYS), "floor"]
    assert all(row.value > 0 for row in rows if not row.name.endswith("-exits"))
    exits = {row.name: row.value for row in rows if row.name.endswith("-exits")}
    assert exits.pop("exit-exits") == pytest.approx(1.0, abs=0.05)
    assert set(exits.values()) == {0.0}
    limited = {each.name for each in figures.verdicts(rows)}
    assert limited == {
        *("ioeventfd-32-512", "ioeventfd-32-4096"),
        *("push-exits", "ioeventfd-exits", "thread-exits"),
    }


def test_a_guest_that_stands_still_is_an_error() -> None:
    guest = virtio.Guest("ioeventfd", 1, 512)
    guest.m.vm.write(virtio.QUEUE + 14, b"\xff\xff")  # the chain leads beyond the table
    with pytest.raises(RuntimeError, match="beyond its table"):
        guest.requests(0.01)
    guest.close()
