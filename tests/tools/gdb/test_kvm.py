"""gdb on KVM: what works there as on our own CPU, and what is refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pyx86emu import ExitReason, Vm
from pyx86emu.tools.gdb import GdbServer
from tests.harness import Running
from tests.on_gdb import gdb
from tests.on_kvm import lacks, need
from tests.tools.gdb.client import Client

#: again: inc word [2000h]; call f; jmp again; f: inc ax; ret
CODE = bytes.fromhex("ff060020 e80200 ebf7 40c3")


@pytest.fixture
def address() -> Iterator[str]:
    """Where a server listens, which holds a guest at 0000:1000."""
    need("kvm")
    with Vm("kvm") as vm:
        vm.add_memory(0, 0x10000)[0x1000 : 0x1000 + len(CODE)] = CODE
        regs = vm.create_vcpu().regs
        regs.cs, regs.ip, regs.ds, regs.ss, regs.sp = 0, 0x1000, 0, 0, 0x8000
        with GdbServer(vm, "127.0.0.1:0", stopped=True) as server:
            run = Running(lambda: server.run(wall=60))
            yield server.address
            if run.going:
                with Client(server.address) as client:
                    client.send("k")
            assert run.result().reason is ExitReason.INTR


def test_steps_breakpoints_registers_memory_and_callers(address: str) -> None:
    text = gdb(
        address,
        """
        stepi
        x/xh 0x2000
        break *0x1009
        continue
        bt
        set $ax = 0x55
        stepi
        p/x $ax
        set *(short *) 0x2000 = 0x77
        continue
        x/xh 0x2000
        delete
        finish
        p/x $pc
        """,
    )

    assert "0x2000:\t0x0001" in text and "Breakpoint 1, 0x00001009" in text
    assert "#1  0x00001007 in" in text and "= 0x56\n" in text
    assert "0x2000:\t0x0078" in text and "= 0x1007\n" in text


def test_more_breakpoints_than_a_processor_has(address: str) -> None:
    points = "\n".join(f"break *{0x3000 + n:#x}" for n in range(20))

    text = gdb(address, f"{points}\nbreak *0x1009\ncontinue\ncontinue\nx/xh 0x2000")

    assert "Breakpoint 21, 0x00001009" in text and "0x2000:\t0x0002" in text


def test_a_running_guest_is_interrupted_and_detached(address: str) -> None:
    with Client(address) as client:
        client.send("c")
        client.interrupt()

        assert client.reply().startswith(b"T02") and 0x1000 <= client.pc < 0x100B
        assert client.ask("D") == b"OK"
    with Client(address) as client:
        assert client.ask("?").startswith(b"T05")


def test_a_watchpoint_stops_or_is_refused_with_a_reason(address: str) -> None:
    with Client(address) as client:
        reply = client.ask("Z2,2000,2")

        if "watchpoints" in lacks():
            assert reply.startswith(b"E.") and b"accel='interp'" in reply
        else:
            assert reply == b"OK" and b"watch:2000" in client.ask("c")
        assert client.ask("Z2,2001,64").startswith(b"E.")  # more than debug registers watch


def test_what_kvm_keeps_not_is_said(address: str) -> None:
    with Client(address) as client:
        assert "keeps no history" in client.monitor("info history")
        assert "cannot be saved" in client.monitor("snapshot")
        assert "0000:1000" in client.monitor("bt")
        assert client.ask("bs") == b""
