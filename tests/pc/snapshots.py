"""Snapshots of a VGA in the modes of the BIOS, made without a machine. Knows no guest.

The registers are the ones that IBM's PS/2 BIOS sets, as its technical reference has them.
"""

from __future__ import annotations

from typing import Any

from pyx86emu.pc.devices.vga.snapshot import VgaSnapshot

PLANE = 0x10000
EGA = "00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f"
CGA16 = "00 01 02 03 04 05 06 07 10 11 12 13 14 15 16 17"

#: mode -> (misc, sequencer, CRTC, graphics, attribute)
REGISTERS = {
    0x01: (
        0x67,
        "0308030002",
        "2d2728902ba0bf1f004f0d0e00000000 9c8e8f141f96b9a3ff",
        "0000000000100e00ff",
        EGA + "0c000f0800",
    ),
    0x03: (
        0x67,
        "0300030002",
        "5f4f50825581bf1f004f0d0e00000000 9c8e8f281f96b9a3ff",
        "0000000000100e00ff",
        EGA + "0c000f0800",
    ),
    0x04: (
        0x63,
        "0309030002",
        "2d2728902b80bf1f00c1000000000000 9c8e8f140096b9a2ff",
        "0000000000300f0fff",
        "00131517020406071011121314151617 0100030000",
    ),
    0x06: (
        0x63,
        "0301010006",
        "5f4f50825480bf1f00c1000000000000 9c8e8f280096b9c2ff",
        "0000000000000d0fff",
        "00" + "17" * 15 + "0100010000",
    ),
    0x07: (
        0x66,
        "0300030002",
        "5f4f50825581bf1f004f0d0e00000000 9c8e8f280f96b9a3ff",
        "0000000000100a00ff",
        "00080808080808081018181818181818 0e000f0800",
    ),
    0x0D: (
        0x63,
        "03090f0006",
        "2d2728902b80bf1f00c0000000000000 9c8e8f140096b9e3ff",
        "000000000000050fff",
        CGA16 + "01000f0000",
    ),
    0x0E: (
        0x63,
        "03010f0006",
        "5f4f50825480bf1f00c0000000000000 9c8e8f280096b9e3ff",
        "000000000000050fff",
        CGA16 + "01000f0000",
    ),
    0x0F: (
        0xA2,
        "03010f0006",
        "5f4f50825480bf1f0040000000000000 83855d280f63bae3ff",
        "000000000000050fff",
        "00080000181800000008000000180000 0b00050000",
    ),
    0x10: (
        0xA3,
        "03010f0006",
        "5f4f50825480bf1f0040000000000000 83855d280f63bae3ff",
        "000000000000050fff",
        EGA + "01000f0000",
    ),
    0x11: (
        0xE3,
        "03010f0006",
        "5f4f508254800b3e0040000000000000 ea8cdf2800e704c3ff",
        "000000000000050fff",
        "00" + "3f" * 15 + "01000f0000",
    ),
    0x12: (
        0xE3,
        "03010f0006",
        "5f4f508254800b3e0040000000000000 ea8cdf2800e704e3ff",
        "000000000000050fff",
        EGA + "01000f0000",
    ),
    0x13: (
        0x63,
        "03010f000e",
        "5f4f50825480bf1f0041000000000000 9c8e8f284096b9a3ff",
        "000000000040050fff",
        "000102030405060708090a0b0c0d0e0f 41000f0000",
    ),
}


def dac() -> bytes:
    """A DAC of 256 different colours: number n is (n & 3Fh, n >> 2, 3Fh - (n & 3Fh))."""
    return bytes(value for n in range(256) for value in (n & 0x3F, n >> 2, 0x3F - (n & 0x3F)))


def snapshot(
    mode: int, planes: dict[int, dict[int, bytes]] | None = None, **changed: Any
) -> VgaSnapshot:
    """The VGA in this mode, with these bytes at these addresses of these planes."""
    misc, sequencer, crtc, graphics, attribute = REGISTERS[mode]
    memory = bytearray(4 * PLANE)
    for plane, parts in (planes or {}).items():
        for at, data in parts.items():
            memory[plane * PLANE + at : plane * PLANE + at + len(data)] = data
    shown = VgaSnapshot(
        misc=misc,
        feature=0,
        sequencer=bytes.fromhex(sequencer),
        crtc=bytes.fromhex(crtc),
        graphics=bytes.fromhex(graphics),
        attribute=bytes.fromhex(attribute),
        attribute_index=0x20,
        dac=dac(),
        dac_mask=0xFF,
        cga_mode=0,
        cga_color=0,
        planes=bytes(memory),
        frame=0,
    )
    return shown._replace(**changed)


def with_bytes(registers: bytes, changes: dict[int, int]) -> bytes:
    """The registers with some of them changed."""
    changed = bytearray(registers)
    for index, value in changes.items():
        changed[index] = value
    return bytes(changed)
