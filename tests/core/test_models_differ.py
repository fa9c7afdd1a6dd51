"""Each row of models.py is shown by a guest, and a swap of two neighbouring models is seen.

The guests are in tests/core/differences.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyx86emu import ExitReason, models
from pyx86emu.models import DIFFERENCES, MODELS, Difference
from tests.core.differences import CASES, UNSEEN, Case
from tests.harness import CODE, HANDLERS, Guest, program

FLAG_BITS = {"CF": 1, "PF": 4, "AF": 0x10, "ZF": 0x40, "SF": 0x80, "OF": 0x800}
#: What FLAGS shows: the six flags above.
ARITHMETIC = 0x8D5
BYTES = ("AL", "AH", "BL", "BH", "CL", "CH", "DL", "DH")


def shown(key: str, value: int) -> str:
    """`AX=1234`: as wide as the register; one digit for flags and IP."""
    if key in FLAG_BITS or key == "IP":
        return f"{key}={value:X}"
    wide = 2 if key in BYTES else 8 if len(key) == 3 else 4
    return f"{key}={value:0{wide}X}"


def rendered(
    end: str, want: str, value: Callable[[str], int], ip: Callable[[], int], flags: int
) -> str:
    """The end and the values that `want` names."""
    words = [end]
    for key in (word.split("=")[0] for word in want.split()[1:]):
        if key in FLAG_BITS:
            words.append(shown(key, int(flags & FLAG_BITS[key] != 0)))
        elif key == "FLAGS":
            words.append(shown(key, flags & ARITHMETIC))
        else:
            words.append(shown(key, ip() if key == "IP" else value(key.lower())))
    return " ".join(words)


def observed(case: Case, model: str, want: str) -> str:
    """What the guest shows, in the words of `want`."""
    with Guest(program(case.code), model=model) as guest:
        for addr, data in case.memory.items():
            guest.ram[addr : addr + len(data) // 2] = bytes.fromhex(data)
        regs = guest.vcpu.regs
        for name, value in case.before.items():
            setattr(regs, name, value)
        exit = case.act(guest)
        end, flags = guest.show(exit), regs.eflags
        frame = (regs.ss << 4) + regs.sp
        vector = regs.ip - HANDLERS - 1
        if exit.reason is ExitReason.MMIO:
            end = f"MMIO{exit.addr:x}"
        elif exit.reason is ExitReason.IO:
            end = f"IO{exit.addr:x}/{exit.size}"
        elif exit.reason is ExitReason.HLT and 0 <= vector < 256:
            end, flags = f"INT{vector}", guest.word(frame + 4)
        return rendered(
            end,
            want,
            lambda name: getattr(regs, name),
            lambda: guest.word(frame) - CODE,
            flags,
        )


# -- the tests ------------------------------------------------------------------------------------


def neighbours() -> Iterator[tuple[Difference, str, str]]:
    """Each row with each pair of neighbouring models that it tells apart."""
    for row in DIFFERENCES:
        for at in range(len(MODELS) - 1):
            if row.values[at] != row.values[at + 1]:
                yield row, MODELS[at], MODELS[at + 1]


PAIRS = tuple(neighbours())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_model_shows_what_its_source_says(case: Case) -> None:
    for model, want in case.wants.items():
        assert observed(case, model, want) == want, model


def test_the_cases_are_of_rows_and_every_row_has_one() -> None:
    assert {case.row for case in CASES} == {row.field for row in DIFFERENCES}
    assert all(case.source and set(case.wants) <= set(MODELS) for case in CASES)


@pytest.mark.parametrize(
    ("row", "older", "newer"), PAIRS, ids=[f"{row.field}-{a}-{b}" for row, a, b in PAIRS]
)
def test_a_swap_of_two_neighbours_is_seen(
    monkeypatch: pytest.MonkeyPatch, row: Difference, older: str, newer: str
) -> None:
    values = list(row.values)
    a, b = MODELS.index(older), MODELS.index(newer)
    values[a], values[b] = values[b], values[a]
    swapped = row._replace(values=tuple(values))  # type: ignore[arg-type]

    monkeypatch.setattr(
        models, "DIFFERENCES", tuple(swapped if d is row else d for d in DIFFERENCES)
    )

    seen = {model: differs(row.field, model) for model in (older, newer)}
    assert any(seen.values())
    for model, differing in seen.items():
        assert differing != ((row.field, model) in UNSEEN), f"on the {model}"


def differs(name: str, model: str) -> bool:
    """Does a case of the row show on this model what it should not?"""
    cases = [case for case in CASES if case.row == name and model in case.wants]
    assert cases, f"no case of {name} says what the {model} does"
    return any(observed(case, model, case.wants[model]) != case.wants[model] for case in cases)


def test_what_cannot_be_seen_is_of_pairs() -> None:
    assert set(UNSEEN) <= {(row.field, model) for row, *pair in PAIRS for model in pair}


@pytest.mark.parametrize(
    ("case", "name"),
    [(case, name) for case in CASES for name in case.vectors],
    ids=[name.replace(" ", "-") for case in CASES for name in case.vectors],
)
def test_a_cited_vector_shows_the_same(
    case: Case, name: str, shared: Callable[[str], Path]
) -> None:
    chip, form, index = name.split()
    shared(f"vectors/{chip}/vectors.npz")
    from tests.tools.vectors import load

    v = load(chip)
    (i,) = (v.of_forms(form) & (v.index == int(index))).nonzero()[0].tolist()
    before, after = (
        dict(zip(v.registers, map(int, v.arrays[part][i]), strict=True))
        for part in ("regs0", "regs1")
    )
    ram: dict[int, int] = {}
    for part in ("ram0", "ram1"):
        ram |= zip(*(a.tolist() for a in v.part(i, f"{part}_addr", f"{part}_val")), strict=True)
    vector = int(v.vector[i])
    frame = (after["ss"] << 4) + after["sp"]

    def word(addr: int) -> int:
        return ram[addr] | ram[addr + 1] << 8

    want = case.wants[chip]
    names = {"eflags": "flags"}
    assert v.part(i, "code")[0].tobytes() == program(case.code)
    assert {k: before[names.get(k, k)] for k in case.before} == dict(case.before)
    assert want == rendered(
        "HLT" if vector < 0 else f"INT{vector}",
        want,
        lambda name: after[name],
        lambda: (word(frame) - before["ip"]) & 0xFFFF,
        after["flags"] if vector < 0 else word(frame + 4),
    )
