"""The measurement of vhost-user: every row is measured, with every process that can serve here."""

from __future__ import annotations

import pytest

from pyx86emu.measure import figures, qemu, virtio_others, virtio_vhost
from pyx86emu.measure.virtio import DEPTHS, SIZES
from tests import on_qemu


@pytest.fixture(autouse=True)
def plain_build() -> None:
    on_qemu.not_sanitized()


def expected(kinds: tuple[str, ...]) -> list[str]:
    names = []
    for depth in DEPTHS:
        for size in SIZES:
            names += [f"vhost-{kind}-{depth}-{size}" for kind in kinds]
            names += [f"{kind}-to-null-{depth}-{size}" for kind in kinds[1:]]
    for last in ("exits", "beside"):
        names += [f"vhost-{kind}-{last}" for kind in kinds]
    return names


def test_every_row_is_measured_and_no_request_exits() -> None:
    kinds = virtio_others.kinds()

    rows = list(virtio_vhost.rows(1, 0.02))

    assert [row.name for row in rows] == expected(kinds)
    exits = {row.value for row in rows if row.name.endswith("-exits")}
    assert exits == {0.0}
    assert all(row.value > 0 for row in rows if not row.name.endswith("-exits"))
    limits = {each.name: each.limit for each in figures.verdicts(rows)}
    wanted = {f"vhost-{kind}-exits": 0.0 for kind in kinds}
    wanted |= {f"vhost-{kind}-beside": 95.0 for kind in kinds}
    if "daemon" in kinds:
        wanted |= {f"daemon-to-null-32-{size}": 60.0 for size in SIZES}
    assert limits == wanted


def test_without_the_storage_daemon_its_rows_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu.shutil, "which", lambda program: None)

    assert virtio_others.kinds() == ("null", "python")


def test_with_a_preloaded_library_the_rows_of_qemu_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(qemu.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setenv("LD_PRELOAD", "libasan.so")

    assert virtio_others.kinds() == ("null", "python")
    assert qemu.program() is None
