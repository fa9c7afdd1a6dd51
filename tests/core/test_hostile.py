"""Hostile guests: what the fuzz once found, and that nothing outlives its budget."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason, Machine, MmioDevice, PioDevice
from pyx86emu.models import MODELS
from tests.harness import CODE, Guest, MakeGuest, program


@pytest.mark.parametrize("before", range(1, 40))
def test_code_that_runs_into_a_hole(before: int) -> None:
    with Guest() as guest:
        guest.ram[0x10000 - before : 0x10000] = b"\x90" * before
        guest.vcpu.regs.cs, guest.vcpu.regs.ip = 0x0F00, 0x1000 - before

        exit = guest.vcpu.run(1000)

        assert exit.reason is ExitReason.INTERNAL_ERROR
        assert (guest.vcpu.regs.ip, guest.vcpu.instructions) == (0x1000, before)


@pytest.mark.parametrize("edi", [0xFFFFFFFF, 0xFFFFFFFE, 0x10000, 0xFFFF])
@pytest.mark.parametrize("code", ["67f36c", "67f36d", "67f3666d", "676c"])
def test_ins_beyond_the_segment(code: str, edi: int) -> None:
    with Guest(bytes.fromhex(code)) as guest:
        guest.vcpu.regs.edi, guest.vcpu.regs.ecx = edi, 5
        texts = guest.exits()
        assert texts[-1] == "HLT IN VECTOR 13" or edi == 0xFFFF


def test_batch_of_ins_that_faults_is_forgotten() -> None:
    """INSW up to FFFFh faults in the middle of its batch; the handler's INSB asks the port anew."""
    with Guest(program("bff1ff b93200 f36d  ; mov di,0xfff1; mov cx,50; rep insw")) as guest:
        guest.ram[0x2000:0x2003] = program("6c f4  ; insb; hlt") + b"\x90"
        guest.vector(13, 0x2000)

        assert guest.exits() == [
            "IO in port=0x0 size=2 count=15",
            "IO in port=0x0 size=1 count=1",
            "HLT",
        ]


def test_batch_of_ins_that_overwrites_its_own_instruction() -> None:
    with Guest(program("bf0610 b90500 f36c 90 90 90 90 6c  ; mov di,0x1006; ...")) as guest:
        guest.answer = lambda exit: b"\x90" * (exit.size * exit.count)

        # The first byte makes NOP; INSB of it, so four bytes of the batch are nobody's any more.
        assert guest.exits() == [f"IO in port=0x0 size=1 count={n}" for n in (5, 1, 1)] + ["HLT"]


def test_batch_of_ins_that_makes_an_in_of_itself() -> None:
    """IN AL,DX for the prefix: the port is asked anew, and this answer is for AL."""
    with Guest(program("bf0610 b90500 f36c  ; mov di,0x1006; mov cx,5; rep insb")) as guest:
        guest.answer = lambda exit: b"\xec" if exit.count == 5 else b"\x90"

        assert guest.exits() == [f"IO in port=0x0 size=1 count={n}" for n in (5, 1, 1)] + ["HLT"]
        assert guest.vcpu.regs.al == 0x90


def test_batch_of_ins_that_becomes_one_of_words() -> None:
    """The first byte makes REP INSW of it: bytes asked for as bytes are no words."""
    with Guest(program("bf0710 b90010 f36c  ; mov di,0x1007; mov cx,0x1000; rep insb")) as guest:
        guest.answer = lambda exit: b"\x6d" * (exit.size * exit.count)

        assert guest.show(guest.run()) == "IO in port=0x0 size=1 count=1024"
        assert guest.show(guest.run()) == "IO in port=0x0 size=2 count=1"


@pytest.mark.parametrize("flags", [2, 0x102], ids=["nmi", "trap"])
def test_queued_interrupt_waits_behind_others(flags: int) -> None:
    """It is queued while IF is 0; an NMI, or the traps of single steps, come first."""
    with Guest(
        program("90 90 fb 90 e699  ; nop; nop; sti; nop; out 0x99,al"), flags=flags
    ) as guest:
        guest.ram[0x2000:0x2002] = program("41 cf  ; inc cx; iret")
        guest.ram[0x3000:0x3002] = program("43 cf  ; inc bx; iret")
        guest.vector(1, 0x2000)
        guest.vector(2, 0x2000)
        guest.vector(0x40, 0x3000)
        guest.vcpu.interrupt(0x40, queue=True)
        if flags == 2:
            guest.vcpu.nmi()

        assert guest.run().reason is ExitReason.IO

        assert guest.vcpu.regs.bx == 1
        assert guest.vcpu.regs.cx >= 1


@pytest.mark.parametrize("code", ["eb fe", "fb f4 eb fd"], ids=["jmp", "hlt"])
def test_timer_that_always_asks_for_now(code: str) -> None:
    with Guest(bytes.fromhex(code), irqchip=True) as guest:

        def again() -> None:
            guest.vm.clock.call_at(guest.vm.time, again)

        again()

        assert guest.vcpu.run(1000).reason is ExitReason.BUDGET
        assert guest.vcpu.instructions <= 1000


@pytest.mark.parametrize("model", MODELS[:2])
def test_prefixes_end_where_the_host_sets_ip(model: str) -> None:
    with Guest(b"\x26" * 200, model=model) as guest:
        guest.ram[0x2000:0x2004] = program("a00050 f4  ; mov al,[0x5000]; hlt")
        guest.ram[0x5000:0x5001], guest.ram[0x6000:0x6001] = b"\1", b"\2"
        guest.vcpu.regs.es = 0x100
        guest.vcpu.run(3)

        guest.vcpu.regs.ip = 0x2000

        assert guest.exits() == ["HLT"]
        assert guest.vcpu.regs.al == 1


@pytest.mark.parametrize(
    "code", ["0f22c1", "0f22d1", "0f26f1", "0f23c1"], ids=["cr0", "cr2", "tr6", "dr0"]
)
def test_moves_to_special_registers_go_on(code: str) -> None:
    with Guest(bytes.fromhex(code) + program("40 40  ; inc ax; inc ax"), model="80386") as guest:
        for _ in range(3):
            guest.start()
            assert guest.exits() == ["HLT"]
            assert guest.vcpu.regs.ax == 2


class Stack(MmioDevice):
    """Notes when it is written to, in instructions."""

    length = 0x1000

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.times: list[int] = []

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.times.append(self.guest.vm.time >> 7)


@pytest.mark.parametrize("code", ["cd21", "f7f3", "62c0"], ids=["int", "div", "ud"])
def test_frames_on_a_device_are_pushed_in_their_own_time(code: str) -> None:
    """In the middle of a block, which has been paid for as a whole."""
    with Guest(b"\x90" * 5 + bytes.fromhex(code) + b"\x90" * 10) as guest:
        stack = Stack(guest)
        guest.vm.mmio.attach(stack, 0x20000)
        guest.vcpu.regs.ss, guest.vcpu.regs.sp = 0x2000, 0x100

        guest.run()

        assert stack.times == [5, 5, 5]


# -- nothing outlives its budget ------------------------------------------------------------------

BUDGETS = (1, 10, 1000, 20_000)


@pytest.mark.parametrize(
    "code",
    [
        program("66b9ffffffff 67f3ac ebf4  ; mov ecx,-1; rep lodsb"),
        program("66b9ffffffff 67f3a4 ebf4  ; mov ecx,-1; rep movsb"),
        program("66b9ffffffff 67f3a7 ebf4  ; mov ecx,-1; repe cmpsw"),
        program("66b9ffffffff 67f2ae ebf4  ; mov ecx,-1; repne scasb"),
        program("66b9ffffffff f36e ebf5  ; mov ecx,-1; rep outsb"),
        program("66b9ffffffff bf0030 f36c ebf2  ; mov ecx,-1; mov di,0x3000; rep insb"),
        program("66b9ffffffff 67e2fd ebf5  ; mov ecx,-1; loop"),
        program("cd21 ebfc  ; int 0x21"),
        program("8ed3 8ed3 8ed3 ebf8  ; mov ss,bx ..."),
        program("fb fb fb fb ebfa  ; sti ..."),
        program("c606001090 ebf9  ; mov byte [0x1000],0x90"),
        program("0f0b  ; ud2"),
        program("bc0080 f7f3  ; mov sp,0x8000; div bx"),
        b"\x66\x67\x2e" * 200,
    ],
    ids=[
        *("lods", "movs", "cmps", "scas", "outs", "ins", "loop", "int", "mov ss", "sti"),
        *("smc", "ud2", "div", "prefixes"),
    ],
)
@pytest.mark.parametrize("irqchip", [False, True])
def test_nothing_outlives_its_budget(code: bytes, irqchip: bool) -> None:
    with Guest(code, irqchip=irqchip) as guest:
        guest.ram[0x2000:0x2001] = b"\xcf"
        guest.vector(0x21, 0x2000)
        for vector in (0, 6, 12, 13):  # faults that fault at their own first byte
            guest.vector(vector, CODE)
        guest.vm.pio.attach(PioDevice(), 0, 4)

        for n in BUDGETS:
            before = guest.vcpu.instructions
            assert guest.vcpu.run(n).reason is ExitReason.BUDGET
            assert guest.vcpu.instructions == before + n


@pytest.mark.parametrize("budgets", [[1], [7, 1, 30], [49, 1]])
def test_batch_of_ins_may_take_several_budgets(budgets: list[int]) -> None:
    """Fifty bytes are asked for at once and answered; then they are stored as the budgets allow."""
    with Guest(program("bf0030 b93200 f36c 40  ; mov di,0x3000; mov cx,50; rep insb")) as guest:
        guest.answer = lambda exit: bytes(range(50))
        assert guest.run().count == 50

        stored = 0
        for n in budgets * (50 // sum(budgets)):
            stored += n
            assert guest.vcpu.run(n).reason is ExitReason.BUDGET
            assert guest.vcpu.instructions == 2 + stored
            assert guest.ram[0x3000:0x3032] == bytes(range(stored)).ljust(50, b"\0")

        assert guest.exits() == ["HLT"]
        assert (guest.vcpu.regs.cx, guest.vcpu.regs.al) == (0, 1)


def test_kick_in_the_middle_of_a_batch_is_not_lost() -> None:
    with Guest(program("bf0030 b93200 f36c  ; mov di,0x3000; mov cx,50; rep insb")) as guest:
        guest.run()
        guest.vcpu.run(10)

        guest.vcpu.kick()

        assert guest.vcpu.run(5).reason is ExitReason.INTR
        assert guest.vcpu.regs.cx == 35
        assert guest.exits() == ["HLT"]


@pytest.mark.parametrize("period", [2, 3, 100, 60_000])
def test_halting_again_and_again_stays_in_the_budget(period: int) -> None:
    """STI, HLT, a jump back; interrupts at any rate. A jump of the clock is an instruction."""
    with Guest(program("fb f4 ebfc  ; sti; hlt; jmp"), irqchip=True) as guest:
        guest.ram[0x2000:0x2005] = program("b020 e620 cf  ; mov al,0x20; out 0x20,al; iret")
        guest.vector(8, 0x2000)
        for port, value in ((0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1), (0x21, 0),
                            (0x43, 0x34), (0x40, period & 0xFF), (0x40, period >> 8)):  # fmt: skip
            guest.vm.pio.write(port, 1, value)

        for n in BUDGETS:
            before = guest.vcpu.instructions
            assert guest.vcpu.run(n).reason is ExitReason.BUDGET
            assert guest.vcpu.instructions <= before + n


@pytest.mark.parametrize("irqchip", [False, True])
@pytest.mark.parametrize("flags", [2, 0x202])
def test_a_halt_for_ever_returns(irqchip: bool, flags: int) -> None:
    with Guest(program("ebfe"), irqchip=irqchip, flags=flags) as guest:
        guest.start(b"\xf4", flags=flags)

        assert guest.vcpu.run().reason is ExitReason.HLT


@pytest.mark.parametrize("model", MODELS[2:])
def test_a_shutdown_lasts_and_returns_at_once(model: str) -> None:
    with Guest(program("0f011e0040 cc  ; lidt [0x4000]; int3"), model=model) as guest:
        for _ in range(3):
            assert guest.vcpu.run().reason is ExitReason.SHUTDOWN
            assert guest.vcpu.run(1000).reason is ExitReason.SHUTDOWN
            guest.vcpu.reset()
            guest.start()


def test_triple_faults_without_end_stay_in_the_budget() -> None:
    """Each starts the machine again, through the BIOS."""
    code = program("0f011e207c cc  ; lidt [0x7c20]; int3").ljust(64, b"\0")
    with Machine(code) as machine:
        for n in (*BUDGETS, 500_000):
            before = machine.vcpu.instructions
            assert machine.run(max_instructions=n).reason is ExitReason.BUDGET
            assert machine.vcpu.instructions == before + n


@pytest.mark.parametrize("opcode", ["c4c0", "c5c0", "ffd8", "ffe8"])
@pytest.mark.parametrize("model", MODELS[:1])
def test_far_pointer_in_a_register_stays_in_memory(
    make_guest: MakeGuest, opcode: str, model: str
) -> None:
    """Such an instruction takes whatever is there, here an immediate that the guest rewrites."""
    rewrite = program(
        """
        b90a00    ; mov cx,10
        fe0e0810  ; again: dec byte [again+5]
        04ff      ; add al,0xff
        e2f8      ; loop again
        """
    )
    use = bytes.fromhex(opcode) + program(
        "26a0ffff a0ffff f4  ; mov al,[es:0xffff]; mov al,[0xffff]; hlt"
    )
    guest = make_guest(rewrite + use, model=model)

    guest.vcpu.run(1000)

    assert max(guest.vcpu.regs.es, guest.vcpu.regs.ds, guest.vcpu.regs.cs) <= 0xFFFF
