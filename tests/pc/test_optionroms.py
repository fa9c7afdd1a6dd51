"""ROMs of others: what is no ROM is refused, each finds its place, the BIOS calls them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, MachineError
from pyx86emu.pc import firmware as roms
from pyx86emu.pc.optionroms import place

MakeMachine = Callable[..., Machine]
HALT = bytes.fromhex("fa f4")


def rom(code: str = "cb", blocks: int = 1, *, ibm: bool = False, sums: bool = True) -> bytes:
    """A ROM with this code at offset 3."""
    data = bytearray(b"\x55\xaa" + bytes((blocks,)) + bytes.fromhex(code))
    data += bytes(blocks * 512 - len(data))
    if ibm:
        data[0x1E:0x21] = b"IBM"
    data[-1] = (-sum(data) + (not sums)) & 0xFF
    return bytes(data)


def says(letter: str) -> str:
    """Code that writes a letter to port E9h."""
    return f"b0{ord(letter):02x} e6e9 cb"


def test_roms_follow_each_other_from_c8000h(machine: MakeMachine) -> None:
    roms = [rom(blocks=3), rom(blocks=65), rom(blocks=1)]

    at = [each.addr for each in place(roms)[1:]]

    assert at == [0xC8000, 0xC8800, 0xD1000]
    m = machine(HALT, option_roms=roms)
    assert [m.vm.read(addr, 3)[2] for addr in at] == [3, 65, 1]
    assert m.vm.read(0xC8000 + 3 * 512, 2) == b"\xff\xff"


def test_a_given_address_comes_first(machine: MakeMachine) -> None:
    placed = place([rom(), (0xC8000, rom(blocks=8)), (0xEF800, rom())])

    assert [each.addr for each in placed] == [0xF0000, 0xC8000, 0xEF800, 0xC9000]


def test_the_bios_calls_them_in_order_and_those_that_add_up(machine: MakeMachine) -> None:
    roms = [rom(says("1")), rom(says("2"), sums=False), rom(says("3")), (0xE0000, rom(says("4")))]
    m = machine(HALT, option_roms=roms)

    m.run(timeout=10)

    assert m.debug_text == "134"
    assert "ROM at C8800h: wrong checksum, not used" in m.screen.text


def test_a_wrong_video_rom_is_named_too(machine: MakeMachine) -> None:
    m = machine(HALT, option_roms=[rom(says("v"), ibm=True, sums=False)])

    m.run(timeout=10)

    assert m.debug_text == ""
    assert "ROM at C0000h: wrong checksum" in m.screen.text


def test_a_video_rom_serves_int_10h_from_the_first_mode_on(machine: MakeMachine) -> None:
    # init: INT 10h = C000:0030; retf. There: push ax; mov al,'v'; out 0E9h,al; pop ax; iret
    code = "31c0 8ed8 c7064000 3000 8c0e4200 cb"
    data = bytearray(rom(code, ibm=True))
    data[0x30:0x37] = bytes.fromhex("50 b076 e6e9 58cf")
    data[-1] = (data[-1] - sum(data)) & 0xFF
    m = machine(HALT, option_roms=[bytes(data)])

    m.run(timeout=10)

    assert m.debug_text == "v"  # the BIOS has set mode 3


def pmm_entry() -> str:
    """Code that calls the entry of $PMM, whose structure adds up to 0."""
    image = roms.rom("bios")
    header = image[image.index(b"$PMM") :][:16]
    assert sum(header) & 0xFF == 0
    return "9a" + header[7:11].hex()


@pytest.mark.parametrize(
    ("flags", "paragraphs", "address", "kib"),
    [(9, 32, 0x9FC00, 639), (9, 65, 0x9F800, 638), (1, 0, 0x8000, 640), (2, 32, 0, 640)],
    ids=["512 bytes", "1040 bytes", "the largest block", "above 1 MiB"],
)
def test_a_rom_gets_memory_of_pmm(
    machine: MakeMachine, flags: int, paragraphs: int, address: int, kib: int
) -> None:
    # push flags, handle FFFFFFFFh, paragraphs, 0; call; add sp,12; ds = 0; [600h] = dx:ax
    push = f"b8{flags:02x}00 50 b8ffff 50 50 31c0 50 b8{paragraphs:02x}00 50 31c0 50"
    m = machine(
        HALT, option_roms=[rom(f"{push} {pmm_entry()} 83c40c 31c9 8ed9 a30006 89160206 cb")]
    )

    m.run(timeout=10)

    assert int.from_bytes(m.vm.read(0x600, 4), "little") == address
    assert int.from_bytes(m.vm.read(0x413, 2), "little") == kib


def test_a_bios_of_ones_own_runs_from_reset(machine: MakeMachine, tmp_path: Path) -> None:
    path = tmp_path / "bios"
    path.write_bytes(bytes.fromhex("b058 e6e9 faf4").ljust(512 - 16, b"\x90") + bytes(16))
    data = bytearray(path.read_bytes())
    data[-16:-11] = bytes.fromhex("ea 00fe 00f0")
    path.write_bytes(data)
    m = machine(None, bios=path)

    exit = m.run(timeout=10)

    assert exit.reason is ExitReason.HLT
    assert m.debug_text == "X"
    assert m.vm.read(0xFF000, 1) == b"\xff"


@pytest.mark.parametrize(
    ("roms", "says"),
    [
        ([b""], "option ROM 1 is no ROM: it has 0 bytes, a ROM has a multiple of 512"),
        ([rom(), rom()[:-1]], "option ROM 2 is no ROM: it has 511 bytes"),
        ([bytes(512)], "option ROM 1 is no option ROM: it does not begin with 55h AAh"),
        ([rom()[:2] + b"\2" + rom()[3:]], "its header says 1024 bytes, and it has 512"),
        ([rom()[:2] + b"\0" + rom()[3:]], "its header says 0 bytes, and it has 512"),
        ([rom() + bytes(128 << 10)], "it has more than 128 KiB"),
        ([(0xC8100, rom())], "cannot be at 0xc8100: give a multiple of 0x800 from 0xc0000"),
        ([(0xF0000, rom())], "cannot be at 0xf0000"),
        ([(-2048, rom())], "cannot be at -0x800"),
        ([(0xC8000, rom()), (0xC8000, rom())], "overlaps option ROM 1 .*give one of them another"),
        ([rom(ibm=True), rom(ibm=True)], "option ROM 2 at 0xc0000-0xc01ff overlaps option ROM 1"),
        ([(0xEF800, rom(blocks=8))], "overlaps the BIOS"),
        ([rom(blocks=255), rom(blocks=100)], "there is no room for option ROM 2"),
    ],
)
def test_what_is_no_rom_is_one_sentence(roms: list[bytes], says: str) -> None:
    with pytest.raises(MachineError, match=says):
        Machine(option_roms=roms)


@pytest.mark.parametrize("bios", [b"", bytes(511), bytes(129 << 10)])
def test_what_is_no_bios_is_refused(bios: bytes) -> None:
    with pytest.raises(MachineError, match="the BIOS is no ROM"):
        Machine(bios=bios)


@pytest.mark.parametrize(
    "wrong", [5, [5], [None], b"\x55\xaa", "path", [(1, 2, 3)], [("a", rom())]]
)
def test_what_is_no_list_of_roms_is_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError):
        Machine(option_roms=wrong)  # type: ignore[arg-type]


def test_files_are_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "rom").write_bytes(rom())
    os.mkfifo(tmp_path / "fifo")

    assert place([tmp_path / "rom", str(tmp_path / "rom")])[2].addr == 0xC8800
    with pytest.raises(MachineError, match="it is no regular file"):
        place([tmp_path / "fifo"])
    with pytest.raises(FileNotFoundError):
        place([tmp_path / "none"])
    with pytest.raises(OSError, match="directory"):
        place([tmp_path])
    with pytest.raises(MachineError, match="it has more than 128 KiB"):
        place(bios=_large(tmp_path))


def _large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(bytes(1 << 20))
    return path
