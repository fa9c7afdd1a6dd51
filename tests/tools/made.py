"""Made vectors: a set of a few tests, for tests of the runner. No chip has seen them."""

from __future__ import annotations

import numpy as np

from pyx86emu.tools.conformance import REGISTERS, VectorSet

#: Where the code of a made test lies.
CODE = 0x1000

Test = tuple[bytes, dict[str, int]]


def vector(code: str, **registers: int) -> Test:
    """Code, as hex, and registers of a test. It lists no memory but its code, at 0000:1000."""
    return bytes.fromhex(code), {"ip": CODE, "sp": 0x8000, "flags": 2} | registers


def vectors(*tests: Test) -> VectorSet:
    """A set that expects registers as they were, and nothing of memory."""
    regs = np.array([[r.get(name, 0) for name in REGISTERS] for _, r in tests], np.uint16)
    code = np.frombuffer(b"".join(code for code, _ in tests), np.uint8)
    off = np.cumsum([0, *(len(code) for code, _ in tests)]).astype(np.uint32)
    addr = np.concatenate([CODE + np.arange(len(code)) for code, _ in tests]).astype(np.uint32)
    none = np.zeros(len(tests) + 1, np.uint32)
    return VectorSet(
        {
            "form_name": np.array([b"made"]),
            "form_start": np.array([0, len(tests)], np.uint32),
            "index": np.arange(len(tests)).astype(np.uint16),
            "regs0": regs,
            "regs1": regs,
            "fmask": np.full(len(tests), 0xFFFF, np.uint16),
            "vector": np.full(len(tests), -1, np.int16),
            "code_off": off,
            "code": code,
            "ram0_off": off,
            "ram0_addr": addr,
            "ram0_val": code,
            "ram1_off": none,
            "ram1_addr": np.zeros(0, np.uint32),
            "ram1_val": np.zeros(0, np.uint8),
            "ram1_mask": np.zeros(0, np.uint8),
            "name_off": none,
            "name": np.zeros(0, np.uint8),
        }
    )
