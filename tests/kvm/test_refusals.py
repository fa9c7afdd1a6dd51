"""KVM as a back end: what it cannot honour is refused by name; why it cannot be used is said."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Doorbell, Vm
from pyx86emu.kvm import probe, system
from tests.harness import vcpu

Kvm = Callable[..., Vm]


def irqchip(vm: Vm) -> None:
    vm.create_vcpu().request_interrupt_window = True


ASKED: dict[str, tuple[Callable[[Vm], object], str]] = {
    "max_instructions": (lambda vm: vcpu(vm, "f4").run(5), "deadline= or kick"),
    "until_instructions": (lambda vm: vcpu(vm, "f4").run_until(5), "deadline= or kick"),
    "model": (lambda vm: vm.create_vcpu("8086"), "accel='interp' for an 8086"),
    "a20": (lambda vm: setattr(vm, "a20", False), "leave it open"),
    "time": (lambda vm: setattr(vm, "time", 5), "accel='interp'"),
    "hypercall": (lambda vm: vm.ioeventfd(1, bus="hypercall"), "use bus='pio'"),
    "doorbell": (lambda vm: vm.ioeventfd(1, fd=Doorbell()), "pass an EventFd"),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_kvm_cannot_do_is_refused_by_name(kvm: Kvm, what: str) -> None:
    call, instead = ASKED[what]

    with pytest.raises(OSError, match=instead) as refused:
        call(kvm())

    assert refused.value.errno == errno.EOPNOTSUPP


@pytest.mark.parametrize("given", [{"shift": 7}, {"shift": 0}, {"clock": "virtual"}])
def test_what_only_the_interpreter_has_chooses_it(
    usable_kvm: None, vm: Kvm, given: dict[str, Any]
) -> None:
    with pytest.raises(OSError, match="use accel='interp'") as refused:
        Vm("kvm", **given)
    assert refused.value.errno == errno.EOPNOTSUPP
    assert vm("auto", **given).accel == "interp"
    assert vm("auto").accel == "kvm"


def test_an_irqchip_has_no_interrupt_window(kvm: Kvm) -> None:
    with pytest.raises(OSError, match="has no interrupt window") as refused:
        irqchip(kvm(irqchip=True))
    assert refused.value.errno == errno.EOPNOTSUPP


def test_wrong_arguments_are_wrong_on_kvm_too(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "f4")
    with pytest.raises(ValueError, match="unknown clock"):
        Vm("kvm", clock="moon")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="shift"):
        Vm("kvm", shift=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown CPU model"):
        machine.create_vcpu("80786")
    with pytest.raises(TypeError, match="max_instructions"):
        cpu.run(1.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="deadline"):
        cpu.run(deadline=1 << 63)
    with pytest.raises(TypeError, match="deadline"):
        cpu.run(deadline="1")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="no interrupt controller"):
        machine.irq_line(5, True)
    with pytest.raises(OSError, match="lines 0 to 15"):
        kvm(irqchip=True).irq_line(16, True)
    with pytest.raises(AttributeError, match="no register 'rax'"):
        _ = cpu.regs.rax
    with pytest.raises(ValueError, match="PE=1"):
        cpu.regs.cr0 = 1
    with pytest.raises(ValueError, match="KVM does not take this value"):
        cpu.regs.cr4 = 0xFFFFFFFF
    with pytest.raises(ValueError, match="ax"):
        cpu.regs.ax = 0x10000
    assert cpu.run().reason.name == "HLT"


# -- why it cannot be used ------------------------------------------------------------------------


def why(path: Path | str) -> OSError:
    with pytest.raises(OSError, match="use accel='interp'") as refused:
        system.System(str(path))
    return refused.value


def test_a_missing_device_is_said(tmp_path: Path) -> None:
    error = why(tmp_path / "kvm")

    assert error.errno == errno.ENOENT
    assert "there is no" in str(error)


def test_another_device_is_said() -> None:
    error = why("/dev/null")

    assert error.errno == errno.EOPNOTSUPP
    assert "/dev/null is not KVM's device" in str(error)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EACCES, "may not open"),
        (errno.EPERM, "may not open"),
        (errno.ENODEV, "has no driver"),
        (errno.EBUSY, "is busy"),
        (errno.EMFILE, "cannot be opened"),
    ],
)
def test_each_error_of_open_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    error = why("/dev/kvm")

    assert error.errno == number
    assert text in str(error)


def test_another_architecture_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")

    assert "this host is no x86-64 but riscv64" in str(why("/dev/kvm"))


def test_a_busy_processor_is_said(usable_kvm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = system.ioctl

    def busy(fd: int, request: int, value: Any) -> int:
        if request == system.abi.KVM_CREATE_VM:
            raise OSError(errno.EBUSY, "busy")
        return real(fd, request, value)

    monkeypatch.setattr(system, "ioctl", busy)
    with pytest.raises(OSError, match="another hypervisor") as refused:
        system.System().create_vm()
    assert refused.value.errno == errno.EBUSY


def test_an_old_kernel_is_said(usable_kvm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = system.ioctl

    def old(fd: int, request: int, value: Any) -> int:
        if request == system.abi.KVM_CHECK_EXTENSION:
            return 0 if value == system.abi.KVM_CAP_IMMEDIATE_EXIT else real(fd, request, value)
        return real(fd, request, value)

    monkeypatch.setattr(system, "ioctl", old)

    assert "has no immediate_exit" in str(why("/dev/kvm"))


def test_a_kvm_without_real_mode_is_said_and_auto_takes_the_interpreter(
    usable_kvm: None, vm: Kvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "SMALLEST", b"\x0f\xff\xf4")
    probe._problem.cache_clear()
    try:
        with pytest.raises(OSError, match="cannot run real mode") as refused:
            vm("kvm")
        assert refused.value.errno == errno.EOPNOTSUPP
        assert vm("auto").accel == "interp"
    finally:
        probe._problem.cache_clear()


def test_the_probe_names_what_is_missing(usable_kvm: None) -> None:
    names = [name for name, _, _ in probe.GROUPS]

    assert len(set(names)) == len(names) > 35
    assert set(probe.found().missing) < set(names)
    assert probe.found() is probe.found()


def test_what_the_probe_finds_missing_is_missing(usable_kvm: None, kvm: Kvm) -> None:
    """And the rest is what the interpreter computes."""
    interp = Vm()
    ram = interp.add_memory(0, 0x10000)
    cpu = interp.create_vcpu()
    host_only = {"CPUID", "FPU", "MOVNTI"}  # an 80486 without FPU has none of them
    for name, code, ax in probe.GROUPS:
        raw = bytes.fromhex(code) + b"\xf4"
        ram[probe.CODE : probe.CODE + len(raw)] = raw
        cpu.reset()
        cpu.regs.cs, cpu.regs.ip, cpu.regs.sp = 0, probe.CODE, probe.STACK
        while (exit := cpu.run(1000)).reason.name == "IO":
            pass
        if name not in host_only and name != "RDTSC":
            assert (exit.reason.name, cpu.regs.ax) == ("HLT", ax), name
    interp.close()
