"""Observers inside the core: exact, and the guest sees no difference."""

import random
from collections import Counter

import pytest

from pyx86emu import Exit, ExitReason, PioDevice, Vm
from pyx86emu.observe import Event, How, Observer, Observers
from pyx86emu.tools.coverage import Coverage
from tests.core.guests import Stepped, guest, prepared, run

MODELS = ["8086", "80186", "80286", "80386", "80486"]


def observers(vm: Vm) -> Observers:
    return Observers(vm.vcpus[0])


def places(observer: Observer) -> list[tuple[int, int, int]]:
    return [(e.cs, e.ip, e.instructions) for e in observer]


# -- stop, call, log -------------------------------------------------------------------------------


def test_an_instruction_stops_the_vcpu_before_it_each_time_and_says_who_stopped():
    vm = guest(bytes.fromhex("40 ebfd"))  # again: inc ax; jmp again
    with observers(vm).exec("0:1001") as jump:
        exits = [vm.vcpus[0].run(1000) for _ in range(3)]

        assert [(e.reason, e.cs, e.ip) for e in exits] == [(ExitReason.DEBUG, 0, 0x1001)] * 3
        assert exits[0].observer is jump
        assert exits[0].message == "instruction at 0000:1001"
        assert vm.vcpus[0].regs.ax == 3

    assert vm.vcpus[0].run(1000).reason is ExitReason.BUDGET


def test_a_called_function_may_change_registers_and_memory():
    vm = guest(bytes.fromhex("40 90 a30020 f4"))  # inc ax; nop; mov [2000h],ax; hlt
    regs, ram = vm.vcpus[0].regs, vm.slots[0]

    def change(event: Event) -> None:
        assert (event.ax, event.ip) == (1, 0x1001)
        regs.ax = 0x1234
        ram[0x1001] = 0x40  # inc ax in place of nop

    with observers(vm).exec(0x1001, change):
        vm.vcpus[0].run()

    assert ram[0x2000:0x2002] == bytes.fromhex("3512")


def test_a_called_function_may_go_elsewhere():
    vm = guest(bytes.fromhex("90 40 40 f4"))

    def skip(event: Event) -> None:
        vm.vcpus[0].regs.ip = 0x1003

    observers(vm).exec(0x1001, skip)

    assert vm.vcpus[0].run().reason is ExitReason.HLT
    assert vm.vcpus[0].regs.ax == 0


def test_what_a_called_function_raises_comes_out_of_run_and_the_guest_can_go_on():
    vm = guest(bytes.fromhex("90 40 f4"))

    def fail(event: Event) -> None:
        raise KeyError("mine")

    observers(vm).exec(0x1001, fail)

    with pytest.raises(KeyError, match="mine"):
        vm.vcpus[0].run()
    assert vm.vcpus[0].run().reason is ExitReason.HLT
    assert vm.vcpus[0].regs.ax == 1


def test_a_called_function_may_remove_its_observer_and_add_another():
    vm = guest(bytes.fromhex("40 ebfd"))
    seen = []

    def once(event: Event) -> None:
        seen.append(event.ip)
        first.remove()
        observers(vm).exec(0x1000, lambda e: seen.append(e.ip))

    first = observers(vm).exec(0x1001, once)
    vm.vcpus[0].run(6)

    assert seen == [0x1001, 0x1000, 0x1000]
    assert not first.active
    assert first.count == 1


def test_thousands_of_places_are_observed():
    vm = guest(b"\x90" * 3000 + b"\xf4")
    made = [observers(vm).exec(0x1000 + at, do="log", capacity=1) for at in range(3000)]

    vm.vcpus[0].run()

    assert {o.count for o in made} == {1}


def test_the_newest_events_are_kept_and_the_rest_is_counted():
    vm = guest(bytes.fromhex("40 ebfd"))
    with observers(vm).exec(0x1000, do="log", capacity=4) as log:
        vm.vcpus[0].run(20)

    assert (log.count, log.dropped, len(log)) == (10, 6, 4)
    assert [e.instructions for e in log] == [12, 14, 16, 18]
    assert log.events["eax"].tolist() == [6, 7, 8, 9]


def test_interrupts_are_compared_with_registers_and_their_return_says_what_changed():
    vm = guest(bytes.fromhex("b83d12 cd21 b4ff cd21 f4"))  # AX=123Dh; int 21h; AH=FFh; int 21h
    ram = vm.slots[0]
    ram[0x84:0x88] = bytes.fromhex("00060000")
    ram[0x600:0x602] = bytes.fromhex("40cf")  # inc ax; iret
    with observers(vm).interrupt(0x21, ah=0x12) as calls, observers(vm).interrupt() as every:
        vm.vcpus[0].run()

    begin, end = list(calls)
    assert (begin.how, begin.vector, begin.ax, begin.ip) == (How.SOFTWARE, 0x21, 0x123D, 0x1003)
    assert end.how is How.RETURN
    assert end.changed == {"eax": (0x123D, 0x123E)}
    assert every.count == 4


def test_a_block_after_a_conditional_jump_is_seen():
    vm = guest(bytes.fromhex("bb0300 4b 75fd f4"))  # mov bx,3; again: dec bx; jnz again; hlt
    with observers(vm).block() as log:
        vm.vcpus[0].run()

    assert [(e.ip, e.instructions) for e in log] == [
        (0x1000, 0),
        (0x1003, 3),
        (0x1003, 5),
        (0x1006, 7),
    ]


def test_faults_and_interrupts_of_hardware_are_seen_when_they_are_delivered():
    vm = guest(bytes.fromhex("fb 90 31c9 f7f1"))  # sti; nop; xor cx,cx; div cx
    ram = vm.slots[0]
    ram[0:4] = bytes.fromhex("00060000")
    ram[0x80:0x84] = bytes.fromhex("10060000")
    ram[0x600], ram[0x610] = 0xF4, 0xCF
    vm.vcpus[0].interrupt(0x20, queue=True)
    with observers(vm).interrupt() as log:
        vm.vcpus[0].run()

    assert [(e.how, e.vector, e.ip) for e in log] == [
        (How.HARDWARE, 0x20, 0x1002),
        (How.RETURN, 0x20, 0x610),
        (How.FAULT, 0, 0x1004),
    ]


class Answers(PioDevice):
    length = 1

    def pio_read(self, offset: int, size: int) -> int:
        return 0x42


def test_accesses_to_ports_are_seen_whoever_answers_them():
    code = "e460 e4a1 e4aa e642 e643 f4"  # in al: 60h, A1h, AAh; out 42h, 43h
    vm = Vm(irqchip=True)
    vm.add_memory(0, 0x2000)[0x1000:0x100B] = bytes.fromhex(code)
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    vm.pio.attach(Answers(), 0x60)
    bell = vm.ioeventfd(0x42, 1)
    with observers(vm).io() as log, observers(vm).io(0xAA) as one:
        assert vcpu.run().port == 0xAA
        assert [e.addr for e in log] == [0x60, 0xA1]
        vcpu.run()

    assert [(e.addr, e.value, e.size, e.write, e.ip) for e in log] == [
        (0x60, 0x42, 1, 0, 0x1000),
        (0xA1, 0, 1, 0, 0x1002),
        (0xAA, 0, 1, 0, 0x1004),
        (0x42, 0, 1, 1, 0x1006),
        (0x43, 0, 1, 1, 0x1008),
    ]
    assert one.count == 1
    assert bell.read() == 1


def test_a_store_is_seen_with_the_value_before_and_after():
    vm = guest(bytes.fromhex("b83412 a30120 a00120 f4"))  # mov [2001h],ax; mov al,[2001h]
    vm.slots[0][0x2001:0x2003] = b"\xaa\xbb"
    with observers(vm).write(0x2002, do="log") as writes, observers(vm).read(0x2001) as reads:
        exit = vm.vcpus[0].run()

    (event,) = writes
    assert (event.ip, event.addr, event.size) == (0x1003, 0x2002, 1) or event.addr == 0x2001
    assert (event.old, event.value) in ((0xBB, 0x12), (0xBBAA, 0x1234))
    assert exit.observer is reads
    assert (exit.ip, vm.vcpus[0].regs.al) == (0x1009, 0x34)


def test_wrong_arguments_are_refused():
    made = observers(guest(b"\xf4"))
    with pytest.raises(TypeError, match="calls a function"):
        made.exec(0, 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'stop', 'call' or 'log'"):
        made.exec(0, do="jump")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="call="):
        made.exec(0, do="call")
    with pytest.raises(TypeError, match="no register 'xx'"):
        made.interrupt(3, xx=1)
    with pytest.raises(ValueError, match="ah"):
        made.interrupt(3, ah=256)


# -- the guest sees no difference ------------------------------------------------------------------


def some(vm: Vm, r: random.Random, called: Counter[str]) -> list[Observer]:
    """Some observers, of all kinds, which log or call."""

    def call(event: Event) -> None:
        called[event.kind.name] += 1

    made = observers(vm)
    kinds = [
        lambda do: made.exec(r.randrange(0x1000, 0x1100), **do),
        lambda do: made.exec(0x600, **do),
        lambda do: made.interrupt(r.choice((None, 4, 6)), **do),
        lambda do: made.io(**do),
        lambda do: made.io(65, 2, **do),
        lambda do: made.write(r.randrange(0x7F00, 0x8000), 64, **do),
        lambda do: made.read(r.randrange(0x7F00, 0x8000), 64, **do),
        lambda do: made.write(0x1000, 0x100, **do),
        lambda do: made.block(**do),
    ]
    return [
        kind({"do": "log"} if r.random() < 0.6 else {"call": call})
        for kind in r.sample(kinds, r.randrange(1, len(kinds)))
    ]


def seen_by_guest(vm: Vm, exits: list[Exit]) -> object:
    vcpu = vm.vcpus[0]
    return (
        repr(vcpu.regs),
        vcpu.instructions,
        vm.time,
        vm.read(0, 0x120000),
        [(e.reason, e.addr, e.size, e.write, e.value, e.cs, e.ip) for e in exits],
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(15))
def test_observing_never_changes_what_the_guest_sees(seed: int, model: str):
    vm, plain = prepared(seed, model), prepared(seed, model)
    r = random.Random(seed)
    made: list[Observer] = []
    maps: list[Coverage] = []

    for _ in range(5):
        for observer in made:
            if r.random() < 0.3:
                observer.remove()
        made += some(vm, r, Counter())
        vm.vcpus[0].record_history = r.random() < 0.5
        if maps:
            maps.pop().close()
        if r.random() < 0.5:
            maps.append(Coverage(vm.vcpus[0], edges=r.random() < 0.5))
        n = r.choice((1, 2, 17, 300, 1000))
        exits, plain_exits = run(vm, n), run(plain, n)

        assert seen_by_guest(vm, exits) == seen_by_guest(plain, plain_exits)
    for coverage in maps:
        coverage.close()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(15))
def test_observers_find_what_single_steps_find(seed: int, model: str):
    vm, reference = prepared(seed, model), Stepped(prepared(seed, model))
    reference.vm.vcpus[0].debug(watch=[(0x7F00, 0x100, "w")])
    made, much = observers(vm), {"do": "log", "capacity": 5000}
    each = {at: made.exec(at, **much) for at in (*range(0x1000, 0x1110), 0x600, 0x601, 0x602)}
    blocks, ints = made.block(**much), made.interrupt(**much)
    writes = made.write(0x7F00, 0x100, **much)
    coverage = Coverage(vm.vcpus[0])
    r = random.Random(seed)

    for _ in range(4):
        n = r.choice((1, 7, 100, 600))
        run(vm, n)
        reference.run(n)

    assert vm.vcpus[0].instructions == reference.vm.vcpus[0].instructions
    expected: dict[int, list[tuple[int, int, int]]] = {at: [] for at in each}
    for place in reference.found:
        expected.get(place[0] * 16 + place[1], []).append(place)
    assert {at: places(o) for at, o in each.items()} == expected
    assert coverage.addresses == {cs * 16 + ip for cs, ip, _ in reference.found}
    assert places(blocks) == reference.blocks
    software = [(e.cs, e.ip, e.instructions) for e in ints if e.how is How.SOFTWARE]
    assert software == reference.ints
    assert sorted(set(places(writes))) == sorted(set(reference.watched))


def test_observers_stay_after_a_restore():
    vm = guest(bytes.fromhex("40 a30020 ebfa"))
    log = observers(vm).write(0x2000, do="log")
    here = observers(vm).exec(0x1000, do="log")
    state = vm.save()
    for _ in range(3):
        vm.vcpus[0].run(3)
        vm.restore(state)

    assert log.count == 3
    assert here.count == 3
