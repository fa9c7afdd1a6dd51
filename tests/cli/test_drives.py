"""Drives: the options name disks as QEMU's do; what contradicts is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu.cli import drives, options
from pyx86emu.cli.drives import Drive
from pyx86emu.cli.status import UsageError


def found(*words: str) -> list[Drive]:
    """The drives of a command line."""
    return drives.drives(options.parser().parse(words))


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["a.img"], {"image": "a.img"}),
        (["-fda", "a", "-fdb", "b"], {"fda": "a", "fdb": "b"}),
        (["-hda", "c", "-hdb", "d", "-fda", "a"], {"fda": "a", "hda": "c", "hdb": "d"}),
        (["-drive", "file=c"], {"hda": "c"}),
        (["-drive", "file=c", "-drive", "file=d,if=ide"], {"hda": "c", "hdb": "d"}),
        (["-drive", "file=d,index=1", "-drive", "file=c"], {"hda": "c", "hdb": "d"}),
        (["-drive", "file=a,if=floppy", "-fdb", "b"], {"fda": "a", "fdb": "b"}),
        (["-drive", "file=b,if=floppy", "-fda", "a"], {"fda": "a", "fdb": "b"}),
        (["-drive", "file=b,if=floppy,index=1,format=raw,media=disk"], {"fdb": "b"}),
        (["-drive", "file=a,,b=c.img"], {"hda": "a,b=c.img"}),
    ],
)
def test_each_disk_has_its_drive(words: list[str], places: dict[str, str]) -> None:
    assert {each.place: each.path for each in found(*words)} == places


def test_writing_is_asked_for_by_drive_or_for_all() -> None:
    def written(*words: str) -> list[bool]:
        return [each.write_back for each in found(*words)]

    assert written("-fda", "a", "-hda", "c") == [False, False]
    assert written("-fda", "a", "-hda", "c", "--write-back") == [True, True]
    assert written("-fda", "a", "-drive", "file=c,snapshot=off") == [False, True]
    assert written("-drive", "file=c,readonly=on", "--write-back") == [False]
    assert [each.readonly for each in found("-drive", "file=c,readonly=on", "x")] == [False, True]


def test_a_geometry_is_that_of_the_image_or_of_the_only_disk() -> None:
    assert found("a", "--geometry", "80,2,9")[0].geometry == (80, 2, 9)
    assert found("-fda", "a", "--geometry", "80,2,9")[0].geometry == (80, 2, 9)
    assert [each.geometry for each in found("a", "-hda", "c", "--geometry", "80,2,9")] == [
        None,
        (80, 2, 9),
    ]
    assert found("-drive", "file=c,cyls=20,heads=4,secs=17")[0].geometry == (20, 4, 17)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "no image to boot: give one, pyx86emu IMAGE"),
        ([""], "IMAGE: no file is named"),
        (["-hda", "c", "-hda", "d"], "two disks for hda, c and d: give one"),
        (["-hda", "c", "-drive", "file=d,index=0"], "two disks for hda, c and d: give one"),
        (["-hda", "c", "-hdb", "d", "-drive", "file=e"], "-drive file=e: both ide drives have"),
        (["-fda", "a", "-hda", "c", "--geometry", "1,2,3"], "--geometry with two disks: say of"),
        (["a", "--geometry", "80x2x18"], "--geometry 80x2x18: give cylinders,heads,sectors"),
        (["a", "--geometry", "80,2"], "--geometry 80,2: give cylinders,heads,sectors in digits"),
        (["a", "--geometry", "\u0668\u0660,2,18"], "give cylinders,heads,sectors in digits"),
        (["-snapshot", "-drive", "file=c,snapshot=off"], "snapshot=off are opposites"),
        (
            ["-drive", "c.img"],
            "-drive c.img: 'c.img' is none of file, format, if, id, index, media",
        ),
        (["-drive", "if=ide"], "-drive if=ide: it needs file=FILE"),
        (["-drive", "file="], "-drive file=: file= has no value"),
        (["-drive", "file=c,file=d"], "-drive file=c,file=d: file= is there twice"),
        (
            ["-drive", "file=c,format=qcow2"],
            "format=qcow2 is not read: convert it first, `qemu-img",
        ),
        (
            ["-drive", "file=c,if=scsi"],
            "there is no if=scsi: give if=ide, if=floppy, if=virtio or if=none",
        ),
        (["-drive", "file=c,index=2"], "index=2: give 0 or 1, there are two drives of each kind"),
        (["-drive", "file=c,media=cdrom"], "there is no drive for media=cdrom: leave it out"),
        (["-drive", "file=c,snapshot=yes"], "snapshot=yes: give on or off"),
        (["-drive", "file=c,cyls=20"], "give all of cyls=, heads= and secs=, in digits"),
        (["-drive", "file=c,cache=none"], "there is no cache=: leave it out"),
        (["a", "-boot", "d"], "-boot d: there is no CD-ROM drive: give a, c, ac or ca"),
        (["a", "-boot", "order=nc"], "-boot order=nc: there is no network card"),
        (["a", "-boot", "menu=on"], "-boot menu=on: write -boot a, -boot c or -boot order=ac"),
        (["a", "-boot", "aa"], "-boot aa: give a (floppy), c (hard disk), or both, order=ac"),
    ],
)
def test_what_contradicts_is_refused(words: list[str], text: str) -> None:
    with pytest.raises(UsageError) as error:
        found(*words)

    assert text in str(error.value)


@pytest.mark.parametrize("text", ["a", "c", "order=a", "order=ca", "ac"])
def test_boot_orders(text: str) -> None:
    assert drives.boot_order(text) == text.removeprefix("order=")


def test_an_image_that_is_a_second_disk_for_a_drive_is_refused(tmp_path: Path) -> None:
    boot = tmp_path / "boot.img"
    boot.write_bytes(bytes.fromhex("faf4"))
    two = [Drive("fda", str(boot), "-fda"), Drive("image", str(boot), "IMAGE")]

    expected = pytest.raises(UsageError, match=r"two disks for fda, .*give one .*a floppy disk")
    with expected, drives.open_disks(two):
        pass


def test_a_read_only_drive_is_write_protected(tmp_path: Path) -> None:
    boot = tmp_path / "boot.img"
    boot.write_bytes(bytes.fromhex("faf4"))

    with drives.open_disks([Drive("fda", str(boot), "-drive", readonly=True)]) as disks:
        assert disks["fda"].readonly
