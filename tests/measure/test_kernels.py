"""The kernels: built from their sources, and as many instructions as their listings say."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from math import gcd, isqrt
from pathlib import Path
from typing import Any

import pytest

from pyx86emu.measure.engines import Ours, Unicorn
from pyx86emu.measure.kernels import BIN, ENTRY, KERNELS, Kernel

HLT = 0xF4
REP = (0xF2, 0xF3)

SOURCES = Path(__file__).resolve().parents[2] / "bench" / "kernels"


def named(name: str) -> Kernel:
    (kernel,) = [kernel for kernel in KERNELS if kernel.name == name]
    return kernel


def word(ours: Ours, at: int) -> int:
    return int.from_bytes(ours.ram[at : at + 2], "little")


@pytest.mark.parametrize("source", sorted(SOURCES.glob("*.asm")), ids=lambda path: path.stem)
def test_a_kernel_is_built_from_its_source(source: Path, nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "kernel.bin"

    command = [nasm, "-w+error", "-f", "bin", str(source), "-o", str(built)]
    subprocess.run(command, cwd=SOURCES, check=True)

    assert built.read_bytes() == (Path(BIN) / f"{source.stem}.bin").read_bytes(), "make kernels"


def test_every_source_is_a_kernel() -> None:
    assert {kernel.program or kernel.name for kernel in KERNELS} == {
        source.stem for source in SOURCES.glob("*.asm")
    }


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_takes_the_instructions_of_its_listing(kernel: Kernel) -> None:
    with closing(Ours(kernel)) as ours:
        for turns in (1, 2, 30):
            ours.run(turns)  # raises if the count is another


def test_interrupts_come_at_one_kilohertz() -> None:
    with closing(Ours(named("irq"))) as ours:
        ours.run(1_000_000)

        assert abs(word(ours, 0x600) - ours.vm.time / 1e6) < 2


def test_a_wrong_count_is_an_error() -> None:
    kernel = replace(KERNELS[0], count=lambda turns: 6 * turns)

    with closing(Ours(kernel)) as ours, pytest.raises(RuntimeError, match="13 instructions"):
        ours.run(2)


# -- the compiler: its count is a number, and what it compiled has a result -----------------------


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_the_compiler_takes_as_many_single_steps(turns: int) -> None:
    kernel = named("compiler")
    with closing(Ours(kernel)) as ours:
        vcpu = ours.vcpu
        vcpu.regs.cs, vcpu.regs.eip, vcpu.regs.ecx = 0, ENTRY, turns
        steps = 1
        while vcpu.regs.cs != 0 or ours.ram[vcpu.regs.ip] != HLT:
            vcpu.step()
            steps += 1

        assert steps == kernel.count(turns)


@pytest.mark.parametrize("turns", [1, 2, 5])
def test_the_compiler_takes_as_many_instructions_in_unicorn(turns: int) -> None:
    unicorn = pytest.importorskip("unicorn")
    from unicorn import x86_const

    kernel = named("compiler")
    seen, before = 0, 0

    def count(uc: Any, address: int, size: int, user: Any) -> None:
        """Called for every iteration, and once more when a REP finds CX to be 0 behind its last."""
        nonlocal seen, before
        again = address == before and uc.mem_read(address, 1)[0] in REP
        seen += not (again and uc.reg_read(x86_const.UC_X86_REG_CX) == 0)
        before = address

    with closing(Unicorn(kernel)) as peer:
        peer.uc.hook_add(unicorn.UC_HOOK_CODE, count)
        peer.run(turns)

    assert seen == kernel.count(turns)


def test_what_the_compiler_made_computes_what_python_does() -> None:
    """The program is bench/kernels/compiler.toy."""
    primes = sum(n for n in range(2, 60) if all(n % d for d in range(2, n)))
    steps, n = 0, 27
    while n > 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    first, second = 0, 1
    for _ in range(40):
        first, second = second, (first + second) % 1000
    days = (153 * (10 - 3) + 2) // 5 + 15 - 1
    check = primes * 10 + gcd(1071, 462) + steps

    with closing(Ours(named("compiler"))) as ours:
        ours.run(3)

        assert word(ours, 0x600) == check * 3 + isqrt(2000) - first // (second + 1) + days % 7
        assert word(ours, 0x602) == 3, "turns with the right result"


@pytest.mark.parametrize(
    ("found", "put"), [(b"number < 60", b"number < 59"), (b"let a ", b"let 1 "), (b"}", b")")]
)
def test_a_compiler_that_fails_is_noticed(found: bytes, put: bytes) -> None:
    """A wrong result or a source in error ends the kernel early."""
    kernel = named("compiler")
    with closing(Ours(kernel)) as ours:
        at = ENTRY + kernel.code.index(found)
        ours.ram[at : at + len(put)] = put

        with pytest.raises(RuntimeError, match="HLT after"):
            ours.run(1)
        assert word(ours, 0x602) == 0


# -- the peers ------------------------------------------------------------------------------------


def test_unicorn_computes_the_same(subtests: pytest.Subtests) -> None:
    """The peers run the very same work: memory is equal afterwards."""
    pytest.importorskip("unicorn")
    for kernel in KERNELS:
        if kernel.chips:
            continue
        with (
            subtests.test(kernel.name),
            closing(Ours(kernel)) as ours,
            closing(Unicorn(kernel)) as peer,
        ):
            ours.run(2)
            peer.run(2)

            assert bytes(ours.ram[0:0x5000]) == bytes(peer.uc.mem_read(0, 0x5000))
            assert bytes(ours.ram[0x10000:]) == bytes(peer.uc.mem_read(0x10000, 0xF0000))
