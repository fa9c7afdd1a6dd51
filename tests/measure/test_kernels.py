"""The kernels: built from their sources, and as many instructions as their listings say."""

from __future__ import annotations

import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pyx86emu.measure.engines import Ours, Unicorn
from pyx86emu.measure.kernels import BIN, KERNELS, Kernel

SOURCES = Path(__file__).resolve().parents[2] / "bench" / "kernels"


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
    (kernel,) = [kernel for kernel in KERNELS if kernel.name == "irq"]
    with closing(Ours(kernel)) as ours:
        ours.run(1_000_000)

        ticks = int.from_bytes(ours.ram[0x600:0x602], "little")
        assert abs(ticks - ours.vm.time / 1e6) < 2


def test_a_wrong_count_is_an_error() -> None:
    kernel = replace(KERNELS[0], count=lambda turns: 6 * turns)

    with closing(Ours(kernel)) as ours, pytest.raises(RuntimeError, match="13 instructions"):
        ours.run(2)


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
