"""The exercises: say what each program has to do, and what it must not use."""

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STUDENTS = sorted(each.parent.name for each in HERE.glob("*/sum.asm"))
Points = Callable[[int], None]


@pytest.fixture(params=STUDENTS)
def student(request: pytest.FixtureRequest) -> str:
    """Each one in turn."""
    return str(request.param)


@pytest.fixture
def points(student: str, record_property: Callable[[str, object], None]) -> Points:
    """What the exercise is worth."""
    record_property("student", student)
    return lambda number: record_property("points", number)


def test_sum(guest, student: str, points: Points) -> None:  # type: ignore[no-untyped-def]
    """CX = AX + BX."""
    points(1)
    assert guest(f"{student}/sum.asm", ax=1000, bx=234).cx == 1234


@pytest.mark.x86(max_instructions=10_000)
def test_product(guest, student: str, points: Points) -> None:  # type: ignore[no-untyped-def]
    """CX = AX * BX, without MUL."""
    points(2)
    r = guest(f"{student}/product.asm", ax=12, bx=34)
    assert r.cx == 408 and not r.used("mul", "imul")
