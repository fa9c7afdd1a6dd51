"""Line coverage: two listings of one disk, a line that is skipped, one that is not in memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pyx86emu import Machine, Symbols
from pyx86emu.listing import Listing
from pyx86emu.tools.lcov import Lcov
from tests.on_gdb import need

BOOT = """\
    org 0x7C00
start:
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ax, 0x0201
    mov cx, 2
    mov bx, 0x8000
    int 0x13
    jnc .loaded
    hlt
.loaded:
    call far [where]
    cli
    hlt
where: dw 0, 0x800
    times 510-($-$$) db 0
    dw 0xAA55
"""
STAGE = """\
    org 0
%include "sub.inc"
main:
    mov cx, 3
.again:
    call sub
    loop .again
    cmp cx, 0
    je .skipped
    inc cx
.skipped:
    db 0x90
    retf
never: ret
"""
SUB = "sub: push ax\n    pop ax\n    ret\n"


@pytest.fixture
def disk(tmp_path: Path, nasm: str) -> Path:
    """A disk whose boot sector loads a second stage to 0800:0000 and calls its label `main`."""
    (tmp_path / "sub.inc").write_text(SUB)
    (tmp_path / "boot.asm").write_text(BOOT.replace("dw 0, 0x800", "dw 3, 0x800"))
    (tmp_path / "stage.asm").write_text(STAGE)
    for name in ("boot", "stage"):
        command = [nasm, "-f", "bin", f"{name}.asm", "-o", f"{name}.bin", "-l", f"{name}.lst"]
        subprocess.run(command, cwd=tmp_path, check=True)
    code = [(tmp_path / f"{name}.bin").read_bytes().ljust(512, b"\0") for name in ("boot", "stage")]
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(code).ljust(1440 << 10, b"\0"))
    return path


def covered(disk: Path, at: str = "0800:0000", *, late: bool = False) -> Lcov:
    listings = [
        Listing.load(disk.with_name("boot.lst")),
        Listing.load(disk.with_name("stage.lst"), at=at),
    ]
    with Machine(disk) as m, m.coverage(listings=() if late else listings) as found:
        m.run(timeout=5)
        return found.lcov(*listings) if late else found.lcov()


def by_line(found: Lcov, source: Path) -> tuple[set[int], set[int]]:
    """The lines of a source that were executed, and those that were not."""
    lines = found.record(str(source)).lines
    return {n for n, count in lines.items() if count}, {
        n for n, count in lines.items() if not count
    }


@pytest.mark.parametrize("late", [False, True], ids=["given before", "given after"])
def test_a_boot_sector_and_its_second_stage(disk: Path, late: bool) -> None:
    found = covered(disk, late=late)

    assert found.notes == []
    assert by_line(found, disk.with_name("boot.asm")) == ({*range(3, 11), 13, 14, 15}, {11})
    # the data of line 12 were executed, so they are code; 10 is jumped over
    assert by_line(found, disk.with_name("stage.asm")) == ({4, 6, 7, 8, 9, 12, 13}, {10, 14})
    assert by_line(found, disk.with_name("sub.inc")) == ({1, 2, 3}, set())
    functions = found.record(str(disk.with_name("stage.asm"))).functions
    assert functions == {"main": (4, 1), "never": (14, 0)}


def test_a_program_that_is_overwritten_was_the_same_when_it_ran(disk: Path) -> None:
    listing = Listing.load(disk.with_name("boot.lst"))
    with Machine(disk) as m, m.coverage(listings=[listing]) as found:
        m.run(timeout=5)
        m.load(bytes(512))

        before, after = found.lcov(), found.lcov(listing)

    assert before.notes == []
    assert "boot.lst: it is not what is now in memory, no line is counted" in after.notes[0]


def test_a_listing_of_another_place_is_named_and_not_counted(disk: Path) -> None:
    found = covered(disk, at="0800:0004")

    (note,) = found.notes
    assert "stage.lst: it is not what was in memory, no line is counted: " in note
    assert "sub.inc:3 (ret) at 0x08006 has c3, in memory e8" in note
    executed, _ = by_line(found, disk.with_name("stage.asm"))
    assert executed == set()


def test_a_listing_that_was_never_reached_is_named(disk: Path) -> None:
    found = covered(disk, at="9000:0000")

    assert "stage.lst: none of its lines was executed; it is for 0x90000-" in found.notes[0]


def test_a_line_that_the_guest_rewrites_is_counted_with_a_note(tmp_path: Path, nasm: str) -> None:
    source = "org 7C00h\nmov byte [cs:.x+1], 5\nnop\nnop\n.x: mov al, 1\ncli\nhlt\n"
    (tmp_path / "a.asm").write_text(source)
    command = [nasm, "-f", "bin", "a.asm", "-o", "a.bin", "-l", "a.lst"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with (
        Machine(tmp_path / "a.bin") as m,
        m.coverage(listings=[tmp_path / "a.lst"]) as found,
    ):
        m.run(timeout=1)
        counted = found.lcov()

    assert "1 of 6 lines had other bytes" in counted.notes[0]
    assert by_line(counted, tmp_path / "a.asm") == ({2, 3, 4, 5, 6, 7}, set())


def test_without_its_source_a_listing_is_the_source(disk: Path) -> None:
    disk.with_name("boot.asm").write_text("; rewritten since\n")

    found = covered(disk)

    executed, missed = by_line(found, disk.with_name("boot.lst"))
    assert executed == {*range(3, 11), 13, 14, 15}
    assert missed == {11}


def test_symbols_have_their_listings(disk: Path) -> None:
    boot = Symbols.load(disk.with_name("boot.lst"))
    both = boot | Symbols.load(disk.with_name("stage.lst"), at="0800:0000")
    with Machine(disk) as m, m.coverage(listings=[both]) as found:
        m.symbols = both
        m.run(timeout=5)

        assert len(found.lcov().records) == 3
        assert m.symbols["main"] == 0x8003


def test_a_line_of_two_listings_counts_once(disk: Path) -> None:
    listing = disk.with_name("boot.lst")
    with Machine(disk) as m, m.coverage(listings=[listing, listing]) as found:
        m.run(timeout=5)

        assert set(found.lcov().record(str(disk.with_name("boot.asm"))).lines.values()) == {0, 1}


def test_what_is_no_listing_is_refused(disk: Path) -> None:
    with Machine(disk) as m:
        with pytest.raises(TypeError, match="a listing is a path, Listing or Symbols, not int"):
            m.coverage(listings=[5])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="a listing is a path as text, not bytes"):
            m.coverage(listings=b"boot.lst")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"boot\.asm.*no listing"):
            m.coverage(listings=[disk.with_name("boot.asm")])
        with m.coverage() as found, pytest.raises(ValueError, match="no listing is given"):
            found.lcov()


def test_comparing_changes_nothing_for_the_guest(disk: Path) -> None:
    ends = []
    for listings in ([], [disk.with_name("boot.lst")]):
        with Machine(disk) as m, m.coverage(listings=listings):
            m.run(timeout=5)
            ends.append((m.vcpu.instructions, m.save().to_bytes()))

    assert ends[0] == ends[1]


def test_genhtml_shows_the_sources(disk: Path, tmp_path: Path) -> None:
    need("genhtml")
    covered(disk).save(tmp_path / "a.info")

    done = subprocess.run(
        ["genhtml", "a.info", "-o", "html"], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    pages = {page.name for page in (tmp_path / "html").rglob("*.gcov.html")}
    assert pages == {"boot.asm.gcov.html", "stage.asm.gcov.html", "sub.inc.gcov.html"}
    assert "functions" in done.stdout
