"""Sibling calls: a build that lost them overflows a small stack at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyx86emu import ExitReason
from tests.harness import Guest, Running, program

#: mov ecx,14285714; l: add ax,bx; xor dx,ax; jmp n; n: inc si; call s; dec ecx; jnz l; hlt; s: ret
LOOP = bytes.fromhex("66b9cdfbd900 01d8 31c2 eb00 46 e80500 6649 75f2 f4 c3")


@contextmanager
def small_stacks() -> Iterator[None]:
    """Threads that start in the block have 256 KiB."""
    before = threading.stack_size(256 * 1024)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_a_hundred_million_instructions_fit_a_stack_of_256_kib() -> None:
    with Guest(LOOP) as guest, small_stacks():
        assert Running(guest.vcpu.run).result(240).reason is ExitReason.HLT

        assert guest.vcpu.instructions >= 100_000_000


def test_a_budget_of_twenty_million_instructions_needs_little_stack() -> None:
    with Guest(program("40 01c3 ebfb  ; again: inc ax; add bx,ax; jmp again")) as guest:
        with small_stacks():
            run = Running(lambda: guest.vcpu.run(20_000_000))

        assert run.result(120).reason is ExitReason.BUDGET
