"""Debian's gdb, without a script or a setting: it is right in real mode."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from pyx86emu import ExitReason, Machine, Vm
from pyx86emu.tools.gdb import GdbServer, breakpoints
from tests.harness import Running, wait_until
from tests.on_gdb import gdb, need, with_symbols
from tests.tools.gdb.client import served

BOOT = """
        bits 16
        global _start, main, print, hang
_start: cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        jmp 0x7c0:(main - _start)       ; CS is not 0 from here on
main:   mov ax, cs
        mov ds, ax
        mov bp, 0x1234
        mov cx, 3
.again: call print
        inc word [count - _start]
        loop .again
        mov ax, [count - _start]
hang:   jmp hang
print:  push ax
        mov ax, 0x0e41
        int 0x10
        pop ax
        ret
count:  dw 0
        times 510 - ($ - _start) db 0
        dw 0xaa55
"""


class Boot(NamedTuple):
    """A machine under gdb."""

    machine: Machine
    run: Running[object]
    port: str
    symbols: Path

    def gdb(self, script: str, symbols: bool = True) -> str:
        """What gdb prints."""
        return gdb(self.port, script, self.symbols if symbols else None)


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    need("gdb")
    image, symbols = with_symbols(BOOT, tmp_path)
    with served(image) as (m, address, run):
        yield Boot(m, run, address, symbols)  # type: ignore[arg-type]


def shown(text: str, pattern: str) -> list[str]:
    """All matches of the pattern."""
    return re.findall(pattern, text, re.M)


def test_it_starts_at_the_reset_vector_in_16_bit_code(boot: Boot) -> None:
    text = boot.gdb("x/i $pc\np $ip\nbt", symbols=False)

    assert "=> 0xffff0:\tljmp   $0xf000,$0x" in text
    assert "= 65520" in text
    assert shown(text, r"^#.*") == ["#0  0x000ffff0 in ?? ()"]


def test_breakpoints_by_address_and_by_symbol_where_cs_is_not_0(boot: Boot) -> None:
    text = boot.gdb(
        """
        break *0x7c00
        continue
        x/2i $pc
        break print
        continue
        x/2i $pc
        p/x $cs
        p/x $ip
        bt
        info breakpoints
        """
    )

    assert "Breakpoint 1, _start () at" in text and "Breakpoint 2, print () at" in text
    assert "=> 0x7c00 <_start>:\tcli" in text and "0x7c01 <_start+1>:\txor    %ax,%ax" in text
    assert re.search(r"=> 0x7c\w\w <print>:\tpush   %ax\n.*:\tmov    \$0xe41,%ax", text)
    assert "= 0x7c0\n" in text and re.search(r"= 0x[0-9a-f]{2}\n", text)
    frames = shown(text, r"^#\d+ +(?:0x\w+ in )?(.*) \(\)")  # BP is 1234h: none is made of it
    assert frames == ["print", "main[again]"]
    assert text.count("breakpoint already hit 1 time") == 2


NESTED = """
        bits 16
        global _start, work, tick, leaf, deep
_start: cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7000
        mov word [ss:8 * 4], tick - _start
        mov word [ss:8 * 4 + 2], 0x7c0
        sti
        jmp 0x7c0:(work - _start)       ; CS is not 0 from here on, and SS is another one
work:   mov ax, 0x9000
        mov ss, ax
        mov cx, 3
.again: call framed
        loop .again
idle:   hlt
        jmp idle
framed: push bp
        mov bp, sp
        sub sp, 6
        push si
        mov cx, 1
.loop:  call saves
        loop .loop
        mov cx, 1
        pop si
        mov sp, bp
        pop bp
        ret
saves:  push ax
        push dx
        call 0x7c0:(leaf - _start)
        pop dx
        pop ax
        ret
leaf:   mov bx, deep - _start
        call bx
        retf
deep:   nop
        ret
tick:   push ax
        mov al, 0x20
        out 0x20, al
        pop ax
        iret
        times 510 - ($ - _start) db 0
        dw 0xaa55
"""


@pytest.fixture
def nested(tmp_path: Path) -> Iterator[Boot]:
    need("gdb")
    image, symbols = with_symbols(NESTED, tmp_path)
    with served(image) as (m, address, run):
        yield Boot(m, run, address, symbols)  # type: ignore[arg-type]


def frames(text: str) -> list[str]:
    """The functions of the backtraces, one after the other, without the labels inside of them."""
    return shown(text, r"^#\d+ +(?:0x\w+ in )?(\w+)")


CALLERS = ["deep", "leaf", "saves", "framed", "work"]


def test_a_backtrace_has_all_callers_near_and_far_with_and_without_frame_pointers(
    nested: Boot,
) -> None:
    text = nested.gdb("break deep\ncontinue\nbt\nstepi\nbt\nup 2\np/x $pc\nmonitor bt")

    assert frames(text)[:10] == CALLERS * 2  # at the first instruction, and at RET
    assert re.search(r"^\$1 = 0x7c\w\w$", text, re.M)
    entered = shown(text, r"^#\d  07c0:00.*by a (\w+)")
    assert entered == ["near", "far", "near", "near"]
    assert "Backtrace stopped: Cannot access memory" in text  # this is how gdb says that it ends


def test_without_symbols_a_backtrace_is_as_long(nested: Boot) -> None:
    at = re.search(r"address (0x\w+)", nested.gdb("info line deep\ndetach"))
    assert at is not None

    text = nested.gdb(f"break *{at[1]}\nmonitor reset\ncontinue\nbt\nstepi\nbt", symbols=False)

    assert len(shown(text, r"^#\d+ +0x00007c\w\w in")) == 10


def test_a_call_is_stepped_over_and_finished(nested: Boot) -> None:
    text = nested.gdb(
        """
        break framed
        continue
        bt
        delete
        next
        next
        next
        bt
        tbreak deep
        continue
        finish
        bt
        finish
        bt
        finish
        bt
        """
    )

    assert (
        frames(text)
        == [
            *("framed", "work"),
            *("framed", "work"),  # over the call of `saves`
            *CALLERS[1:],
            *CALLERS[2:],
            *CALLERS[3:],
        ]
    )


def test_an_interrupt_shows_what_it_has_interrupted(nested: Boot) -> None:
    text = nested.gdb("break idle\ncontinue\nbreak tick\ncontinue\nbt\nstepi\nbt\nfinish\nbt")

    assert frames(text) == ["tick", "idle", "tick", "idle", "idle"]


def test_what_would_change_the_shown_stack_is_refused(nested: Boot) -> None:
    text = nested.gdb(
        "break deep\ncontinue\nreturn\np/x $ip\nset $esp = 0x95000\np/x $ss\np/x $sp\nset $sp=2\n"
        "p/x $stack\nmonitor frames off\nmaintenance flush register-cache\nbt\nx/xh $esp"
    )

    assert "this is a place of the call stack that gdb is shown" in text
    assert "= 0x9000\n" in text and "= 0x5000\n" in text
    assert "= 0x90002\n" in text
    assert shown(text, r"^#(\d)") == ["0"] and "0x90002:\t" in text


def test_steps_go_over_ports_shadows_and_into_interrupts(boot: Boot) -> None:
    text = boot.gdb(
        """
        break *0x7c03
        continue
        stepi
        stepi
        x/i $pc
        break print
        continue
        stepi
        stepi
        x/i $pc
        stepi
        p/x $cs
        x/2xh $stack
        """
    )

    assert "=> 0x7c08 <_start+8>:\tsti" in text  # after MOV SS and MOV SP
    assert re.search(r"=> 0x7c\w\w <print\+4>:\tint    \$0x10", text)
    assert "= 0xf000\n" in text
    assert re.search(r"0x7b\w\w:\t0x00\w\w\t0x07c0", text)  # IP and CS, at the linear address


def test_lines_are_stepped_in_the_source(boot: Boot) -> None:
    text = boot.gdb("break main\ncontinue\nstep\nstep\ninfo source\nlist main")

    assert "main:   mov ax, cs" in text and re.search(r"^\d+\s+mov ds, ax$", text, re.M)


def test_watchpoints_show_old_and_new_values(boot: Boot) -> None:
    text = boot.gdb(
        """
        break main
        continue
        watch *(unsigned short *) &count
        continue
        continue
        delete
        rwatch *(unsigned short *) &count
        continue
        """
    )

    assert "Hardware watchpoint 2" in text
    assert "Old value = 0\nNew value = 1" in text and "Old value = 1\nNew value = 2" in text
    assert "Hardware read watchpoint 3" in text and "Value = 3" in text


def test_registers_are_changed_and_the_guest_goes_on_with_them(boot: Boot) -> None:
    text = boot.gdb(
        """
        break main
        continue
        set $cx = 1
        p $ecx
        set $bp = 0x4321
        monitor info registers
        tbreak *0x7c15
        jump *0x7c13
        p/x $pc
        p $cx
        """
    )

    assert "= 1\n" in text and "ebp=00004321" in text
    assert "= 0x7c15\n" in text or "Temporary breakpoint" in text


def test_memory_is_read_written_and_searched(boot: Boot) -> None:
    text = boot.gdb(
        """
        break main
        continue
        set *(short *) 0x9000 = 0x1234
        x/2xb 0x9000
        find 0x7c00, 0x7dff, (short) 0xaa55
        x/4xb 0xc0000
        info mem
        """
    )

    assert "0x9000:\t0x34\t0x12" in text
    assert "0x7dfe\n" in text and "1 pattern found" in text
    assert "Cannot access memory at address 0xc0000" in text
    assert shown(text, r"0x000f0000 0x00100000 ro")


def test_detached_it_goes_on_and_a_second_session_finds_it(boot: Boot) -> None:
    first = boot.gdb("break print\ncontinue\ndetach")
    wait_until(lambda: boot.machine.vm.read(0x7C00 + 0x30, 2) is not None)

    second = boot.gdb("info threads\nbreak hang\ncontinue\nx/i $pc\ndetach")

    assert "detached]" in first
    assert "Thread 1 (Vcpu 80486 at " in second
    assert re.search(r"=> 0x7c\w\w <hang>:\tjmp", second)
    assert boot.run.going


def test_kill_ends_the_run(boot: Boot) -> None:
    text = boot.gdb("kill")

    assert "killed]" in text
    exit = boot.run.result()
    assert getattr(exit, "reason", None) is ExitReason.INTR


def test_the_monitor_answers(boot: Boot) -> None:
    text = boot.gdb("monitor help\nmonitor info pic\nmonitor reset\nmonitor nonsense")

    assert "snapshot [NAME]" in text and "master irr=" in text
    assert "reset; type `maintenance flush register-cache`" in text
    assert "unknown command 'nonsense'" in text


def test_hundreds_of_breakpoints_are_set_at_every_stop(boot: Boot) -> None:
    script = "\n".join(f"hbreak *{0x9000 + n:#x}" for n in range(400))

    text = boot.gdb(f"{script}\nbreak print\ncontinue\ncontinue\np $cx")

    assert "Breakpoint 401, print ()" in text and "= 2\n" in text


def test_more_breakpoints_than_fit_are_an_error_of_gdb(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakpoints, "MOST_BREAKPOINTS", 3)

    text = boot.gdb("\n".join(f"hbreak *{0x9000 + n:#x}" for n in range(4)) + "\ncontinue")

    assert "Cannot insert hardware breakpoint 4" in text


def test_ctrl_c_stops_a_guest_that_runs(boot: Boot) -> None:
    process = subprocess.Popen(
        ["gdb", "-nx", "-q", "-ex", f"target remote {boot.port}", "-ex", "continue"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    with process:
        wait_until(lambda: boot.machine.booted)
        os.kill(process.pid, signal.SIGINT)
        text, _ = process.communicate("x/i $pc\ndetach\n", timeout=60)

    assert "received signal SIGINT" in text
    assert "=> 0x" in text and "detached]" in text


def test_vcpus_are_threads_of_gdb() -> None:
    need("gdb")
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000:0x1006] = bytes.fromhex("ff060020 ebfa")  # again: inc word [2000h]; jmp again
        ram[0x3000:0x3006] = bytes.fromhex("ff060040 ebfa")
        for at in (0x1000, 0x3000):
            regs = vm.create_vcpu().regs
            regs.cs, regs.ip, regs.ds = 0, at, 0
        with GdbServer(vm, "127.0.0.1:0", stopped=True) as server:
            run = Running(lambda: server.run(wall=60))

            text = gdb(
                server.address,
                """
                info threads
                thread 2
                stepi
                x/i $pc
                set scheduler-locking on
                break *0x3000
                continue
                thread 1
                p/x $pc
                set scheduler-locking off
                delete
                break *0x1004
                continue
                kill
                """,
            )

            assert run.result().reason is ExitReason.INTR
    assert "* 1    Thread 1 (Vcpu 80486 at 0000:1000" in text
    assert "  2    Thread 2 (Vcpu 80486 at 0000:3000" in text
    assert "=> 0x3004:\tjmp    0x3000" in text
    assert "Thread 2 hit Breakpoint 1, 0x00003000" in text
    assert "= 0x1000\n" in text and "Thread 1 hit Breakpoint 2, 0x00001004" in text


def test_the_command_line_waits_for_gdb_and_ends_as_it_says(tmp_path: Path) -> None:
    """python -m pyx86emu boot.img -S -gdb unix:PATH"""
    need("gdb")
    image, symbols = with_symbols(BOOT, tmp_path)
    (tmp_path / "boot.img").write_bytes(image)
    wire = tmp_path / "wire"
    command = [sys.executable, "-m", "pyx86emu", str(tmp_path / "boot.img"), "-S"]
    with subprocess.Popen(
        [*command, "-gdb", f"unix:{wire}"], stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(wire.exists)

        text = gdb(str(wire), "break hang\ncontinue\nkill", symbols)

        _, said = process.communicate(timeout=60)
    assert "Breakpoint 1, hang () at" in text
    assert process.returncode == 130
    assert f"gdb -ex 'target remote {wire}' connects; the guest waits for it" in said
    assert "killed by gdb (at 07c0:" in said


def test_a_recorded_guest_goes_back_over_calls_and_to_callers(tmp_path: Path) -> None:
    need("gdb")
    image, symbols = with_symbols(NESTED, tmp_path)
    with Machine(image) as m, m.record(), m.gdbserver("127.0.0.1:0", stopped=True) as server:
        run = Running(lambda: m.run(wall=60))

        text = gdb(
            server.address,
            """
            break deep
            continue
            delete
            reverse-finish
            bt
            reverse-finish
            bt
            finish
            next
            next
            reverse-next
            bt
            kill
            """,
            symbols,
        )

        run.result()
    assert frames(text) == [*CALLERS[1:], *CALLERS[2:], *CALLERS[3:]]


def test_a_guest_that_is_not_recorded_goes_back_nowhere(nested: Boot) -> None:
    text = nested.gdb("break deep\ncontinue\nreverse-stepi\nreverse-continue\nbt")

    assert text.count("Target remote does not support this command") == 2
    assert frames(text) == CALLERS


def test_a_recorded_guest_goes_back(tmp_path: Path) -> None:
    if not hasattr(Machine, "record"):
        pytest.skip("this machine keeps no recording")
    image, symbols = with_symbols(BOOT, tmp_path)
    with (
        Machine(image) as m,
        m.record(),
        m.gdbserver("127.0.0.1:0", stopped=True) as server,
    ):
        run = Running(lambda: m.run(wall=60))

        text = gdb(
            server.address,
            """
            break hang
            continue
            reverse-stepi
            x/i $pc
            delete
            watch *(unsigned short *) &count
            reverse-continue
            delete
            break print
            reverse-continue
            stepi
            x/i $pc
            delete
            reverse-continue
            tbreak hang
            continue
            p *(unsigned short *) &count
            kill
            """,
            symbols,
        )

        run.result()
    assert re.search(r"=> 0x7c\w\w <main.again\+9>:\tmov    0x\w\w,%ax", text)
    assert "Old value = 3\nNew value = 2" in text
    assert re.search(r"=> 0x7c\w\w <print\+1>:\tmov    \$0xe41,%ax", text)
    assert "No more reverse-execution history" in text and "0x000ffff0 in ?? ()" in text
    assert "= 3\n" in text  # the same again, forwards
