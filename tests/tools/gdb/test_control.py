"""A session over a socket: the guest's thread serves it, and the guest stops and runs as asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, Vm
from pyx86emu.tools.gdb import GdbServer
from tests.harness import Running, advance, descriptors, wait_until
from tests.tools.gdb.client import Client, served

SPIN = bytes.fromhex("ebfe")
#: cli; nop; nop; again: inc word [9000h]; jmp again
COUNT = bytes.fromhex("fa 90 90 ff060090 ebfa")
#: mov al,41h; out 0E9h,al; in al,21h; jmp $
PORTS = bytes.fromhex("b041 e6e9 e421 ebfe")


def at_7c00(client: Client) -> None:
    """Go on to the boot sector."""
    assert client.ask("Z1,7c00,1") == b"OK"
    assert b"T05" in client.ask("c")
    assert client.ask("z1,7c00,1") == b"OK"
    assert client.pc == 0x7C00


def test_the_guest_is_held_before_its_first_instruction_and_runs_when_it_is_let() -> None:
    with served(COUNT) as (m, address, _), Client(address) as client:
        assert client.pc == 0xFFFF0
        assert m.vcpu.instructions == 0

        at_7c00(client)

        assert m.booted


def test_steps_are_one_instruction_each_also_through_ports() -> None:
    with served(PORTS) as (m, address, _), Client(address) as client:
        at_7c00(client)

        seen = [client.ask("s")[:3] and client.pc for _ in range(4)]

        assert seen == [0x7C02, 0x7C04, 0x7C06, 0x7C06]
        assert m.debug_text == "A"


def test_a_range_is_stepped_until_it_is_left() -> None:
    with served(PORTS) as (_, address, _), Client(address) as client:
        at_7c00(client)

        assert client.ask("vCont;r7c00,7c06:1").startswith(b"T05")

        assert client.pc == 0x7C06


def test_a_range_that_is_never_left_is_interrupted() -> None:
    with served(SPIN) as (m, address, _), Client(address) as client:
        at_7c00(client)
        client.send("vCont;r7c00,7c10:1")
        advance(m.vcpu)

        client.interrupt()

        assert client.reply().startswith(b"T0")


def test_a_running_guest_is_interrupted() -> None:
    with served(SPIN) as (m, address, _), Client(address) as client:
        client.send("c")
        wait_until(lambda: m.booted)

        client.interrupt()

        assert client.reply().startswith(b"T02")
        assert client.pc == 0x7C00


def test_a_gdb_that_comes_stops_the_guest_and_one_that_detaches_lets_it_run() -> None:
    with served(SPIN, stopped=False) as (m, address, _):
        wait_until(lambda: m.booted)
        with Client(address) as client:
            assert client.ask("?").startswith(b"T05")
            stopped = m.vcpu.instructions
            assert client.ask("Z0,7c00,1") == b"OK"
            assert m.vcpu.instructions == stopped

            assert client.ask("D") == b"OK"
            advance(m.vcpu)  # the breakpoint has gone


@pytest.mark.parametrize("number", [1, 2, 3])
def test_sessions_come_one_after_another(number: int) -> None:
    with served(SPIN, stopped=False) as (m, address, _):
        for _ in range(number):
            with Client(address) as client:
                assert client.ask("?").startswith(b"T05")
                client.ask("Z0,7c00,1")
        advance(m.vcpu)  # a lost connection also lets the guest run, without the breakpoint


def test_a_store_stops_at_the_instruction_after_it() -> None:
    with served(COUNT) as (m, address, _), Client(address) as client:
        at_7c00(client)
        assert client.ask("Z2,9000,2") == b"OK"

        reply = client.ask("c")

        assert b"watch:9000;" in reply and client.pc == 0x7C07
        assert m.vm.read(0x9000, 2) == b"\1\0"


def test_a_killed_guest_ends_its_run() -> None:
    with served(SPIN) as (_, address, run), Client(address) as client:
        client.send("k")

        assert run.result().reason is ExitReason.INTR
        assert client.ended()


def test_a_kill_counts_also_if_its_gdb_has_gone_and_no_kick_is_left() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x10000)[0x1000:0x1002] = SPIN
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
        with GdbServer(vm, "127.0.0.1:0") as server:
            with Client(server.address) as client:
                client.send("k")
            came = server._control.link._came
            wait_until(lambda: len(came) == 3)  # it has connected, asked, and gone
            assert vcpu.run(10).reason is ExitReason.INTR

            assert server.run(wall=20).reason is ExitReason.INTR
            assert vcpu.instructions <= 10


def test_who_serves_may_say_what_a_kill_does() -> None:
    class Killed(Exception):
        pass

    def killed() -> None:
        raise Killed

    with Machine(SPIN) as m, m.gdbserver("127.0.0.1:0", killed=killed) as server:
        run = Running(lambda: m.run(wall=60))
        with Client(server.address) as client:
            client.send("vKill;1")
            assert client.reply() == b"OK"

        with pytest.raises(Killed):
            run.result()


@pytest.mark.parametrize(
    ("code", "signal", "reason", "text"),
    [
        ("faf4", b"T05", ExitReason.HLT, "halted for good (0000:7c02)"),
        ("0f01160006 0f20c0 40 0f22c0", b"T04", ExitReason.INTERNAL_ERROR, "protected mode"),
    ],
)
def test_an_end_is_a_stop_first(code: str, signal: bytes, reason: ExitReason, text: str) -> None:
    with served(bytes.fromhex(code)) as (_, address, run), Client(address) as client:
        client.send("c")
        said = client.reply()
        assert said[:1] == b"O" and text in bytes.fromhex(said[1:].decode()).decode()
        assert client.reply().startswith(signal)
        assert run.going

        client.send("c")

        assert run.result().reason is reason


def test_a_stop_of_the_machine_is_shown_and_then_ends_the_run() -> None:
    with served(bytes(512), stopped=True) as (m, address, run), Client(address) as client:
        observer = m.on_exec(0xFFFF0)
        client.send("c")
        said = client.reply()
        assert client.reply().startswith(b"T05")

        client.send("c")

        exit = run.result()
        assert (exit.reason, exit.observer) == (ExitReason.DEBUG, observer)
        assert exit.message and exit.message in bytes.fromhex(said[1:].decode()).decode()


def test_a_triple_fault_is_a_stop_and_then_a_reset() -> None:
    lidt = bytes.fromhex("0f011e087c 0f0b 90 0000 00000000")  # lidt [7C08h], limit 0; ud2
    with served(lidt) as (m, address, _), Client(address) as client:
        client.send("c")
        assert client.reply()[:1] == b"O"
        assert client.reply().startswith(b"T0b")
        assert m.resets.count == 0

        client.send("c")  # it boots and faults again
        assert client.reply()[:1] == b"O"
        assert client.reply().startswith(b"T0b")

        assert m.resets.count == 1


def test_an_end_that_was_changed_is_none() -> None:
    with served(bytes.fromhex("faf4 ebfe")) as (m, address, run), Client(address) as client:
        client.send("c")
        client.reply()
        assert client.reply().startswith(b"T05")

        assert client.ask("P8=027c0000") == b"OK"
        client.send("c")
        advance(m.vcpu)

        assert run.going


def test_stop_ends_a_run_that_gdb_holds() -> None:
    with served(SPIN) as (m, address, run), Client(address) as client:
        client.ask("?")

        m.stop()

        assert run.result().reason is ExitReason.INTR


def test_the_wall_limit_ends_a_run_that_gdb_holds() -> None:
    with Machine(SPIN) as m, m.gdbserver("127.0.0.1:0", stopped=True):
        assert m.run(wall=0.05).reason is ExitReason.DEADLINE
        assert m.vcpu.instructions == 0


def test_a_slice_of_a_held_guest_ends_soon() -> None:
    with Machine(SPIN) as m, m.gdbserver("127.0.0.1:0", stopped=True) as server:
        limits = m.limits(timeout=60)

        exit = limits.run(1.0)

        assert exit.reason is ExitReason.DEADLINE and not limits.over and server.stopped


def test_the_end_of_the_server_is_the_end_of_the_program_for_gdb() -> None:
    with served(SPIN) as (m, address, _):
        client = Client(address)
        client.send("c")
        wait_until(lambda: m.booted)

    with client:
        assert client.reply() == b"W00"


def test_a_breakpoint_of_the_machine_itself_and_one_of_gdb_at_one_place_both_work() -> None:
    bios = bytearray(b"\x90" * 0x10000)
    bios[:5] = bytes.fromhex("ea007c0000")  # jmp 0:7C00h
    bios[0xFFF0:0xFFF5] = bytes.fromhex("ea000000f0")
    with served(SPIN, bios=bytes(bios)) as (m, address, _), Client(address) as client:
        at_7c00(client)

        assert m.booted


def test_a_long_run_of_bytes_while_the_guest_runs_stops_nothing() -> None:
    with served(SPIN) as (m, address, _), Client(address) as client:
        client.send("c")
        wait_until(lambda: m.booted)

        client.socket.sendall(b"+-x" * 10_000)
        advance(m.vcpu)
        client.interrupt()

        assert client.reply().startswith(b"T0")


def test_without_acks_there_are_none() -> None:
    with served(SPIN) as (_, address, _), Client(address) as client:
        assert client.ask("QStartNoAckMode") == b"OK"
        before = len(client.others)

        client.ask("?")

        assert len(client.others) == before


def test_a_packet_with_a_wrong_sum_is_asked_for_again_and_so_is_a_lost_reply() -> None:
    with served(SPIN) as (_, address, _), Client(address) as client:
        first = client.ask("qC")

        client.socket.sendall(b"$qC#00-")

        assert client.reply() == first == b"QC1"


def test_a_unix_socket_is_its_owners_only_and_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    with served(SPIN, f"unix:{path}") as (_, address, _), Client(address) as client:
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert client.pc == 0xFFFF0

    assert not path.exists()


def test_a_stale_unix_socket_is_replaced_and_another_file_is_not(tmp_path: Path) -> None:
    path, file = tmp_path / "gdb", tmp_path / "file"
    file.write_text("mine")
    with Machine(SPIN) as m:
        with m.gdbserver(f"unix:{path}") as server:
            server._control.link._at = server._control.link._at._replace(path="")  # not removed
        assert path.exists()

        with m.gdbserver(f"unix:{path}"):
            pass
        with pytest.raises(OSError, match="in use"):
            m.gdbserver(f"unix:{file}")

    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "address", ["", "1234", "localhost", "127.0.0.1:70000", "unix:", "[::1:2", "a:1:2", "\0:1"]
)
def test_what_is_no_address_is_refused(machine: Callable[..., Machine], address: str) -> None:
    with pytest.raises(ValueError, match="address="):
        machine(SPIN).gdbserver(address)


def test_other_arguments_of_the_wrong_kind_are_refused(machine: Callable[..., Machine]) -> None:
    m = machine(SPIN)
    with pytest.raises(TypeError, match="address is int"):
        m.gdbserver(1234)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not str"):
        GdbServer("boot.img")  # type: ignore[arg-type]
    with Vm() as vm, pytest.raises(ValueError, match="no vCPU"):
        GdbServer(vm)
    assert m._debugger is None


def test_one_server_at_a_time(machine: Callable[..., Machine]) -> None:
    m = machine(SPIN)
    with (
        m.gdbserver("127.0.0.1:0"),
        pytest.raises(RuntimeError, match=r"close\(\) that one first"),
    ):
        m.gdbserver("127.0.0.1:0")
    with m.gdbserver("127.0.0.1:0"):
        pass


def test_nothing_stays_open() -> None:
    def once() -> None:
        with served(SPIN) as (_, address, _), Client(address) as client:
            client.ask("?")

    once()
    before = descriptors()

    once()

    assert descriptors() == before


def test_a_machine_that_is_closed_closes_its_server() -> None:
    m = Machine(SPIN)
    server = m.gdbserver("127.0.0.1:0")

    m.close()

    assert server.port is None
    server.close()


def test_each_vcpu_of_a_vm_is_a_thread() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000:0x1006] = bytes.fromhex("ff060020 ebfa")  # again: inc word [2000h]; jmp again
        ram[0x3000:0x3006] = bytes.fromhex("ff060040 ebfa")
        for at in (0x1000, 0x3000):
            regs = vm.create_vcpu().regs
            regs.cs, regs.ip, regs.ds = 0, at, 0
        with GdbServer(vm, "127.0.0.1:0", stopped=True) as server:
            run = Running(lambda: server.run(wall=60))
            with Client(server.address) as client:
                assert client.ask("Z2,4000,2") == b"OK"
                assert b"thread:2;" in (said := client.ask("c")) and b"watch:4000;" in said
                assert vm.read(0x4000, 1) == b"\1"
                assert client.ask("z2,4000,2") == b"OK"
                assert client.ask("vCont;s:1").startswith(b"T05")
                assert client.ask("Hg1") == b"OK"
                client.send("c")
                wait_until(lambda: vm.read(0x4000, 2) > b"\1\0" and vm.read(0x2000, 2) > b"\1\0")
                client.interrupt()
                assert client.reply().startswith(b"T02")
                client.send("k")

            assert run.result().reason is ExitReason.INTR


def test_one_vcpu_runs_alone_while_the_other_stands_still() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000:0x1006] = bytes.fromhex("ff060020 ebfa")  # again: inc word [2000h]; jmp again
        ram[0x3000:0x3006] = bytes.fromhex("ff060040 ebfa")
        for at in (0x1000, 0x3000):
            regs = vm.create_vcpu().regs
            regs.cs, regs.ip, regs.ds = 0, at, 0
        with GdbServer(vm, "127.0.0.1:0", stopped=True) as server:
            run = Running(lambda: server.run(wall=60))
            with Client(server.address) as client:
                client.send("vCont;c:2")
                wait_until(lambda: vm.read(0x4000, 2) > b"\1\0")
                client.interrupt()
                client.reply()
                assert vm.read(0x2000, 2) == b"\0\0"

                client.send("vCont;c")
                wait_until(lambda: vm.read(0x2000, 2) != b"\0\0")
                client.interrupt()
                client.reply()
                client.send("k")
            assert run.result().reason is ExitReason.INTR


def test_a_step_of_one_vcpu_runs_no_other() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x10000)[0x1000:0x1002] = bytes.fromhex("ebfe")
        for _ in range(3):
            regs = vm.create_vcpu().regs
            regs.cs, regs.ip = 0, 0x1000
        with GdbServer(vm, "127.0.0.1:0", stopped=True) as server:
            run = Running(lambda: server.run(wall=60))
            with Client(server.address) as client:
                for number in (3, 1, 3, 2):
                    assert f"thread:{number};".encode() in client.ask(f"vCont;s:{number}")
                client.send("k")
            run.result()

        assert [vcpu.instructions for vcpu in vm.vcpus] == [1, 1, 2]


def test_an_access_that_no_device_of_a_vm_answers_is_returned() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x10000)[0x1000:0x1003] = bytes.fromhex("e610f4")  # out 10h,al; hlt
        regs = vm.create_vcpu().regs
        regs.cs, regs.ip = 0, 0x1000
        with GdbServer(vm, "127.0.0.1:0") as server:
            exit = server.run(wall=60)
            assert (exit.reason, exit.port) == (ExitReason.IO, 0x10)

            assert server.run(wall=60).reason is ExitReason.HLT


def test_a_recorded_guest_that_is_held_can_be_stopped() -> None:
    with (
        Machine(SPIN) as m,
        m.record(),
        m.gdbserver("127.0.0.1:0", stopped=True) as server,
    ):
        assert m.limits(timeout=60).run(1.0).reason is ExitReason.DEADLINE
        run = Running(lambda: m.run(wall=60))
        with Client(server.address) as client:
            client.ask("?")

            m.stop()

            assert run.result().reason is ExitReason.INTR


def test_a_state_of_a_machine_is_kept_and_gone_back_to() -> None:
    with served(COUNT) as (_, address, _), Client(address) as client:
        at_7c00(client)
        assert "is kept" in client.monitor("snapshot here")
        client.ask("s")
        client.ask("s")

        assert "as in state 'here'" in client.monitor("restore here")

        assert client.pc == 0x7C00
        assert b"T05" in client.ask("s") and client.pc == 0x7C01


def test_the_history_has_what_was_executed_also_in_single_steps() -> None:
    with served(COUNT) as (_, address, _), Client(address) as client:
        at_7c00(client)
        for _ in range(4):
            client.ask("s")

        lines = client.monitor("info history 4").splitlines()

        assert [line.split()[0] for line in lines] == [f"0000:7c0{at}" for at in (0, 1, 2, 3)]
