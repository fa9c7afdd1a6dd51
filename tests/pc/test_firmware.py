"""The BIOS image: it is what its source says, and what programs rely on stands where they look."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from pyx86emu.pc.firmware import rom
from tests.harness import ROOT

REMEDY = "run `python firmware/build.py`"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("firmware_build", ROOT / "firmware" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def symbols() -> dict[str, int]:
    lines = (ROOT / "pyx86emu" / "pc" / "roms" / "bios.sym").read_text("ascii").splitlines()
    return {name: int(place[5:], 16) for place, name in map(str.split, lines)}


def word(offset: int) -> int:
    return int.from_bytes(rom("bios")[offset : offset + 2], "little")


def test_image_and_symbols_are_what_the_source_gives(nasm: str, build: ModuleType) -> None:
    image, listing = build.build(nasm)

    assert image == rom("bios"), f"firmware/ and pyx86emu/pc/roms/bios.bin differ: {REMEDY}"
    assert listing == (ROOT / "pyx86emu" / "pc" / "roms" / "bios.sym").read_text("ascii"), REMEDY


def test_the_option_rom_is_what_the_source_gives(nasm: str, build: ModuleType) -> None:
    image = build.option_rom("virtioblk", nasm)

    assert image == rom("virtioblk"), f"firmware/ and pyx86emu/pc/roms differ: {REMEDY}"
    assert sum(image) & 0xFF == 0


def test_the_list_of_services_is_what_the_contracts_say() -> None:
    command = [sys.executable, str(ROOT / "firmware" / "services.py")]

    listed = subprocess.run(command, capture_output=True, check=True).stdout

    assert listed == (ROOT / "pyx86emu/pc/roms/bios.services").read_bytes(), REMEDY


def test_image_fills_its_segment_and_adds_up_to_zero() -> None:
    image = rom("bios")

    assert len(image) == 0x10000
    assert sum(image) & 0xFF == 0


def test_reset_vector_jumps_to_the_post_in_segment_f000() -> None:
    image = rom("bios")

    assert image[0xFFF0] == 0xEA
    assert (word(0xFFF1), word(0xFFF3)) == (symbols()["post"], 0xF000)


def test_date_and_model_stand_in_the_last_bytes() -> None:
    image = rom("bios")

    assert re.fullmatch(rb"\d\d/\d\d/\d\d", image[0xFFF5:0xFFFD])
    assert image[0xFFFE] == 0xFC


@pytest.mark.parametrize(
    ("offset", "target"),
    [
        (0xE05B, "post"),
        (0xE2C3, "int02"),
        (0xE3FE, "int13"),
        (0xE6F2, "int19"),
        (0xE739, "int14"),
        (0xE82E, "int16"),
        (0xE987, "int09"),
        (0xEC59, "int13"),
        (0xEF57, "int0e"),
        (0xEFD2, "int17"),
        (0xF065, "int10"),
        (0xF841, "int12"),
        (0xF84D, "int11"),
        (0xF859, "int15"),
        (0xFE6E, "int1a"),
        (0xFEA5, "int08"),
    ],
)
def test_entry_points_stand_where_programs_call_them(offset: int, target: str) -> None:
    image = rom("bios")

    if image[offset] == 0xEB:  # nasm took a short jump
        goes_to = offset + 2 + int.from_bytes(image[offset + 1 : offset + 2], signed=True)
    else:
        assert image[offset] == 0xE9
        goes_to = offset + 3 + word(offset + 1) & 0xFFFF

    assert goes_to == symbols()[target]


def test_diskette_table_is_that_of_a_1440k_drive() -> None:
    table = rom("bios")[0xEFC7 : 0xEFC7 + 11]

    assert (table[3], table[4], table[8]) == (2, 18, 0xF6)


def test_font_shows_every_printable_character_and_none_twice() -> None:
    font = [rom("bios")[0xFA6E + 8 * c : 0xFA6E + 8 * c + 8] for c in range(0x80)]
    printable = font[0x21:0x7F]

    assert font[0x20] == bytes(8)
    assert all(any(glyph) for glyph in printable)
    assert len(set(printable)) == len(printable)


@pytest.mark.parametrize(
    "source", sorted((ROOT / "firmware").glob("int*.inc")), ids=lambda p: p.stem
)
def test_service_opens_with_its_contract(source: Path) -> None:
    contract = source.read_text("ascii").split("\n\n")[0]

    assert contract.startswith(f"; {source.name}: ")
    assert all(line.startswith(";") for line in contract.splitlines())
    assert "INT " in contract
    assert "Clobbered: " in contract or "Neither returns" in contract
