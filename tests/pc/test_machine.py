"""The PC: boot, run until something is seen, reset, exits and the ways a run ends."""

from __future__ import annotations

import copy
import datetime
import gc
import os
import pickle
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, DiskError, ExitReason, Machine, MachineError, PioDevice
from pyx86emu.pc import board
from tests.harness import descriptors

MakeMachine = Callable[..., Machine]


def say(text: str) -> str:
    """Code that writes text to port E9h."""
    return "".join(f"b0{char:02x} e6e9" for char in text.encode())


def code(text: str) -> bytes:
    return bytes.fromhex(text)


SPIN = "ebfe"
HALT = "faf4"
GREET = "b40e b058 cd10"  # INT 10h: teletype 'X'


def test_a_boot_sector_runs_and_halts_for_good(machine: MakeMachine) -> None:
    m = machine(code(say("hello") + HALT))

    exit = m.run()

    assert exit.reason is ExitReason.HLT
    assert m.debug_text == "hello"
    assert m.booted


def test_second_kick_in_a_slice_is_counted(machine: MakeMachine) -> None:
    m = machine(boot=bytes.fromhex("ba1005 b001 ee ee faf4"))  # two OUT 510h,AL
    bell = m.pio.ioeventfd(0x510, length=1)

    assert m.run().reason is ExitReason.HLT

    assert bell.read() == 2
    assert m.stats.pio_exits == 0  # counted from the boot sector on


def test_until_finds_text_on_the_screen(machine: MakeMachine) -> None:
    m = machine(code(GREET + SPIN))

    exit = m.run(until="^X$", timeout=5.0)

    assert exit.reason is ExitReason.MATCH
    assert m.screen.text[0] == "X"


@pytest.mark.parametrize("where", ["debug", "serial"])
def test_until_finds_text_that_was_sent(machine: MakeMachine, where: str) -> None:
    send = (
        say("ready") if where == "debug" else "baf803" + "".join(f"b0{c:02x}ee" for c in b"ready")
    )
    m = machine(code(send + SPIN))

    exit = m.run(until=re.compile("READY", re.I), timeout=5.0)

    assert exit.reason is ExitReason.MATCH
    assert getattr(m, f"{where}_text") == "ready"


def test_until_is_looked_for_when_the_guest_halts(machine: MakeMachine) -> None:
    m = machine(code(say("done") + HALT))

    assert m.run(until="done").reason is ExitReason.MATCH
    assert m.run(until="more").reason is ExitReason.HLT


def test_timeout_is_guest_time(machine: MakeMachine) -> None:
    m = machine(code("f4" + "ebfd"))  # hlt, again: only ticks wake it
    m.boot()
    start = m.time

    exit = m.run(timeout=1000.0)

    assert exit.reason is ExitReason.DEADLINE
    assert 1000.0 <= m.time - start < 1000.1


def test_wall_is_real_time(machine: MakeMachine) -> None:
    m = machine(code(SPIN))
    start = time.monotonic()

    exit = m.run(wall=0.05)

    assert exit.reason is ExitReason.DEADLINE
    assert time.monotonic() - start >= 0.05


def test_max_instructions_is_exact(machine: MakeMachine) -> None:
    m = machine(code("fa" + SPIN))
    m.boot()
    before = m.vcpu.instructions

    exit = m.run(max_instructions=123_457)

    assert exit.reason is ExitReason.BUDGET
    assert m.vcpu.instructions - before == 123_457


def test_a_run_goes_on_where_the_last_one_ended(machine: MakeMachine) -> None:
    m = machine(code(say("a") + "b90000 e2fe" * 40 + say("b") + HALT))

    assert m.run(until="a", timeout=60.0).reason is ExitReason.MATCH
    assert m.run(until="b", timeout=60.0).reason is ExitReason.MATCH
    assert m.run().reason is ExitReason.HLT


def test_the_guest_ends_the_run_with_a_status(machine: MakeMachine) -> None:
    m = machine(code("b003 e6f4" + SPIN))

    exit = m.run(timeout=5.0)

    assert exit.reason is ExitReason.SHUTDOWN
    assert m.exit_status == 7


def test_a_triple_fault_ends_a_machine_that_must_not_reboot(machine: MakeMachine) -> None:
    m = machine(code("0f011e207c cc").ljust(64, b"\0"), no_reboot=True)  # lidt [7C20h]; int 3

    assert m.run(timeout=5.0).reason is ExitReason.SHUTDOWN
    assert m.exit_status is None


def test_a_triple_fault_reboots(machine: MakeMachine) -> None:
    # CMOS 50h == 1: halt; else set it, lidt [7C20h], int 3
    m = machine(code("b050e670 e471 3c01 740a b001e671 0f011e207c cc faf4").ljust(64, b"\0"))

    exit = m.run(timeout=60.0)

    assert exit.reason is ExitReason.HLT
    assert m.rtc.cmos[0x50] == 1


@pytest.mark.parametrize("how", ["b0fe e664", "b003 e692"])
def test_a_reset_by_port_is_a_shutdown_where_rebooting_is_off(
    machine: MakeMachine, how: str
) -> None:
    m = machine(code(how + SPIN), no_reboot=True)

    assert m.run(timeout=5.0).reason is ExitReason.SHUTDOWN


def test_typed_keys_reach_the_guest(machine: MakeMachine) -> None:
    # again: mov ah,0; int 16h; mov ah,0Eh; int 10h; jmp again
    m = machine(code("b400 cd16 b40e cd10 ebf6"))
    m.boot()

    m.keyboard.type("Dir *.*")

    assert m.run(until=r"Dir \*\.\*", timeout=10.0).reason is ExitReason.MATCH


def test_a_device_of_ones_own_answers_its_port(machine: MakeMachine) -> None:
    class Dice(PioDevice):
        def pio_read(self, offset: int, size: int) -> int:
            return 0x36

    m = machine(code("ba0103 ec e6e9" + HALT))
    m.attach(Dice(), port=0x301)

    m.run()

    assert m.debug_text == "6"


def test_a_device_of_ones_own_interrupts(machine: MakeMachine) -> None:
    class Bell(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.irq(bool(value))

    # IRQ 5 is vector 0Dh: point it here, unmask, ring, halt; the handler says '!' and ends.
    handler = 0x7C40
    text = f"fa c7063400{handler & 255:02x}{handler >> 8:02x} c70636000000 e421 24df e621"
    text += "fb ba0103 b001 ee f4 ebfd"
    boot = bytearray(code(text).ljust(0x40, b"\x90")) + code(say("!") + HALT)
    m = machine(bytes(boot))
    m.attach(Bell(), port=0x301, gsi=5)

    exit = m.run(timeout=5.0)

    assert (exit.reason, m.debug_text) == (ExitReason.HLT, "!")


def test_attach_wants_a_port_or_an_address(machine: MakeMachine) -> None:
    m = machine(code(HALT))

    with pytest.raises(MachineError, match=r"attach 'piodevice' with either port= or addr="):
        m.attach(PioDevice())


def test_a_port_of_the_pc_is_taken(machine: MakeMachine) -> None:
    with pytest.raises(ValueError, match="overlaps 'uart'"):
        machine(code(HALT)).attach(PioDevice(), port=0x3F8)


def test_a_device_exception_comes_out_of_run(machine: MakeMachine) -> None:
    class Broken(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            raise ZeroDivisionError("no dice")

    m = machine(code("ba0103 ee" + HALT))
    m.attach(Broken(), port=0x301)

    with pytest.raises(ZeroDivisionError, match="no dice"):
        m.run(timeout=5.0)
    assert m.run(timeout=5.0).reason is ExitReason.HLT


def test_two_runs_are_equal_to_the_instruction(machine: MakeMachine) -> None:
    boot = code("e440 e6e9 b90000 e2fe e440 e6e9" + HALT)  # the timer's count, twice

    first, second = machine(boot), machine(boot)
    first.run()
    second.run(until="never seen", timeout=50.0)  # looking changes nothing

    assert first.debug.data == second.debug.data
    assert first.vcpu.instructions == second.vcpu.instructions
    assert first.time == second.time


def test_a_machine_without_a_disk_says_so(machine: MakeMachine) -> None:
    exit = machine().run(until="No bootable disk", timeout=20.0)

    assert exit.reason is ExitReason.MATCH


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(MachineError, match="give at least 65536"):
        Machine(memory=1024)


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="choose one of 8086"):
        Machine(model="z80")


def test_memory_size_is_what_the_bios_tells(machine: MakeMachine) -> None:
    # int 12h -> AX to 0:600; int 15h AH=88h -> AX to 0:602
    boot = code("cd12 a30006 b488 cd15 a30206" + HALT)
    m = machine(boot, memory=(1024 + 512) << 10)

    m.run(timeout=5.0)

    assert m.vm.read(0x600, 4) == (640).to_bytes(2, "little") + (512).to_bytes(2, "little")


def test_the_disk_file_is_not_written(machine: MakeMachine, tmp_path: Path) -> None:
    image = tmp_path / "boot.img"
    # mov ax,301h; mov bx,7C00h; mov cx,2; mov dx,0; int 13h: write this sector as sector 2
    image.write_bytes(code("b80103 bb007c b90200 ba0000 cd13" + HALT).ljust(512, b"\0"))
    before = image.read_bytes()
    m = machine(image)

    m.run(timeout=20.0)

    assert m.disk is not None
    assert m.disk.changed == 1
    assert m.disk.read(1, 1) == before
    assert image.read_bytes() == before


def test_a_disk_of_the_callers_keeps_what_was_written(machine: MakeMachine, tmp_path: Path) -> None:
    # read sector 2; halt if it is marked; else mark and write it
    boot = (
        "b80102 bb0080 b90200 31d2 cd13 803e008055 740e c606008055 b80103 31d2 cd13" + SPIN + HALT
    )
    image = tmp_path / "boot.img"
    image.write_bytes(code(boot).ljust(1024, b"\0"))

    with Disk(image) as disk:
        assert machine(disk).run(timeout=5.0).reason is ExitReason.DEADLINE
        assert machine(disk).run(timeout=5.0).reason is ExitReason.HLT


def test_protected_mode_is_told_as_unsupported(machine: MakeMachine) -> None:
    exit = machine(code("0f20c0 0c01 0f22c0" + HALT)).run(timeout=5.0)

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "protected mode" in exit.message


def test_stop_from_a_timer_ends_the_run_with_its_reason(machine: MakeMachine) -> None:
    m = machine(code(SPIN))
    m.vm.clock.call_after(1_000_000, m.stop)

    assert m.run(timeout=5.0).reason is ExitReason.INTR
    assert m.run(timeout=0.01).reason is ExitReason.DEADLINE


def test_the_newest_text_is_kept_and_what_was_dropped_is_counted(machine: MakeMachine) -> None:
    # A hundred letters to the debug port and to COM1, then XY to both.
    letter = "e6e9 baf803 ee"
    m = machine(
        code("b96400 b061" + letter + "e2f8 b058" + letter + "b059" + letter + HALT), log_limit=10
    )

    m.run()

    assert m.debug_text == m.serial_text == "a" * 8 + "XY"
    assert m.serial == m.debug.data == b"aaaaaaaaXY"
    assert m.serial_dropped == m.debug_dropped == 92
    assert m.serial_log.total == 102


def test_until_sees_new_text_after_old_was_dropped(machine: MakeMachine) -> None:
    # 65535 letters, which take 25 ms; then XY, and the guest goes on for ever.
    m = machine(code("b9ffff b061 e6e9 e2fc b058 e6e9 b059 e6e9" + SPIN), log_limit=16)

    exit = m.run(until="XY$", timeout=1.0)

    assert exit.reason is ExitReason.MATCH
    assert m.debug_dropped > 65000


@pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), ("16M", TypeError)])
def test_a_bad_log_limit_is_refused(limit: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="the limit of a log"):
        Machine(log_limit=limit)


# -- what is given to a machine, what it owns -----------------------------------------------------


@pytest.fixture
def boot_image(tmp_path: Path) -> Path:
    path = tmp_path / "boot.img"
    path.write_bytes(code(HALT).ljust(512, b"\0"))
    return path


@pytest.mark.parametrize(
    "memory", [0, -1, 65535, (1 << 32) + 1, 1 << 50, 1 << 60, 1 << 999], ids=hex
)
def test_a_memory_that_no_pc_has_is_refused(memory: int) -> None:
    with pytest.raises(MachineError, match=r"give at least 65536 bytes, at most .* \(4 GiB\)"):
        Machine(memory=memory)


@pytest.mark.parametrize(
    ("argument", "value", "text"),
    [
        ("memory", 1e6, "memory must be an integer, not float"),
        ("memory", "1M", "memory must be an integer, not str"),
        ("memory", None, "memory must be an integer, not NoneType"),
        ("model", 386, "model must be a name such as '80486', not int"),
        ("model", ["80386"], "model must be a name such as '80486', not list"),
        ("rtc_base", "x", "rtc_base must be a datetime, not str"),
        ("rtc_base", datetime.date(2009, 7, 1), "rtc_base must be a datetime, not date"),
        ("boot", 5, "a path or the bytes of an image, not of int"),
    ],
)
def test_an_argument_of_another_type_is_refused(argument: str, value: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Machine(**{argument: value})


def test_a_machine_may_have_all_memory_that_an_address_reaches(machine: MakeMachine) -> None:
    try:
        m = machine(code(HALT), memory=1 << 32)
    except OSError as error:  # ENOMEM
        pytest.skip(f"this host has no 4 GiB: {error}")

    assert m.run(timeout=5.0).reason is ExitReason.HLT


@pytest.mark.parametrize(
    "bad",
    [
        {"memory": 1 << 60},
        {"memory": 1e6},
        {"model": "z80"},
        {"shift": 99},
        {"clock": "x"},
        {"rtc_base": "x"},
    ],
    ids=str,
)
def test_a_machine_that_cannot_be_made_leaves_nothing_open(
    boot_image: Path, bad: dict[str, Any]
) -> None:
    before = descriptors()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((TypeError, ValueError)):
            Machine(boot_image, **bad)
        gc.collect()

    assert descriptors() == before


def made_by(caught: pytest.ExceptionInfo[BaseException]) -> Machine:
    """The half-made machine that an error came out of."""
    machine: Machine = caught.traceback[1].frame.f_locals["self"]
    return machine


def test_an_image_that_cannot_be_opened_closes_the_vm() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Machine("no such image")

    assert "closed" in repr(made_by(caught).vm)


@pytest.mark.parametrize("step", ["add_memory", "build", "cmos"])
def test_an_error_at_any_step_closes_the_image(
    boot_image: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **named: object) -> None:
        raise MemoryError("no memory for a slot")

    monkeypatch.setattr(board, step, fail)
    before = descriptors()

    with pytest.raises(MemoryError) as caught:
        Machine(boot_image)
    assert "closed" in repr(made_by(caught).vm)
    assert "closed" in repr(made_by(caught).disk)
    with Disk(boot_image) as disk:
        with pytest.raises(MemoryError):
            Machine(disk)
        assert len(disk.read(0)) == 512  # the caller's disk stays open

    assert descriptors() == before


def test_a_forgotten_machine_closes_its_image_with_a_warning(boot_image: Path) -> None:
    before = descriptors()

    with pytest.warns(ResourceWarning, match=r"unclosed <Disk .*boot\.img"):
        Machine(boot_image)
        gc.collect()

    assert descriptors() == before


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_machine_cannot_be_copied(
    machine: MakeMachine, how: Callable[[object], object], boot_image: Path
) -> None:
    m = machine(boot_image)

    with pytest.raises(
        TypeError, match=r"Machine objects cannot be copied or pickled.*make another"
    ):
        how(m)
    for part in (m.vm, m.disk, m.screen, m.floppy):
        with pytest.raises(TypeError):
            copy.deepcopy(part)
    assert m.run(timeout=5.0).reason is ExitReason.HLT


def test_an_image_that_became_shorter_is_an_error_of_the_run(
    machine: MakeMachine, tmp_path: Path
) -> None:
    # mov ax,201h; mov bx,8000h; mov cx,2; mov dx,0; int 13h: read sector 2
    image = tmp_path / "boot.img"
    image.write_bytes(code("b80102 bb0080 b90200 ba0000 cd13" + HALT).ljust(1024, b"\0"))
    m = machine(image)
    m.boot()
    os.truncate(image, 512)

    with pytest.raises(DiskError, match="had 1024 bytes when it was opened"):
        m.run(timeout=5.0)


def test_a_machine_whose_vm_does_not_close_still_closes_its_image(
    boot_image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = Machine(boot_image)
    close = m.vm.close

    def fail() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(m.vm, "close", fail)
    with pytest.raises(KeyboardInterrupt):
        m.close()

    assert "closed" in repr(m.disk)
    close()


@pytest.mark.parametrize(
    ("until", "error"), [("(", ValueError), (b"x", TypeError), (5, TypeError)], ids=repr
)
def test_what_is_no_regular_expression_is_refused(
    machine: MakeMachine, until: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^until="):
        machine(code(HALT)).run(until=until)


def test_a_machine_and_its_parts_are_initialised_once(machine: MakeMachine) -> None:
    m = machine(code(HALT))

    for again in (
        lambda: m.__init__(code(HALT)),  # type: ignore[misc]
        lambda: m.vm.clock.__init__(m.vm),  # type: ignore[misc]
        lambda: m.pio.__init__(m.vm, "pio", m.vm.clock),  # type: ignore[misc]
        lambda: m.vm.__init__(),  # type: ignore[misc]
    ):
        with pytest.raises(RuntimeError, match="initialised once"):
            again()

    assert m.run(timeout=5).reason is ExitReason.HLT
