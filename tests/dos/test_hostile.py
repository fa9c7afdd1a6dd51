"""Hostile programs: random calls with random registers do not reach the host."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pyx86emu import Dos
from pyx86emu.dos.table import TABLE
from tests.dos.calling import TEXT, Caller
from tests.harness import descriptors

NAMES = (
    *(b"..\\..\\x", b"a.txt", b"*.*", b"NUL", b"con", b"\\", b"", b"c:", b"x" * 200, b"q\xff?"),
    *(b"new", b"sub\\..\\..\\s", b"C:\\A.TXT", b"sub"),
)
WORDS = (0, 1, 2, 5, 0x7F, 0xFF, 0x100, 0x1000, 0x7FFF, 0xFFFF)
#: They end the program, or the one of the test.
ENDING = {0x00, 0x31, 0x4C}
SEEDS = 40


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_calls_stay_inside(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"\xb4\x4c\xcd\x21" * 100)
    before = descriptors()

    with Caller(root=root, write=True, write_limit=1 << 20, stdin=b"keys\n" * 9) as c:
        psp = c.regs.ds
        for _ in range(60):
            ah = rng.choice([n for n in TABLE if n not in ENDING] + [0xFF, 0x0F, 0x69])
            words = {name: rng.choice(WORDS) for name in ("bx", "cx", "si", "di")}
            if rng.random() < 0.5:
                words["es"] = rng.choice([psp, psp, 0xFFFF, 0xB800, 0x40])
            c.regs.al = rng.choice((0, 1, 2, 3, 6, 0x21, 0xFF))
            c.put(TEXT, rng.choice(NAMES) + b"\0")
            c.regs.dx = rng.choice((TEXT, TEXT, 0, 0xFFFE))
            try:
                c.call(ah, **words)
            except AssertionError:
                break  # it was a program of random bytes, or waits: a limit has ended it
            if c.dos.kernel.ended is not None or c.regs.cs != psp:
                break
            c.regs.ds = psp

    assert descriptors() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["root", "secret"]
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_programs_do_not_crash(seed: int) -> None:
    rng = random.Random(seed)
    calls = bytes.fromhex("cd21 cd20 cd27 cd29 cd23 cd16 e610 e617 e61a b44b b43d b46c")
    code = b"".join(
        rng.choice((calls[2 * rng.randrange(12) :][:2], rng.randbytes(2))) for _ in range(2000)
    )

    with Dos(code, stdin=rng.randbytes(100)) as dos:
        result = dos.run(timeout=5, max_instructions=200_000)

        assert dos.kernel.state()
        assert len(result.notes) <= 64


def test_a_port_write_of_the_program_is_no_call() -> None:
    with Dos(bytes.fromhex("b8074c e610 e611 b8094c cd21")) as dos:
        assert dos.run(timeout=1).errorlevel == 9


def test_a_hostile_state_is_refused() -> None:
    with Dos(b"\xc3") as dos:
        good = dos.kernel.state()
        for name in good:
            for bad in (None, "x", -1, 1 << 70, [], [["x"]], {"1": {}}, 2.5):
                if bad == good[name] or (name == "ended" and bad is None):
                    continue
                try:
                    dos.kernel.load({**good, name: bad})  # type: ignore[dict-item]
                except ValueError:
                    pass
                else:
                    assert name in ("searches", "saved", "cwd", "notes", "open", "dta"), (name, bad)
                    dos.kernel.load(good)
        assert dos.kernel.state() == good
