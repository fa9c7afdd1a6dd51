"""Endings: the state at the end of a run says what happened."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.ending import Ending, ending
from pyx86emu.pc.resets import JUMP, Resets

LIMIT = "0f011e207c"  # lidt [7C20h], where zeros are: the interrupt table has no entry


def end_of(code: str, *, no_reboot: bool = True, timeout: float = 1, **more: str) -> Ending:
    """What is said of a boot sector's end."""
    with Machine(bytes.fromhex(code), no_reboot=no_reboot, model=more.get("model")) as m:
        exit = m.run(timeout=timeout)
        return ending(m, exit)


# -- resets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            f"{LIMIT} cc",
            "triple fault at 0000:7c05 (INT 03h at 0000:7c05, then #GP: IDT limit 0)",
        ),
        (f"{LIMIT} 0fff", "triple fault at 0000:7c05 (#UD at 0000:7c05, then #GP: IDT limit 0)"),
        (
            "bc0300 cd10",  # mov sp,3; int 10h
            "triple fault at 0000:7c03 (INT 10h at 0000:7c03, then #SS: SP 3, no room for a frame)",
        ),
        ("b0fe e664 ebfe", "8042 reset pulse at 0000:7c02"),
        ("b0d1 e664 b0fe e660 ebfe", "8042 reset pulse at 0000:7c06"),
        ("b001 e692 ebfe", "port 92h at 0000:7c02"),
        ("ea0000ffff", "jump to the reset vector at 0000:7c00"),
        ("90 eaf0ff00f0", "jump to the reset vector at 0000:7c01"),
        ("ea5be000f0", "jump to the reset vector at 0000:7c00"),
        ("b8f0ff 6800f0 50 cb", "jump to the reset vector at 0000:7c07"),  # retf
    ],
)
def test_a_reset_says_its_kind_and_its_place(code: str, text: str) -> None:
    found = end_of(code)

    assert found.kind == "reset"
    assert text in found.text


def test_a_guest_that_is_reset_again_and_again_says_how_often() -> None:
    found = end_of("b001 e692 ebfe", no_reboot=False)

    assert found.kind == "resets"
    assert found.text.startswith("the guest resets the machine again and again, ")
    assert found.text.endswith(" times, the last time: port 92h at 0000:7c02")


def test_the_exit_of_a_jump_to_the_reset_vector_has_the_jump() -> None:
    with Machine(bytes.fromhex("9090 ea0000ffff"), no_reboot=True) as m:
        exit = m.run(timeout=1)

        assert exit.reason is ExitReason.SHUTDOWN
        assert exit.jumped_from == (0, 0x7C02)


def test_a_second_jump_to_the_reset_vector_is_known_too() -> None:
    with Machine(bytes.fromhex("9090 ea0000ffff")) as m:
        m.run(max_instructions=2_000_000)

        assert m.resets.count > 1
        assert str(m.resets.last).startswith(f"{JUMP} at 0000:7c02")


def test_a_jump_to_the_reset_vector_in_single_steps_is_known() -> None:
    with Machine(bytes.fromhex("9090 ea0000ffff")) as m:
        m.boot()
        m.vcpu.debug(singlestep=True)

        for _ in range(100):
            m.run(timeout=1)

        assert str(m.resets.last).startswith(f"{JUMP} at 0000:7c02")


def test_power_on_and_the_reset_button_are_no_resets_of_the_guest() -> None:
    with Machine(bytes.fromhex("faf4")) as m:
        m.run()
        m.reset()
        m.run()

        assert m.resets.count == 0
        assert m.resets.last is None


def test_a_shutdown_that_the_host_has_set_has_no_fault() -> None:
    with Machine(bytes.fromhex("faf4"), no_reboot=True) as m:
        m.run()
        m.vcpu.events = type(m.vcpu.events)(triple_fault=True)

        exit = m.run()

        assert (exit.reason, exit.message) == (ExitReason.SHUTDOWN, None)
        assert m.resets.last is not None
        assert m.resets.last.detail is None


def test_resets_say_the_last_one() -> None:
    assert repr(Resets()) == "<0 resets, the last: None>"


# -- code that is no program ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("fa f4", "halted", "HLT at 0000:7c01 with interrupts off (IF=0)"),
        ("fa ebfe", "loop", "an endless loop, jmp $ at 0000:7c01 with interrupts off (IF=0): only"),
        ("ebfe", "loop", "an endless loop, jmp $ at 0000:7c00 with interrupts on"),
        ("fa e9fdff", "loop", "an endless loop, jmp $ at 0000:7c01 with interrupts off"),
        ("b031 e6f4", "exit", "the guest ended the run with status 99"),
        ("0fff", "fault", "the instruction at 0000:7c00 (0f ff 00 00) raises #UD, invalid opcode"),
        ("31c9 f7f1", "fault", "the instruction at 0000:7c02 (f7 f1 00 00) raises #DE, divide"),
    ],
)
def test_what_the_state_shows_is_said(code: str, kind: str, text: str) -> None:
    found = end_of(code)

    assert (found.kind, found.text[: len(text)]) == (kind, text)


def test_protected_mode_says_what_is_on_the_stack() -> None:
    found = end_of("0f20c0 0c01 0f22c0")

    assert found.kind == "unsupported"
    assert "protected mode" in found.text
    assert "; on the stack at 0000:7c00: " in found.text


def test_code_that_runs_over_the_boot_signature_says_so() -> None:
    sector = bytes.fromhex("faf4").ljust(510, b"\0") + b"\x55\xaa"
    with Machine(sector) as m:
        m.run()
        m.vcpu.regs.ip, m.vcpu.regs.ax = 0x7DFE, 0x2E2E

        exit = m.run(max_instructions=10)

        found = ending(m, exit)
        assert found.kind == "past the boot sector"
        assert "code ran over the boot signature at 0000:7dfe" in found.text


@pytest.mark.parametrize(
    ("ip", "fill", "kind", "text"),
    [
        (0x9000, 0, "zeros", "it executes zeros at 0000:9"),
        (0x9000, 0xFF, "empty", "it executes FFh bytes at 0000:9000; on the stack at "),
        (0x0100, 0x90, "vectors", "it executes the interrupt vectors at 0000:01"),
    ],
)
def test_a_jump_into_what_is_no_program_says_where(
    ip: int, fill: int, kind: str, text: str
) -> None:
    with Machine(bytes.fromhex("faf4")) as m:
        m.run()
        m.vm.write(ip, bytes([fill]) * 0x100)
        m.vcpu.regs.ip = ip

        exit = m.run(max_instructions=10 if fill != 0xFF else 0)

        found = ending(m, exit)
        assert (found.kind, found.text[: len(text)]) == (kind, text)


def test_a_loop_that_works_is_running() -> None:
    found = end_of("41 ebfd")  # inc cx; jmp

    assert found.kind == "running"
    assert "it runs at 0000:7c0" in found.text


def test_a_wait_for_a_key_names_the_routine_of_the_bios() -> None:
    found = end_of("b400 cd16")

    assert found.kind == "running"
    assert found.text.startswith("it waits for a key at f000:")
    assert " (kbd_wait of the BIOS) with interrupts " in found.text


def test_a_handler_of_the_bios_says_where_it_returns_to() -> None:
    with Machine(bytes.fromhex("90 90 faf4")) as m:
        m.run()
        regs = m.vcpu.regs
        regs.cs, regs.ip, regs.sp = 0xF000, 0xFF53, 0x7BFA  # an IRET
        m.vm.write(0x7BFA, bytes.fromhex("017c 0000 0200"))

        found = ending(m, m.run(max_instructions=0))

    assert (found.kind, found.text) == (
        "running",
        "it runs at f000:ff53 (dummy_iret of the BIOS), which returns to 0000:7c01, "
        "with interrupts off (IF=0)",
    )


def test_a_machine_that_boots_nothing_says_what_was_tried() -> None:
    with Machine() as m:
        found = ending(m, m.run(timeout=1))

    assert found.kind == "no boot"
    assert found.text.startswith("nothing boots: drive A: no disk in it; hard disk: ")
