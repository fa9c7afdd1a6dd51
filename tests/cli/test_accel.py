"""-accel: what runs the guest, in `run` and in the demo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyx86emu import cli
from pyx86emu.cli import accel, demo
from pyx86emu.kvm import system
from pyx86emu.measure.ring import PATHS
from tests import on_kvm
from tests.cli.drive import HALT, Image, say


@pytest.mark.parametrize("name", ["interp", "kvm"])
def test_the_report_says_what_ran_the_guest(
    name: str, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    on_kvm.need(name)

    status = cli.main([str(image(say("A") + HALT)), "-accel", name, "--json"])

    report = json.loads(capsys.readouterr().out)
    assert (status, report["accel"], report["debug"]) == (0, name, "A")
    assert (report["instructions"] is None) == (name == "kvm")


def test_auto_takes_kvm_where_there_is_one(
    image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(image(HALT)), "-accel=auto", "--json"]) == 0

    there = on_kvm.why_not() is None
    assert json.loads(capsys.readouterr().out)["accel"] == ("kvm" if there else "interp")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-cpu", "8086"], "-accel kvm: KVM has the host's processor only, not an 8086"),
        (["-icount", "shift=3"], "-accel kvm: KVM does not count instructions, so there is no sh"),
        (["--clock", "virtual"], "-accel kvm: the guest's time on KVM is the host's"),
        (["--max-instructions", "5"], "--max-instructions: KVM counts none, give --timeout"),
    ],
)
def test_what_kvm_cannot_do_is_refused_by_name(
    words: list[str], text: str, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    on_kvm.need("kvm")

    assert cli.main([str(image(HALT)), "-enable-kvm", *words]) == 2

    err = capsys.readouterr().err
    assert err.startswith(f"pyx86emu: {text}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", [["demo"], [], ["run", "boot.img"]])
def test_a_host_without_kvm_says_why(
    verb: list[str],
    image: Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(image(HALT)) if word == "boot.img" else word for word in verb]
    missing = OSError(2, "there is no /dev/kvm")

    def none(*_: object, **__: object) -> None:
        raise missing

    monkeypatch.setattr(system.System, "__init__", none)
    monkeypatch.setattr("pyx86emu.kvm.probe.usable", none)

    assert cli.main([*words, "-accel", "kvm"]) == 2

    assert capsys.readouterr().err == "pyx86emu: -accel kvm: there is no /dev/kvm\n"


def test_every_signal_of_the_demo_arrives_on_kvm(capsys: pytest.CaptureFixture[str]) -> None:
    on_kvm.need("kvm")

    assert demo.main(["-accel", "kvm", "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    names = [path for path in PATHS if path[:4] != "door" and path[-2:] != "hc"]
    assert report["accel"] == "kvm"
    assert [row["name"] for row in report["rows"]] == names
    assert all(row["exact"] for row in report["rows"])


@pytest.mark.parametrize(
    ("words", "only"),
    [
        ([], True),
        (["-accel", "kvm"], True),
        (["--json", "-accel=kvm"], True),
        (["-enable-kvm"], True),
        (["-accel", "kvm", "boot.img"], False),
        (["boot.img"], False),
    ],
)
def test_the_demo_needs_no_word(words: list[str], only: bool) -> None:
    assert accel.only_accel(words, ["--json"]) is only
