"""vcpu.history: the last instructions, as single steps find them."""

import random

import pytest

from pyx86emu import ExitReason, MmioDevice, PioDevice, Vm
from tests.core.guests import Stepped, guest, prepared, run


def places(vm: Vm, n: int = 4096) -> list[tuple[int, int, int]]:
    return [(e.cs, e.ip, e.instructions) for e in vm.vcpus[0].history(n)]


LOOP = bytes.fromhex("b90500 41 49 83f903 7401 90 e2f5 e8f0ff c3")


def test_it_is_off_at_first_and_says_how_to_switch_it_on():
    vcpu = guest(LOOP).vcpus[0]

    assert vcpu.record_history is False
    with pytest.raises(RuntimeError, match="record_history = True"):
        vcpu.history()


def test_it_lists_the_last_instructions_with_their_bytes():
    vm = guest(bytes.fromhex("b80100 40 ebfd"))  # mov ax,1; again: inc ax; jmp again
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run(5)

    assert [(e.ip, e.code.hex(), e.instructions) for e in vcpu.history()] == [
        (0x1000, "b80100", 0),
        (0x1003, "40", 1),
        (0x1004, "ebfd", 2),
        (0x1003, "40", 3),
        (0x1004, "ebfd", 4),
    ]
    assert [e.ip for e in vcpu.history(2)] == [0x1003, 0x1004]
    assert vcpu.history(0) == []


def test_an_instruction_that_a_jump_skips_is_not_in_it():
    vm = guest(bytes.fromhex("31c0 85c0 7401 40 90 f4"))  # xor; test; jz over: inc ax; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["31c0", "85c0", "7401", "90", "f4"]


def test_a_rep_is_one_instruction_however_many_iterations_it_has():
    vm = guest(bytes.fromhex("b98813 f3aa 90 f4"))  # mov cx,5000; rep stosb; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.regs.di = 0x2000
    vcpu.record_history = True

    vcpu.run(1000)  # ends in the middle of it
    vcpu.run()

    assert [(e.code.hex(), e.instructions) for e in vcpu.history()] == [
        ("b98813", 0),
        ("f3aa", 1),
        ("90", 5001),
        ("f4", 5002),
    ]


def test_a_read_that_exits_is_in_it_once_when_it_is_complete():
    vm = guest(bytes.fromhex("90 e460 40 f4"))  # nop; in al,60h; inc ax; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    assert vcpu.run().reason is ExitReason.IO
    assert [e.code.hex() for e in vcpu.history()] == ["90"]
    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["90", "e460", "40", "f4"]


def test_a_device_sees_the_instructions_before_its_own():
    vm = guest(bytes.fromhex("90 40 e660 90 f4"))
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    seen = []

    class Device(PioDevice):
        length = 1

        def pio_write(self, offset: int, size: int, value: int) -> None:
            seen.extend(e.code.hex() for e in vcpu.history())

    vm.pio.attach(Device(), 0x60)
    vcpu.run()

    assert seen == ["90", "40"]


def test_an_instruction_that_faults_is_in_it_and_the_delivery_is_not():
    vm = guest(bytes.fromhex("31c9 f7f1 90"))  # xor cx,cx; div cx
    ram = vm.slots[0]
    ram[0:4] = bytes.fromhex("00200000")
    ram[0x2000:0x2002] = bytes.fromhex("40f4")
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["31c9", "f7f1", "40", "f4"]


def test_code_that_was_rewritten_since_is_marked_and_shown_as_it_was():
    vm = guest(bytes.fromhex("40 c606001048 90 f4"))  # inc ax; mov byte [1000h],48h; nop; hlt
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [(e.code.hex(), e.rewritten) for e in vcpu.history()] == [
        ("40", True),
        ("c606001048", False),
        ("90", False),
        ("f4", False),
    ]
    assert str(vcpu.history()[0]) == "0000:1000  40 (rewritten since)"


def test_a_store_that_changes_the_running_block_ends_it_there():
    code = bytes.fromhex("c606061048 40 40 f4")  # mov byte [1006h],48h: the second inc is dec now
    vm = guest(code)
    vcpu = vm.vcpus[0]
    vcpu.record_history = True

    vcpu.run()

    assert [e.code.hex() for e in vcpu.history()] == ["c606061048", "40", "48", "f4"]


def test_switching_it_off_forgets_it():
    vm = guest(LOOP)
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    vcpu.run(100)

    vcpu.record_history = False
    vcpu.record_history = False

    assert vcpu.record_history is False
    vcpu.run(100)
    vcpu.record_history = True
    assert vcpu.history() == []


def test_wrong_numbers_are_refused():
    vcpu = guest(LOOP).vcpus[0]
    vcpu.record_history = True

    for n in (-1, 4097):
        with pytest.raises(ValueError, match="n"):
            vcpu.history(n)
    with pytest.raises(TypeError):
        vcpu.history("16")
    with pytest.raises(AttributeError):
        del vcpu.record_history


@pytest.mark.parametrize("model", ["8086", "80186", "80286", "80386", "80486"])
@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_single_steps_find(seed: int, model: str):
    vm, plain = prepared(seed, model), prepared(seed, model)
    stepped = Stepped(prepared(seed, model))
    vm.vcpus[0].record_history = True
    r = random.Random(seed)

    for _ in range(4):
        n = r.choice((1, 7, 100, 600))
        run(vm, n)
        run(plain, n)
        stepped.run(n)

    assert places(vm) == stepped.found[-4096:]
    assert vm.vcpus[0].instructions == plain.vcpus[0].instructions
    assert repr(vm.vcpus[0].regs) == repr(plain.vcpus[0].regs)
    assert vm.read(0, 0x120000) == plain.read(0, 0x120000)


def test_after_a_restore_it_begins_again():
    vm = guest(bytes.fromhex("40 41 42 ebfb"))
    vcpu = vm.vcpus[0]
    vcpu.record_history = True
    vcpu.run(10)
    state = vm.save()
    vcpu.run(10)

    vm.restore(state)

    assert vcpu.history() == []
    vcpu.run(2)
    assert [e.instructions for e in vcpu.history()] == [10, 11]


@pytest.mark.parametrize("states", [(False,), (True, False), (False, True), (False, True, False)])
@pytest.mark.parametrize("code", ["c3", "cb", "cf", "58 90", "e8 0000", "cd05", "ff1e 0020"])
def test_a_device_may_switch_it_in_the_middle_of_an_instruction(
    code: str, states: tuple[bool, ...]
):
    """The stack is a device."""
    vm = Vm()
    ram = vm.add_memory(0, 0xD0000)
    program = bytes.fromhex("90" + code + "40 f4")
    ram[0x1000 : 0x1000 + len(program)] = program
    ram[0x2000:0x2004] = bytes.fromhex("0210 0000")
    ram[0x14:0x18] = bytes.fromhex("0410 0000")  # vector 5
    vcpu = vm.create_vcpu()

    class Device(MmioDevice):
        length = 0x1000

        def mmio_read(self, offset: int, size: int) -> int:
            for state in states:
                vcpu.record_history = state
            return 0x1002 if offset == 0x100 else 0

        def mmio_write(self, offset: int, size: int, value: int) -> None:
            self.mmio_read(offset, size)

    vm.mmio.attach(Device(), 0xD0000)
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    vcpu.regs.ds, vcpu.regs.ss, vcpu.regs.sp = 0, 0xD000, 0x100
    vcpu.record_history = not states[0]

    vcpu.run(200)
    vcpu.run(200)

    assert vcpu.record_history is states[-1]
    if states[-1]:
        assert [e.instructions for e in vcpu.history(1)] == [vcpu.instructions - 1]
