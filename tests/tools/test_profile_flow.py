"""Flow: instructions are as long as capstone says, and each end is found."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu.tools.profile_flow import CALL, INT, JUMP, MOST, RETURN, UNKNOWN, Flow, flow

AT = 0x1000 << 16


#: What comes after 0Fh on an 80486, but for INVLPG and the like.
EXTENDED = (
    *range(4),
    6,
    8,
    9,
    *range(0x80, 0xA4),
    0xA8,
    0xA9,
    *range(0xAB, 0xAE),
    *range(0xAF, 0xB8),
)


@settings(max_examples=2000)
@given(st.binary(min_size=15, max_size=15), st.sampled_from([None, *EXTENDED]))
def test_an_instruction_is_as_long_as_capstone_says(code: bytes, second: int | None) -> None:
    capstone = pytest.importorskip("capstone")
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16)
    if second is not None:
        code = bytes([0x0F, second]) + code
    elif code.lstrip(PREFIXES)[:1] == b"\x0f":
        return
    (found, *_) = [*decoder.disasm_lite(code[:15], 0x100, 1), None]
    if found is None or found[2].startswith("v"):
        return  # none, or of a later model
    size = found[1]

    end = flow(code[:size] + b"\xf4" * 40 + b"\xcf", 0x1000, 0x100, 4)

    # the IRET after the HLTs is found where it is only if the length was right
    if end.last == AT | 0x100:
        assert end.kind == RETURN or end.after == AT | 0x100 + size, (code.hex(), found)
    else:
        assert end.last == AT | 0x100 + size + 40, (code.hex(), found)


PREFIXES = bytes((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("90 90 74 05", Flow(JUMP, (AT | 0x109, AT | 0x104), AT | 0x104, 0, AT | 0x102)),
        ("eb fe", Flow(JUMP, (AT | 0x100,), AT | 0x102, 0, AT | 0x100)),
        ("e8 fd ff", Flow(CALL, (AT | 0x100,), AT | 0x103, 2, AT | 0x100)),
        ("66 e8 fa ff ff ff", Flow(CALL, (AT | 0x100,), AT | 0x106, 4, AT | 0x100)),
        ("9a 00 00 00 f0", Flow(CALL, None, AT | 0x105, 4, AT | 0x100)),
        ("ff 97 34 12", Flow(CALL, None, AT | 0x104, 2, AT | 0x100)),
        ("2e ff 1e 34 12", Flow(CALL, None, AT | 0x105, 4, AT | 0x100)),
        ("0f 84 00 01", Flow(JUMP, (AT | 0x204, AT | 0x104), AT | 0x104, 0, AT | 0x100)),
        ("f3 a4 c2 04 00", Flow(RETURN, None, AT | 0x103, 6, AT | 0x102)),
        ("cb", Flow(RETURN, None, AT | 0x101, 4, AT | 0x100)),
        ("66 cf", Flow(RETURN, None, AT | 0x102, 12, AT | 0x100)),
        ("cd 21", Flow(INT, None, AT | 0x102, 6, AT | 0x100, 0x21)),
        ("b8 cd 21 cc", Flow(INT, None, AT | 0x104, 6, AT | 0x103, 3)),
        ("90", Flow(UNKNOWN, None, AT | 0x101, 0, AT | 0x101)),
    ],
)
def test_what_ends_straight_code(code: str, expected: Flow) -> None:
    assert flow(bytes.fromhex(code), 0x1000, 0x100, 4) == expected


def test_an_8086_has_other_jumps() -> None:
    assert flow(b"\x60\x05\x90", 0, 0, 0).kind == JUMP
    assert flow(b"\xc0\x04\x00", 0, 0, 0) == Flow(RETURN, None, 1, 6, 0)
    assert flow(b"\x60\x05\x90\x90", 0, 0, 1).kind == UNKNOWN


@given(st.binary(max_size=64), st.integers(0, 0xFFFF), st.integers(0, 4))
def test_any_bytes_have_an_end(code: bytes, ip: int, level: int) -> None:
    found = flow(code, 0xFFFF, ip, level)

    assert len(code) < MOST
    assert found.last >> 16 == 0xFFFF
    assert JUMP <= found.kind <= UNKNOWN
