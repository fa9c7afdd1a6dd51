"""Flags against references of a few lines; the instructions run in compiled code, over arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyx86emu import _core
from pyx86emu.models import MODELS
from pyx86emu.tools.conformance import FLAGS, REGISTERS, SP
from tests.harness import Guest

Array = NDArray[np.int64]

CF, PF, AF, ZF, SF, OF = 1, 4, 0x10, 0x40, 0x80, 0x800
ALL = CF | PF | AF | ZF | SF | OF
EVEN = np.array([PF * (bin(i).count("1") % 2 == 0) for i in range(256)])
STACK = 0x2000
PAIRS: Array = np.arange(0x10000)


class After(NamedTuple):
    """What an instruction left; `flags` are the ones pushed if it faulted."""

    eax: Array
    ebx: Array
    ecx: Array
    edx: Array
    flags: Array
    faulted: Array


def execute(model: str, code: str, *, flags: Any = 0, **regs: Any) -> After:
    """Run the instruction once for each element of the registers (eax, ebx, ecx, edx)."""
    n = max(np.size(v) for v in (flags, *regs.values()))
    before = np.zeros((n, 14), np.uint32)
    for k, name in enumerate(("eax", "ebx", "ecx", "edx")):
        before[:, k] = regs.get(name, 0)
    before[:, REGISTERS.index("cs")] = 0x1000
    before[:, SP] = STACK
    before[:, FLAGS] = np.asarray(flags) | 2
    text = bytes.fromhex(code)
    off = np.arange(n + 1, dtype=np.uint32)
    after, error = np.zeros_like(before), np.zeros(n, np.uint8)
    pushed = np.zeros(2 * n, np.uint8)
    _core.run_vectors(
        model,
        before,
        off * len(text),
        np.tile(np.arange(0x10000, 0x10000 + len(text), dtype=np.uint32), n),
        np.tile(np.frombuffer(text, np.uint8), n),
        off * 2,
        np.tile(np.array([STACK - 2, STACK - 1], np.uint32), n),
        after,
        pushed,
        error,
    )
    assert not error.any()
    r = after.astype(np.int64)
    faulted = r[:, SP] == STACK - 6
    frame = pushed[::2] | pushed[1::2].astype(np.int64) << 8
    return After(*r[:, :4].T, np.where(faulted, frame, r[:, FLAGS]) & ALL, faulted)


def agree(got: Array, want: Any, mask: int, *inputs: Any) -> None:
    """Fail with the first inputs that give something else."""
    bad = np.flatnonzero((got ^ want) & mask)
    if len(bad):
        i = bad[0]
        row = [f"{int(np.broadcast_to(v, got.shape)[i]):x}" for v in inputs]
        expected = int(np.broadcast_to(want, got.shape)[i]) & mask
        pytest.fail(
            f"{len(bad)} differ, first {row}: got {int(got[i]) & mask:x}, want {expected:x}"
        )


# -- references -----------------------------------------------------------------------------------


def szp(r: Any, width: int) -> Any:
    """SF ZF PF of a result."""
    return (r == 0) * ZF | (r >> (width - 1) & 1) * SF | EVEN[r & 255]


def total(a: Any, b: Any, c: Any, width: int) -> tuple[Any, Any]:
    """a + b + c and its flags."""
    r = a + b + c
    cut = r & ((1 << width) - 1)
    of = ((a ^ r) & (b ^ r)) >> (width - 1) & 1
    return cut, szp(cut, width) | (r >> width) * CF | ((a ^ b ^ r) & 16) | of * OF


def difference(a: Any, b: Any, c: Any, width: int) -> tuple[Any, Any]:
    """a - b - c and its flags."""
    r = a - b - c
    cut = r & ((1 << width) - 1)
    of = ((a ^ b) & (a ^ r)) >> (width - 1) & 1
    return cut, szp(cut, width) | (r < 0) * CF | ((a ^ b ^ r) & 16) | of * OF


def alu(op: int, a: Any, b: Any, cf: Any, width: int) -> tuple[Any, Any, int]:
    """Result, flags and which of them are defined."""
    if op in (0, 2):
        return *total(a, b, cf if op == 2 else 0, width), ALL
    if op in (3, 5, 7):
        r, f = difference(a, b, cf if op == 3 else 0, width)
        return (a if op == 7 else r), f, ALL
    r = a | b if op == 1 else a & b if op == 4 else a ^ b
    return r, szp(r, width), ALL & ~AF


def shifted(op: int, a: Any, n: Any, f: Any, width: int) -> tuple[Any, Any]:
    """`a` after n single-bit shifts or rotates, and the flags (AF aside)."""
    top, ones = width - 1, (1 << width) - 1
    r, f = a + 0 * n, f + 0 * n
    for i in range(int(np.max(n))):
        go, cf = i < n, f & CF
        if op in (0, 2, 4, 6):
            out = r >> top & 1
            new = r << 1 & ones | (out if op == 0 else cf if op == 2 else 0)
            of = new >> top & 1 ^ out
        else:
            out = r & 1
            into = out if op == 1 else cf if op == 3 else 0 if op == 5 else r >> top & 1
            new = r >> 1 | into << top
            of = (new >> top ^ new >> (top - 1)) & 1
        kept = f & ~(CF | OF) if op < 4 else szp(new, width)
        r, f = np.where(go, new, r), np.where(go, kept | out * CF | of * OF, f)
    return r, f


def defined(op: int, n: Any, width: int) -> Any:
    """Flags of a shift or rotate by n that the manuals define."""
    mask = np.where(n > 1, ALL & ~OF, ALL)
    if op < 4:
        return mask
    mask = np.where(n > 0, mask & ~AF, mask)
    return np.where((n >= width) & (op != 7), mask & ~CF, mask)


# -- ALU ------------------------------------------------------------------------------------------

OPS = ("ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP")
SHIFTS = ("ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SHL again", "SAR")


@pytest.mark.parametrize("op", range(8), ids=OPS)
@pytest.mark.parametrize("cf", (0, 1))
@pytest.mark.parametrize("model", ("8086", "80486"))
def test_alu_on_all_pairs_of_bytes(op: int, cf: int, model: str) -> None:
    a, b = PAIRS & 255, PAIRS >> 8

    after = execute(model, f"{8 * op:02x}d8", eax=a, ebx=b, flags=cf | (ALL - CF) * (1 - cf))

    r, f, mask = alu(op, a, b, cf, 8)
    agree(after.eax, r, 0xFF, a, b)
    agree(after.flags, f, mask, a, b)


words = st.one_of(
    st.integers(0, 0xFFFFFFFF),
    st.sampled_from([0, 1, 0xF, 0x10, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF]),
    st.sampled_from([0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
)
rows = st.lists(st.tuples(words, words, st.integers(0, 255)), min_size=1, max_size=40)


def columns(rows: list[tuple[int, int, int]], width: int) -> tuple[Array, Array, Array]:
    """Two operands of the width and a byte."""
    a, b, n = np.array(rows, np.int64).T
    ones = (1 << width) - 1
    return a & ones, b & ones, n


@pytest.mark.parametrize("width", (16, 32))
@settings(deadline=None, max_examples=40)
@given(rows=rows, op=st.integers(0, 7), cf=st.integers(0, 1))
def test_alu_on_words(width: int, rows: list[tuple[int, int, int]], op: int, cf: int) -> None:
    a, b, _ = columns(rows, width)

    after = execute("80486", f"{'66' * (width == 32)}{8 * op + 1:02x}d8", eax=a, ebx=b, flags=cf)

    r, f, mask = alu(op, a, b, cf, width)
    agree(after.eax, r, -1, a, b)
    agree(after.flags, f, mask, a, b)


@pytest.mark.parametrize("before", (0, CF, ALL))
def test_inc_dec_neg_not_on_all_bytes(before: int) -> None:
    a = PAIRS[:256]
    kept = np.full(256, before)
    r, f = total(a, 1, 0, 8)
    agree(execute("80486", "fec0", eax=a, flags=before).flags, f & ~CF | before & CF, ALL, a)
    r, f = difference(a, 1, 0, 8)
    agree(execute("80486", "fec8", eax=a, flags=before).flags, f & ~CF | before & CF, ALL, a)
    r, f = difference(0, a, 0, 8)
    after = execute("80486", "f6d8", eax=a, flags=before)
    agree(after.flags, f, ALL, a)
    agree(after.eax, r, 0xFF, a)
    after = execute("80486", "f6d0", eax=a, flags=before)
    agree(after.flags, kept, ALL, a)
    agree(after.eax, ~a, 0xFF, a)


# -- shifts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", range(8), ids=SHIFTS)
@pytest.mark.parametrize("before", (0, ALL))
@pytest.mark.parametrize("model", ("8086", "80286", "80386", "80486"))
def test_shifts_of_all_bytes_by_cl(op: int, before: int, model: str) -> None:
    if op == 6 and model == "8086":
        pytest.skip("SETMOC, shown by the vectors")
    a, cl = PAIRS & 255, PAIRS >> 8
    n = cl if model == "8086" else cl & 31

    after = execute(model, f"d2{0xC0 | op << 3:02x}", eax=a, ecx=cl, flags=before)

    r, f = shifted(op, a, n, np.full_like(a, before), 8)
    agree(after.eax, r, 0xFF, a, cl)
    agree(after.flags & defined(op, n, 8), f & defined(op, n, 8), ALL, a, cl)


@pytest.mark.parametrize("width", (16, 32))
@pytest.mark.parametrize("form", ("one", "cl", "constant"))
@settings(deadline=None, max_examples=30)
@given(rows=rows, op=st.sampled_from([0, 1, 2, 3, 4, 5, 7]), before=st.sampled_from([0, CF, ALL]))
def test_shifts_of_words(
    form: str, width: int, rows: list[tuple[int, int, int]], op: int, before: int
) -> None:
    a, _, n = columns(rows, width)
    n = n & 31 if form == "cl" else np.full_like(n, 1 if form == "one" else n[0] & 31)
    prefix, modrm = "66" * (width == 32), f"{0xC0 | op << 3:02x}"
    code = {"one": f"d1{modrm}", "cl": f"d3{modrm}", "constant": f"c1{modrm}{int(n[0]):02x}"}[form]

    after = execute("80486", prefix + code, eax=a, ecx=n, flags=before)

    r, f = shifted(op, a, n, np.full_like(a, before), width)
    agree(after.eax, r, -1, a, n)
    agree(after.flags & defined(op, n, width), f & defined(op, n, width), ALL, a, n)


@pytest.mark.parametrize("width", (16, 32))
@pytest.mark.parametrize("right", (False, True))
@settings(deadline=None, max_examples=30)
@given(rows=rows)
def test_double_shifts(right: bool, width: int, rows: list[tuple[int, int, int]]) -> None:
    a, b, n = columns(rows, width)
    n = n % (width + 1) & 31

    code = f"{'66' * (width == 32)}0f{'ad' if right else 'a5'}d8"
    after = execute("80486", code, eax=a, ebx=b, ecx=n, flags=OF | CF)

    both = [
        (int(y) << width | int(x)) if right else (int(x) << width | int(y))
        for x, y in zip(a, b, strict=True)
    ]
    ones = (1 << width) - 1
    r = [
        (v >> k if right else v << k >> width) & ones for v, k in zip(both, n.tolist(), strict=True)
    ]
    out = [
        (v >> (k - 1) if right else v >> (2 * width - k)) & 1 if k else 1
        for v, k in zip(both, n.tolist(), strict=True)
    ]
    agree(after.eax, np.array(r), -1, a, b, n)
    want = np.where(n > 0, szp(np.array(r), width) | np.array(out), CF)
    agree(after.flags, want, CF, a, b, n)
    agree(after.flags * (n > 0), want * (n > 0), SF | ZF | PF, a, b, n)
    moved = (np.array(r) ^ a) >> (width - 1) & 1
    agree(after.flags * (n == 1), moved * OF * (n == 1), OF, a, b, n)


def test_80386_shifts_of_a_byte_by_16_and_24_set_cf_as_by_8() -> None:
    for op, bit in ((4, 1), (5, 0x80)):
        for n in (16, 24):
            a = PAIRS[:256]
            after = execute("80386", f"d2{0xC0 | op << 3:02x}", eax=a, ecx=n)
            agree(after.flags, (a & bit != 0) * CF, CF, a)
            assert not (execute("80486", f"d2{0xC0 | op << 3:02x}", eax=a, ecx=n).flags & CF).any()


@settings(deadline=None, max_examples=30)
@given(rows=rows)
def test_80386_bit_tests_set_of_as_a_rotation_does(rows: list[tuple[int, int, int]]) -> None:
    a, b, _ = columns(rows, 16)

    after = execute("80386", "0fa3d8", eax=a, ebx=b, flags=ALL - CF)

    turned = ((a << 16 | a) >> (b & 15)) & 0xFFFF
    want = (turned & 1) * CF | ((turned >> 15 ^ turned >> 14) & 1) * OF | ALL & ~(CF | OF)
    agree(after.flags, want, ALL, a, b)


# -- multiplication, division, decimal ------------------------------------------------------------


def signed(v: Any, width: int) -> Any:
    """The value of `width` bits in two's complement."""
    return v - ((v >> (width - 1) & 1) << width)


@pytest.mark.parametrize("model", MODELS)
def test_products_of_all_pairs_of_bytes(model: str) -> None:
    a, b = PAIRS & 255, PAIRS >> 8
    for modrm, p, fits in (
        ("e3", a * b, a * b < 256),
        ("eb", signed(a, 8) * signed(b, 8), abs(2 * signed(a, 8) * signed(b, 8) + 1) < 256),
    ):
        after = execute(model, "f6" + modrm, eax=a, ebx=b)
        agree(after.eax, p, 0xFFFF, a, b)
        agree(after.flags, np.where(fits, 0, CF | OF), CF | OF, a, b)
        high = p >> 8 & 255
        if model == "80286":
            agree(after.flags, szp(high, 8) | AF, SF | ZF | PF | AF, a, b)
        elif model == "8086" and modrm == "eb":
            _, f = total(high, 0, p >> 7 & 1, 8)
            agree(after.flags, f, SF | ZF | PF | AF, a, b)


def divided(model: str, n: Array, d: Array, size: int) -> tuple[Array, Array, Array]:
    """Quotients, remainders and all flags of DIV: bit by bit, as the chips do it."""
    ones = (1 << size) - 1
    a, low, q = n >> size, n & ones, n * 0
    flags = difference(a, d, 0, size)[1]
    for _ in range(size):
        out, a, low = a >> size - 1, (a << 1 | low >> size - 1) & ones, low << 1 & ones
        taken = (out | (a >= d)) != 0
        compares = out == 0 if model == "8086" else True
        flags = np.where(compares, difference(a, d, 0, size)[1], flags)
        a, q = np.where(taken, a - d & ones, a), q << 1 | taken
    if model == "80286":
        return q, a, szp(a, size) | AF | (flags & CF) * (CF | OF)
    return q, a, flags & ~CF | (q >> size - 1 ^ 1)


@pytest.mark.parametrize("size", (8, 16))
@pytest.mark.parametrize("model", ("8086", "80286"))
def test_div_leaves_what_its_steps_leave(model: str, size: int) -> None:
    rng = np.random.default_rng(5)
    d = rng.integers(1, 1 << size, 6000) >> rng.integers(0, size, 6000) | 1
    n = rng.integers(0, d << size)
    q, r, f = divided(model, n, d, size)

    after = execute(model, "f6f3" if size == 8 else "f7f3", eax=n, edx=n >> 16, ebx=d)

    assert not after.faulted.any()
    got = (after.edx & 0xFFFF) << 16 | after.eax & 0xFFFF if size == 16 else after.eax & 0xFFFF
    agree(got, r << size | q, -1, n, d)
    agree(after.flags, f, ALL, n, d)


@pytest.mark.parametrize("size", (8, 16))
def test_8086_idiv_leaves_what_the_steps_of_the_magnitudes_leave(size: int) -> None:
    rng = np.random.default_rng(6)
    most = 1 << size - 1
    d = rng.integers(1, most, 6000) >> rng.integers(0, size, 6000) | 1
    n = rng.integers(0, d * most)
    minus_n, minus_d = rng.integers(0, 2, (2, 6000))
    *_, f = divided("8086", n, d, size)
    signed = np.where(minus_n, -n, n)
    divisor = np.where(minus_d, -d, d)

    code = "f6fb" if size == 8 else "f7fb"
    after = execute("8086", code, eax=signed & 0xFFFFFFFF, edx=signed >> 16 & 0xFFFF, ebx=divisor)

    assert not after.faulted.any()
    agree(after.flags, f & ~(CF | OF), ALL, n, d)


def test_the_last_compare_of_an_8086_division_follows_from_its_result() -> None:
    # Every byte division whose divisor has the top bit 0; the core takes this instead of the steps.
    n, d = np.meshgrid(PAIRS, np.arange(1, 128))
    fits = n >> 8 < d
    n, d = n[fits], d[fits]

    q, r, flags = divided("8086", n, d, 8)

    last = difference(r + d * (q & 1), d, 0, 8)[1] & ~CF | (q >> 7 ^ 1)
    assert np.array_equal(flags, last)


def test_8086_division_that_overflows_pushes_the_first_compare() -> None:
    n, d = PAIRS & 0xFF00, PAIRS & 255
    n, d = n[n >> 8 >= d], d[n >> 8 >= d]

    after = execute("8086", "f6f3", eax=n, ebx=d, flags=ALL)

    assert after.faulted.all()
    agree(after.flags, difference(n >> 8, d, 0, 8)[1], ALL, n, d)


def test_80286_idiv_misses_an_overflow_that_looks_like_minus_128() -> None:
    after = execute(
        "80286", "f6fb", eax=[0x81C1, 0x8C60, 0xB0E3, 0x63B9], ebx=[0x7C, 0x67, 0x1E, 0xB9]
    )

    assert after.eax.tolist() == [0xC180, 0xE080, 0xE380, 0x3980]
    assert not after.faulted.any()


def test_80286_idiv_that_faults_pushes_the_flags_of_what_it_got() -> None:
    # A remainder that is the divisor counts as 0; CF and OF are the carry of the last step.
    n = [0xF200, 0xAC52, 0x8C00, 0x1D00, 0x3AFB, 0x950A]
    d = [0xFA, 0x29, 0x22, 0x1A, 0, 0xFF]

    after = execute("80286", "f6fb", eax=n, ebx=d)

    zap = ZF | AF | PF
    carried = CF | OF
    assert after.faulted.all()
    assert after.flags.tolist() == [zap, AF, zap | carried, zap, SF | AF, carried | AF | PF]


@pytest.mark.parametrize("model", ("80386", "80486"))
def test_div_changes_flags_as_programs_that_look_for_a_cyrix_expect(model: str) -> None:
    after = execute(model, "f6f3", eax=5, ebx=2, flags=0)

    assert after.eax.tolist() == [0x0102]
    assert after.flags.any()


@pytest.mark.parametrize("model", MODELS)
def test_decimal_adjustments_of_all_bytes(model: str) -> None:
    cases = PAIRS[:1024]
    al, cf, af = cases & 255, cases >> 8 & 1, cases >> 9
    low = ((al & 15) > 9) | (af == 1)
    old = model in ("8086", "80186")
    high = (al > np.where(low & (af == 1), 0x9F, 0x99) if old else al > 0x99) | (cf == 1)
    for code, sub in (("27", False), ("2f", True)):
        after = execute(model, code, eax=al, flags=cf * CF | af * AF)
        r, f = (difference if sub else total)(al, low * 6 + high * 0x60, 0, 8)
        carry = high | (low & (al < 6) if sub and not old else False)
        agree(after.eax, r, 0xFF, al, cf, af)
        agree(after.flags, f & ~(CF | AF) | carry * CF | low * AF, ALL, al, cf, af)
    for code, sub in (("37", False), ("3f", True)):
        after = execute(model, code, eax=0x1200 | al, flags=cf * CF | af * AF)
        r, f = (difference if sub else total)(al, low * 6, 0, 8)
        agree(after.eax, r & 15, 0xFF, al, cf, af)
        agree(after.flags, f & ~(CF | AF) | low * (CF | AF), ALL, al, cf, af)


def test_aam_and_aad_on_all_bytes_and_bases() -> None:
    a, base = PAIRS & 255, 1 + PAIRS // 256 % 255
    for k in (1, 7, 10, 16, 255):
        after = execute("80286", f"d4{k:02x}", eax=a)
        agree(after.eax, a // k << 8 | a % k, 0xFFFF, a)
        agree(after.flags, szp(a % k, 8), SF | ZF | PF, a)
        after = execute("80286", f"d5{k:02x}", eax=a << 8 | base)
        r, f = total(base, a * k & 255, 0, 8)
        agree(after.eax, r, 0xFFFF, a, base)
        agree(after.flags, f & ~OF | (f & CF) * OF, ALL, a, base)
        f = total(base, a * k & 255, 0, 8)[1]
        agree(execute("8086", f"d5{k:02x}", eax=a << 8 | base).flags, f, ALL, a, base)


# -- any six flags --------------------------------------------------------------------------------


def condition(number: int, f: int) -> bool:
    """Whether Jcc `number` jumps."""
    less = bool(f & SF) != bool(f & OF)
    held = (f & OF, f & CF, f & ZF, f & (CF | ZF), f & SF, f & PF, less, less or f & ZF)
    return bool(held[number >> 1]) != bool(number & 1)


@pytest.mark.parametrize("load", ("9d", "cf", "9e"), ids=("POPF", "IRET", "SAHF"))
def test_any_combination_of_flags_is_kept_and_means_what_it_says(load: str) -> None:
    bits = (CF, PF, AF, ZF, SF, OF)
    code = {"9d": "50 9d", "cf": "50 0e 680610 cf", "9e": "86e0 9e"}[load]
    setcc = "".join(f"0f{0x90 + cc:02x}06{cc:02x}30" for cc in range(16))
    with Guest() as guest:
        for mask in range(64):
            f = sum(bit for i, bit in enumerate(bits) if mask >> i & 1)
            if load == "9e" and f & OF:
                continue
            guest.start(bytes.fromhex(code + "9c" + setcc + "9f"))
            guest.vcpu.regs.ax = f | 2

            guest.exits()

            pushed = guest.word(guest.vcpu.regs.sp)
            assert pushed & ALL == f
            assert guest.vcpu.regs.ah == f & 0xD5 | 2
            seen = [guest.ram[0x3000 + cc] for cc in range(16)]
            assert seen == [condition(cc, f) for cc in range(16)]
