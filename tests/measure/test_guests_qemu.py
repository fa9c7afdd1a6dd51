"""Real guests side by side with QEMU: the guest that is always there keeps the rows alive."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from pyx86emu import Disk, ExitReason, Machine, cli
from pyx86emu.measure import guests_list, guests_qemu, qemu
from pyx86emu.measure.guests_list import OWN, OWN_IMAGE, Guest
from tests import on_qemu, pages


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No QEMU is installed, and no images are there."""
    monkeypatch.setattr(qemu, "program", lambda: None)
    monkeypatch.delenv(guests_list.ENVIRONMENT, raising=False)


def test_the_guest_that_is_always_there_does_what_it_says() -> None:
    with Machine(Disk(OWN_IMAGE), model=OWN.model) as m:
        assert m.run(OWN.prompt, timeout=5).reason is ExitReason.MATCH
        m.keyboard.type(OWN.keys)
        assert m.run(re.escape(OWN.keys), timeout=5).reason is ExitReason.MATCH
        before = m.instructions

        m.keyboard.type("{ret}")

        assert m.run(OWN.end, timeout=600).reason is ExitReason.MATCH
        assert m.instructions - before > 64 << 16


@pytest.mark.usefixtures("alone")
def test_without_qemu_the_rows_have_our_times() -> None:
    rows = list(guests_qemu.rows(1, 0.01))

    assert [(row.name, row.unit, row.what) for row in rows] == [
        ("own boot", "s", "no QEMU: our time alone"),
        ("own work", "s", "no QEMU: our time alone"),
    ]
    assert all(row.value > 0 for row in rows)


def test_with_qemu_the_rows_are_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    on_qemu.need()
    monkeypatch.delenv(guests_list.ENVIRONMENT, raising=False)

    rows = list(guests_qemu.rows(1, 0.01))

    assert [(row.name, row.unit) for row in rows] == [("own boot", "x"), ("own work", "x")]
    assert all(row.value > 0 for row in rows)
    assert re.fullmatch(r"QEMU \d+\.\d+ s, ours \d+\.\d+ s", rows[0].what)


def test_guests_are_those_whose_images_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elks-fat.img").write_bytes(b"image")
    monkeypatch.setenv(guests_list.ENVIRONMENT, str(tmp_path))

    there = list(guests_list.found())

    assert [(guest.name, image[:5]) for guest, image in there[1:]] == [("elks-fat", b"image")]
    assert there[0] == (OWN, OWN_IMAGE)


def test_the_listed_guests_have_limits_and_texts() -> None:
    limits = {f"{guest.name} boot": guest.boot_limit for guest in guests_list.LISTED}
    limits |= {f"{guest.name} work": guest.work_limit for guest in guests_list.LISTED}
    page = pages.table(pages.ROOT / "docs/PERFORMANCE.md", "| guest | QEMU / ours at least |")

    shown = {row[0].strip("` "): float(row[1]) for row in page}

    assert shown == {name: limit for name, limit in limits.items() if limit is not None}
    for guest in guests_list.LISTED:
        assert guest.prompt or guest.end, guest
        assert guest.work_limit is None or guest.end, guest
        for text in (guest.prompt, guest.end):
            re.compile(text)
        assert all(key.isalnum() or key in qemu.KEYS for key in guest.keys), guest


@pytest.mark.usefixtures("alone")
def test_a_text_that_does_not_come_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guests_qemu, "PATIENCE", 0.05)
    silent = Guest("silent", "silent", prompt="never", keys="x", end="never")

    with pytest.raises(TimeoutError, match="silent does not show 'never'"):
        guests_qemu.our_work(silent, OWN_IMAGE)
    with pytest.raises(TimeoutError, match="silent does not show 'never'"):
        guests_qemu.our_boot(silent, OWN_IMAGE, tmp_path, dict(os.environ))


def test_qemu_says_which_text_did_not_come(tmp_path: Path) -> None:
    on_qemu.need()

    with (
        qemu.Qemu(OWN_IMAGE, tmp_path) as machine,
        pytest.raises(TimeoutError, match=r"'never' is not on QEMU's screen"),
    ):
        machine.wait("never", 0.01)


def test_a_qemu_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(qemu, "program", lambda: "/bin/false")

    with pytest.raises(OSError, match="does not start"):
        qemu.Qemu(OWN_IMAGE, tmp_path)


@pytest.mark.usefixtures("alone")
def test_the_command_prints_the_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = cli.main(["bench", "guests", str(tmp_path), "--quick"])

    shown = capsys.readouterr().out
    assert status == 0
    assert re.search(r"own boot +\d+\.\d s +no QEMU: our time alone", shown)
    assert "own work" in shown


def test_a_directory_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "guests", "/no/such/directory"]) == 2
    assert "/no/such/directory: no such directory" in capsys.readouterr().err
