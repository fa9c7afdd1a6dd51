"""History and coverage of guests that loop: exactly what single steps find, in every mixture."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack

import pytest

from pyx86emu import Vm
from pyx86emu.observe import Observers
from pyx86emu.tools.coverage import Coverage
from tests.core.guests import Looping, Place, Stepped, run

MODELS = ("8086", "80186", "80286", "80386", "80486")


def edges_of(blocks: list[Place]) -> dict[int, int]:
    """AFL's map of these blocks, one after another."""
    found: Counter[int] = Counter()
    before = 0
    for cs, ip, _ in blocks:
        place = ((cs * 16 + ip) * 0x9E3779B1 & 0xFFFF_FFFF) >> 16
        found[before ^ place] += 1
        before = place >> 1
    return {at: min(count, 255) for at, count in found.items()}


def reference(seed: int, model: str, chunks: list[int]) -> Stepped:
    stepped = Stepped(Looping(seed).vm(model))
    for chunk in chunks:
        stepped.run(chunk)
    return stepped


def chunks_of(seed: int) -> list[int]:
    r = random.Random(seed)
    return [r.choice((1, 2, 7, 100, 700, 1500)) for _ in range(5)]


def listed(vm: Vm, n: int = 4096) -> list[Place]:
    return [(e.cs, e.ip, e.instructions) for e in vm.vcpus[0].history(n)]


@pytest.mark.parametrize("seed", range(24))
def test_the_history_of_a_loop_is_what_single_steps_find(seed: int):
    model = MODELS[seed % 5]
    vm, stepped = Looping(seed).vm(model), Stepped(Looping(seed).vm(model))
    vm.vcpus[0].record_history = True

    for chunk in chunks_of(seed):
        run(vm, chunk)
        stepped.run(chunk)
        assert listed(vm) == stepped.found[-4096:]


@pytest.mark.parametrize("seed", range(24))
def test_the_maps_of_a_loop_are_what_single_steps_find(seed: int):
    model, chunks = MODELS[seed % 5], chunks_of(seed)
    vm, stepped = Looping(seed).vm(model), reference(seed, model, chunks)
    coverage = Coverage(vm.vcpus[0], edges=True)

    for chunk in chunks:
        run(vm, chunk)

    assert coverage.addresses == {cs * 16 + ip for cs, ip, _ in stepped.found}
    counts = coverage.edges
    assert {at: int(counts[at]) for at in counts.nonzero()[0]} == edges_of(stepped.blocks)


@pytest.mark.parametrize("seed", range(40))
def test_any_mixture_of_them_is_exact(seed: int):
    r = random.Random(seed)
    model, chunks = MODELS[seed % 5], chunks_of(seed)
    vm, stepped = Looping(seed).vm(model), reference(seed, model, chunks)
    vcpu = vm.vcpus[0]
    where = r.choice(sorted({(cs, ip) for cs, ip, _ in stepped.found}))
    vcpu.record_history = history = r.random() < 0.5
    edges = r.random() < 0.5
    with ExitStack() as stack:
        observers = Observers(vcpu)
        log = stack.enter_context(observers.exec(where[0] * 16 + where[1], do="log"))
        if r.random() < 0.3:
            stack.enter_context(observers.block())
        if r.random() < 0.3:
            stack.enter_context(observers.interrupt())
        coverage = stack.enter_context(Coverage(vcpu, edges=edges))

        for chunk in chunks:
            run(vm, chunk)

        reached = Counter(cs * 16 + ip for cs, ip, _ in stepped.found)
        assert log.count == reached[where[0] * 16 + where[1]]
        assert coverage.addresses == reached.keys()
        if edges:
            counts = coverage.edges
            assert {at: int(counts[at]) for at in counts.nonzero()[0]} == edges_of(stepped.blocks)
        if history:
            assert listed(vm) == stepped.found[-4096:]
    assert vm.read(0, 0x4000) == stepped.vm.read(0, 0x4000)
    assert repr(vcpu.regs) == repr(stepped.vm.vcpus[0].regs)


def test_an_observer_that_comes_and_goes_leaves_the_maps_exact():
    seed, chunks = 77, [500] * 6
    vm, stepped = Looping(seed).vm("80486"), reference(seed, "80486", chunks)
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    with Coverage(vcpu, edges=True) as coverage:
        for n, chunk in enumerate(chunks):
            with Observers(vcpu).exec(0x1000 + n, do="log"):
                run(vm, chunk)

        counts = coverage.edges
        assert {at: int(counts[at]) for at in counts.nonzero()[0]} == edges_of(stepped.blocks)
    assert listed(vm) == stepped.found[-4096:]


def test_a_repeat_of_many_iterations_does_not_displace_what_came_before():
    # mov bx,200; again: dec bx; jnz again; mov cx,ffffh; rep stosb; nop; hlt
    code = bytes.fromhex("bbc800 4b 75fd b9ffff f3aa 90 f4")
    vm = Looping(0).vm("80486")
    vm.slots[0][0x1000 : 0x1000 + len(code)] = code
    vcpu = vm.vcpus[0]
    vcpu.regs.es = 0x2000
    vcpu.record_history = True

    vcpu.run()

    found = [(e.ip, e.instructions) for e in vcpu.history(4096)]
    assert len(found) == 1 + 2 * 200 + 4
    assert found[:3] == [(0x1000, 0), (0x1003, 1), (0x1004, 2)]
    assert found[-4:] == [(0x1006, 401), (0x1009, 402), (0x100B, 65937), (0x100C, 65938)]


def test_thousands_of_repeats_are_listed():
    # again: mov cx,50; rep stosb; jmp again
    code = bytes.fromhex("b93200 f3aa ebf9")
    vm = Looping(0).vm("80486")
    vm.slots[0][0x1000 : 0x1000 + len(code)] = code
    vcpu = vm.vcpus[0]
    vcpu.regs.es = 0x2000
    vcpu.record_history = True

    vcpu.run(52 * 3000)

    found = [e.ip for e in vcpu.history(4096)]
    assert found == ([0x1000, 0x1003, 0x1005] * 2000)[-4096:]
    assert [e.instructions for e in vcpu.history(3)] == [52 * 2999, 52 * 2999 + 1, 52 * 2999 + 51]


def test_a_history_of_millions_of_instructions_is_exact():
    """Cells are used again some hundred times, and tags too."""
    seed = 5
    vm, plain = Looping(seed).vm("80486"), Looping(seed).vm("80486")
    vm.vcpus[0].record_history = True
    vm.vcpus[0].run(9_000_000)
    plain.vcpus[0].run(9_000_000 - 5000)
    stepped = Stepped(plain)
    stepped.run(5000)

    assert listed(vm) == stepped.found[-4096:]
