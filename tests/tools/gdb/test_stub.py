"""The stub: each packet gets the reply that gdb's manual asks for. Nothing runs here."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, Machine, Vm
from pyx86emu.errors import MachineError
from pyx86emu.tools.gdb.packets import MOST
from pyx86emu.tools.gdb.stub import Resume, Stub
from pyx86emu.tools.gdb.target import MachineTarget, VmTarget

NOP = bytes.fromhex("90" * 16 + "ebfe")


class Calls:
    """A runner that notes what it is asked for."""

    def __init__(self) -> None:
        self.resumed: list[Resume] = []
        self.sent: list[bytes] = []
        self.ends: list[bool] = []
        self.changes = 0

    def resume(self, how: Resume) -> None:
        self.resumed.append(how)

    def send(self, body: bytes) -> None:
        self.sent.append(body)

    def end(self, *, kill: bool) -> None:
        self.ends.append(kill)

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def changed(self) -> None:
        self.changes += 1


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Machine(NOP) as m:
        m.boot()
        yield Stub(MachineTarget(m), Calls())


def calls(stub: Stub) -> Calls:
    assert isinstance(stub.runner, Calls)
    return stub.runner


def test_the_description_has_what_gdb_needs_for_16_bits(stub: Stub) -> None:
    reply = stub.handle(b"qXfer:features:read:target.xml:0,2000")

    assert reply is not None and reply[:1] == b"l"
    root = ET.fromstring(reply[1:])
    assert (root.findtext("architecture"), root.findtext("osabi")) == ("i8086", "none")
    names = [reg.get("name") for reg in root.iter("reg")]
    assert len(names) == 36 and names[:9][-1] == "eip"
    assert names[-4:] == ["ip", "sp", "bp", "stack"]


def test_a_long_text_comes_in_parts(stub: Stub) -> None:
    text, at = b"", 0
    while True:
        reply = stub.handle(b"qXfer:memory-map:read::%x,40" % at)
        assert reply is not None
        text += reply[1:]
        if reply[:1] == b"l":
            break
        at += 0x40

    types = [each.get("type") for each in ET.fromstring(text).iter("memory")]
    assert types == ["ram", "rom", "ram", "rom"]  # the last one is the call stack


def test_memory_is_read_and_written_at_linear_addresses(stub: Stub) -> None:
    assert stub.handle(b"M9000,3:616263") == b"OK"
    assert stub.handle(b"X9003,2:#$") == b"OK"

    assert stub.handle(b"m9000,5") == b"abc#$".hex().encode()
    assert calls(stub).changes == 2


def test_memory_ends_at_a_hole(stub: Stub) -> None:
    assert stub.handle(b"mbffff,1") == b"E0e" or stub.handle(b"mc0000,4") == b"E0e"
    reply = stub.handle(b"m9ff00,%x" % MOST)
    assert reply is not None and len(reply) == 0x200
    assert stub.handle(b"Mc0000,1:00") == b"E0e"
    assert stub.handle(b"m" + b"f" * 16 + b",8") == b"E0e"


def test_memory_above_1_mib_is_what_the_cpu_reaches(stub: Stub) -> None:
    stub.target.vm.a20 = False

    assert stub.handle(b"m107c00,2") == stub.handle(b"m7c00,2") == b"9090"


def test_a_stop_is_signal_5_with_thread_and_registers(stub: Stub) -> None:
    reply = stub.handle(b"?")

    assert reply == b"T055:00f0ffff;4:00f0ffff;8:007c0000;thread:1;"


def test_without_frames_esp_is_linear_and_ebp_is_0(stub: Stub) -> None:
    assert stub.handle(b"qRcmd,%s" % b"frames off".hex().encode()) == b"OK"

    assert stub.handle(b"?") == b"T055:00000000;4:007c0000;8:007c0000;thread:1;"


@pytest.mark.parametrize(
    ("packet", "how"),
    [
        (b"c", Resume()),
        (b"C05", Resume()),
        (b"s", Resume(0)),
        (b"S05", Resume(0)),
        (b"vCont;c", Resume()),
        (b"vCont;s:1;c", Resume(0)),
        (b"vCont;c:1;s", Resume()),
        (b"vCont;r7c00,7c04:1;c", Resume(0, (0x7C00, 0x7C04))),
    ],
)
def test_going_on(stub: Stub, packet: bytes, how: Resume) -> None:
    assert stub.handle(packet) is None

    assert calls(stub).resumed == [how]


def test_going_on_elsewhere(stub: Stub) -> None:
    assert stub.handle(b"c7c04") is None

    assert (stub.vcpu.regs.cs, stub.vcpu.regs.ip) == (0, 0x7C04)
    assert stub.handle(b"c110000") == b"E.eip: real mode reaches 0x10ffef, not 0x110000"


@pytest.mark.parametrize(
    "packet",
    [
        *(b"vFile:open:2f6574632f706173737764,0,0", b"vFile:setfs:0", b"vFile:unlink:2f"),
        *(b"vRun;2f62696e2f7368", b"vAttach;1", b"qXfer:auxv:read::0,100", b"qHostInfo"),
        *(b"qXfer:exec-file:read::0,100", b"qProcessInfo", b"jThreadsInfo", b"QThreadSuffix"),
        *(b"qOffsets", b"QProgramSignals:0", b"QNonStop:1", b"QCatchSyscalls:1", b"x0,0"),
        *(b"qXfer:libraries-svr4:read::0,10", b"qXfer:threads:read::0,10", b"vCtrlC", b"vStopped"),
        *(b"qXfer:features:write:target.xml:0:61", b"qMemoryRegionInfo:0", b"QEnableErrorStrings"),
        *(b"qTStatus", b"QPassSignals:e", b"vMustReplyEmpty", b"_M10,7", b"i", b"", b"bx", b"zz"),
    ],
)
def test_what_is_not_there_gets_the_empty_reply(stub: Stub, packet: bytes) -> None:
    assert stub.handle(packet) == b"" or packet == b"zz"


@pytest.mark.parametrize(
    ("packet", "reply"),
    [
        (b"qXfer:features:read:other.xml:0,10", b"E00"),  # there is no such annex
        (b"qXfer:features:read:target.xml:100000,10", b"l"),  # it ends before
        (b"qXfer:memory-map:read::100000,10", b"l"),
        (b"qAttached", b"1"),
        (b"!", b"OK"),
    ],
)
def test_what_other_debuggers_ask_for_gets_what_the_manual_says(
    stub: Stub, packet: bytes, reply: bytes
) -> None:
    assert stub.handle(packet) == reply


def test_symbols_are_asked_for_one_by_one(stub: Stub) -> None:
    """gdb has none of _start, and _end at 8000h."""
    assert stub.handle(b"qSymbol::") == b"qSymbol:" + b"_start".hex().encode()
    assert stub.handle(b"qSymbol::5f7374617274") == b"qSymbol:" + b"_end".hex().encode()
    assert stub.handle(b"qSymbol:8000:5f656e64") == b"OK"
    assert (stub.handle(b"qSymbol:8000:5f") or b"").startswith(b"E.")


def test_a_machine_that_cannot_go_back_does_not_offer_it(stub: Stub) -> None:
    stub.target.machine = None  # a Vm

    assert b"Reverse" not in (stub.handle(b"qSupported:swbreak+") or b"")
    assert stub.handle(b"bs") == stub.handle(b"bc") == b""


class Past:
    """A machine that was recorded: `step_back` and `run_back` as pc/timetravel.py has them."""

    def __init__(self, exit: Exit | None = None, instructions: int = 9) -> None:
        self.exit = exit
        self.vcpu = SimpleNamespace(instructions=instructions)
        self.done: list[Any] = []
        self.recording: object = self

    def step_back(self) -> None:
        if not self.vcpu.instructions:
            raise MachineError("instruction -1 is before the recording, which begins at 0")
        self.vcpu.instructions -= 1
        self.done.append("back")

    def run_back(self, until: Any = (), watch: Any = ()) -> Exit | None:
        self.done.append((list(until), list(watch)))
        return self.exit


def backwards(stub: Stub, past: Past) -> Stub:
    stub.target.machine = past  # type: ignore[assignment]
    return stub


def test_a_machine_that_was_recorded_offers_to_go_back(stub: Stub) -> None:
    reply = backwards(stub, Past()).handle(b"qSupported")

    assert reply is not None and {b"ReverseStep+", b"ReverseContinue+"} <= {*reply.split(b";")}


def test_one_instruction_back_is_a_stop(stub: Stub) -> None:
    past = Past()

    reply = backwards(stub, past).handle(b"bs")

    assert reply is not None and reply.startswith(b"T05") and past.done == ["back"]


def test_there_is_no_step_back_from_where_the_recording_begins(stub: Stub) -> None:
    reply = backwards(stub, Past(instructions=0)).handle(b"bs")

    assert reply is not None and reply.endswith(b";replaylog:begin;")


def test_back_to_a_breakpoint(stub: Stub) -> None:
    past = Past(Exit(ExitReason.DEBUG, pc=0x7C02))
    backwards(stub, past).handle(b"qSupported:swbreak+")
    stub.handle(b"Z0,7c02,1")
    stub.handle(b"Z2,9000,2")

    reply = stub.handle(b"bc")

    assert reply is not None and reply.endswith(b";swbreak:;")
    assert past.done == [([0x7C02], [(0x9000, 2, "w")])]


def test_back_to_the_begin_of_what_was_recorded(stub: Stub) -> None:
    reply = backwards(stub, Past()).handle(b"bc")

    assert reply is not None and reply.endswith(b";replaylog:begin;")


def test_a_recording_that_has_ended_is_an_error_that_says_so(stub: Stub) -> None:
    past = Past()
    backwards(stub, past).handle(b"qSupported")
    past.recording = None

    assert stub.handle(b"bs") == b"E.this machine is not recorded any more: call m.record()"


def test_what_was_not_recorded_does_not_offer_it(stub: Stub) -> None:
    past = Past()
    past.recording = None

    assert b"Reverse" not in (backwards(stub, past).handle(b"qSupported") or b"")


def test_detach_and_kill(stub: Stub) -> None:
    assert stub.handle(b"D") == b"OK"
    assert stub.handle(b"k") is None
    assert stub.handle(b"vKill;1") is None

    assert calls(stub).ends == [False, True, True]
    assert calls(stub).sent == [b"OK"]


def test_threads_are_vcpus() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x1000)
        first, second = vm.create_vcpu(), vm.create_vcpu()
        first.regs.ax, second.regs.ax = 0x11, 0x22
        stub = Stub(VmTarget(vm), Calls())

        assert stub.handle(b"qfThreadInfo") == b"m1,2"
        assert stub.handle(b"qsThreadInfo") == b"l"
        assert stub.handle(b"Hg2") == b"OK"
        assert stub.handle(b"p0") == b"22000000"
        assert stub.handle(b"qC") == b"QC2"
        assert stub.handle(b"T2") == b"OK" and stub.handle(b"T3") == b"E0e"
        assert stub.handle(b"Hg3") == b"E0e"
        assert stub.handle(b"vCont;s:2;c") is None
        assert calls(stub).resumed == [Resume(1)]
        told = bytes.fromhex((stub.handle(b"qThreadExtraInfo,2") or b"").decode())
        assert told.startswith(b"Vcpu 80486 at f000:fff0")


@pytest.mark.parametrize(
    ("packets", "how"),
    [
        ([b"vCont;c"], Resume()),
        ([b"vCont;c:2"], Resume(among=(1,))),
        ([b"vCont;c:2;c:3"], Resume(among=(1, 2))),
        ([b"vCont;c:2;t"], Resume(among=(1,))),
        ([b"vCont;t:2;c"], Resume(among=(0, 2))),
        ([b"vCont;s:3;c:1"], Resume(2)),
        ([b"vCont;s"], Resume(0)),
        ([b"Hg2", b"vCont;s"], Resume(1)),
        ([b"Hc3", b"c"], Resume(among=(2,))),
        ([b"Hc3", b"Hc-1", b"c"], Resume()),
        ([b"Hg1", b"Hc3", b"s"], Resume(2)),
    ],
)
def test_each_thread_does_what_the_first_action_that_fits_it_says(
    packets: list[bytes], how: Resume
) -> None:
    with Vm() as vm:
        for _ in range(3):
            vm.create_vcpu()
        stub = Stub(VmTarget(vm), Calls())

        for packet in packets:
            stub.handle(packet)

        assert calls(stub).resumed == [how]


@pytest.mark.parametrize("packet", [b"vCont;t", b"vCont;c:9", b"vCont;x", b"vCont;"])
def test_threads_that_all_stand_still_are_an_error(stub: Stub, packet: bytes) -> None:
    assert (stub.handle(packet) or b"").startswith(b"E.")
    assert calls(stub).resumed == []


@pytest.mark.parametrize("packet", [b"P8=00", b"P8", b"Pzz=00", b"P999=00", b"Z0,1", b"Z2,0,0"])
def test_what_cannot_be_done_says_why(stub: Stub, packet: bytes) -> None:
    reply = stub.handle(packet)

    assert reply is not None and reply.startswith(b"E.") and len(reply) > 10


def test_monitor_output_is_cut_into_packets(stub: Stub) -> None:
    stub.monitor = SimpleNamespace(do=lambda line: "x" * 20_000)  # type: ignore[assignment]

    assert stub.handle(b"qRcmd,68656c70") == b"OK"

    sent = calls(stub).sent
    assert len(sent) > 2 and all(body[:1] == b"O" and len(body) <= MOST for body in sent)
    assert b"".join(bytes.fromhex(body[1:].decode()) for body in sent) == b"x" * 20_000
