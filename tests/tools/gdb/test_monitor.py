"""The monitor: what each command prints, and that none reaches a file of the host."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pyx86emu import Machine, Vm
from pyx86emu.tools.gdb.monitor import MOST_STATES, Monitor
from pyx86emu.tools.gdb.target import MachineTarget, VmTarget


@pytest.fixture
def monitor(machine: Callable[..., Machine]) -> Monitor:
    m = machine(bytes.fromhex("ebfe"))
    m.boot()
    return Monitor(MachineTarget(m), lambda: None)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("info pic", "master irr=00000000"),
        ("info pit", "counter 0: mode 2 count=65536"),
        ("info io", "pio  003f8-003ff uart"),
        ("info ioeventfds", "none"),
        ("info registers", "cs:ip=0000:7c00 (07c00)"),
        ("info", "info of what? pic, pit, io"),
        ("info disks", "info of what?"),
        ("info history x", "N is a number from 1 to 4096"),
        ("info history 0", "N is a number from 1 to 4096"),
        ("help", "snapshot [NAME]"),
        ("", "snapshot [NAME]"),
        ("restore nothing", "there is no state of this name; there are: none"),
        ("savevm " + "x" * 41, "a name has up to 40 characters"),
        ("quit", "unknown command 'quit'"),
    ],
)
def test_commands_print_text(monitor: Monitor, command: str, text: str) -> None:
    said = monitor.do(command)

    assert text in said and said.endswith("\n")


@pytest.mark.parametrize(
    "command", ["load", "save", "screendump", "dump", "pmemsave", "log", "!ls"]
)
def test_no_command_takes_a_file(monitor: Monitor, command: str) -> None:
    assert "unknown command" in monitor.do(f"{command} /tmp/file")


def test_an_ioeventfd_is_listed(monitor: Monitor) -> None:
    with monitor._target.vm.ioeventfd(0x510, 1):
        assert "0x510" in monitor.do("info ioeventfds")


def test_the_history_is_printed(monitor: Monitor) -> None:
    vcpu = SimpleNamespace(history=lambda count: [f"instruction {n}" for n in range(count)])
    target: Any = SimpleNamespace(vcpus=(vcpu,))

    said = Monitor(target, lambda: None).do("info history 2")

    assert said == "instruction 0\ninstruction 1\n"


def test_a_state_is_kept_and_gone_back_to() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x1000)
        vm.create_vcpu()
        restored: list[int] = []
        monitor = Monitor(VmTarget(vm), lambda: restored.append(1))
        ram[0:1] = b"a"
        assert "'one' is kept" in monitor.do("snapshot one")
        ram[0:1] = b"b"

        said = monitor.do("restore one")

        assert ram[0:1] == b"a" and restored == [1]
        assert "maintenance flush register-cache" in said


def test_the_number_of_states_is_bounded() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x1000)
        vm.create_vcpu()
        monitor = Monitor(VmTarget(vm), lambda: None)
        for number in range(MOST_STATES):
            monitor.do(f"snapshot {number}")

        assert monitor.do("snapshot more").startswith("16 states are kept")
        assert "kept" in monitor.do("snapshot 3")  # in place of the one of this name


def test_reset_is_the_reset_button(monitor: Monitor) -> None:
    assert monitor.do("reset").startswith("reset")

    regs = monitor._target.vcpus[0].regs
    assert (regs.cs, regs.ip) == (0xF000, 0xFFF0)


def test_a_vm_without_chips_says_so() -> None:
    with Vm() as vm:
        vm.create_vcpu()
        monitor = Monitor(VmTarget(vm), lambda: None)

        assert monitor.do("info pic").startswith("info: ")
