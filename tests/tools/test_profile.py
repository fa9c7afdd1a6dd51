"""Profiles: every instruction is counted once, in the function whose code it is."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from pyx86emu import Exit, Machine, Symbols
from pyx86emu.tools import profile as profiles
from pyx86emu.tools.profile import Profile

#: Calls of all kinds, returns of all kinds, a software interrupt, a fault, and the timer at its
#: fastest useful rate. `done` is where the work ends.
WORK = """\
    org 7C00h
main:
    cli
    xor ax, ax
    mov ss, ax
    mov ds, ax
    mov es, ax
    mov sp, 7C00h
    mov word [60h*4], service
    mov [60h*4+2], ax
    mov word [0], divided
    mov [2], ax
    mov word [8*4], timer
    mov [8*4+2], ax
    mov al, 34h
    out 43h, al
    mov al, 60
    out 40h, al
    mov al, 0
    out 40h, al
    mov al, 0FEh
    out 21h, al
    sti
    mov cx, 300
.again:
    call near_one
    push cx
    call drops
    call 0:far_one
    int 60h
    mov bx, near_one
    call bx
    push .pushed
    ret
.pushed:
    div byte [zero]
    call .next
.next:
    pop ax
    push cx
    mov cx, 3
    rep lodsb
    pop cx
    loop .again
    jmp done
near_one:
    push ax
    call leaf
    jz .same
    nop
.same:
    pop ax
    ret
leaf:
    cmp ax, ax
    ret
drops:
    ret 2
far_one:
    call leaf
    retf
service:
    push ds
    call leaf
    pop ds
    iret
divided:
    push bp
    mov bp, sp
    add word [bp+2], 4
    pop bp
    iret
timer:
    push ax
    call acknowledge
    pop ax
    iret
acknowledge:
    mov al, 20h
    out 20h, al
    ret
done:
    cli
    hlt
zero: db 0
    times 510-($-$$) db 0
    dw 0AA55h
"""
#: Two tasks in one segment that switch by RET, from inside of a function each.
TASKS = """\
    org 7C00h
main:
    xor ax, ax
    mov ss, ax
    mov ds, ax
    mov sp, 7C00h
    mov word [other], 6FFEh
    mov word [6FFEh], second
    mov cx, 20
first:
    call switch_one
    loop first
    cli
    hlt
second:
    call work
    jmp second
work:
    nop
    call switch_two
    nop
    ret
switch_one:
    xchg sp, [other]
    ret
switch_two:
    xchg sp, [other]
    ret
other: dw 0
    times 510-($-$$) db 0
    dw 0AA55h
"""


def assembled(source: str, directory: Path, nasm: str) -> tuple[bytes, Symbols]:
    (directory / "a.asm").write_text(source)
    command = [nasm, "-f", "bin", "a.asm", "-o", "a.bin", "-l", "a.lst"]
    subprocess.run(command, cwd=directory, check=True)
    return (directory / "a.bin").read_bytes(), Symbols.load(directory / "a.lst")


def booted(image: bytes, symbols: Symbols | None = None) -> Machine:
    m = Machine(image)
    m.symbols = symbols
    m.boot()
    return m


def profiled(image: bytes, symbols: Symbols, **limits: int) -> tuple[Profile, Machine, Exit]:
    with booted(image, symbols) as m:
        start = m.vcpu.instructions
        with m.profile() as found:
            exit = m.run(timeout=5, **limits)
        assert found.instructions == m.vcpu.instructions - start
        return found, m, exit


def own(found: Profile) -> Counter[str]:
    """How many instructions each function has executed itself."""
    counts: Counter[str] = Counter()
    for names, count in found.stacks().items():
        counts[names[-1]] += count
    return counts


def test_each_function_has_the_instructions_of_its_code(tmp_path: Path, nasm: str) -> None:
    image, symbols = assembled(WORK, tmp_path, nasm)
    found, _, _ = profiled(image, symbols)

    expected: Counter[str] = Counter()
    names = {"service": "int60h", "divided": "[#DE]", "timer": "[irq0]", "done": "main"}
    with booted(image) as m:
        regs, end = m.vcpu.regs, symbols["done"] + 2
        while regs.ip != end:
            label = symbols.label(regs.ip)
            before = m.vcpu.instructions
            m.vcpu.step()
            assert label is not None
            name = label.name.partition(".")[0]
            expected[names.get(name, name)] += m.vcpu.instructions - before

    assert expected["[irq0]"] > 20
    assert own(found) == expected


def test_a_stack_is_who_called(tmp_path: Path, nasm: str) -> None:
    image, symbols = assembled(WORK.replace("    sti\n", "    nop\n"), tmp_path, nasm)
    found, _, _ = profiled(image, symbols)

    stacks = found.stacks()

    assert stacks["main", "drops"] == 300
    assert stacks["main", "far_one", "leaf"] == 600
    assert stacks["main", "int60h", "leaf"] == 600
    assert stacks["main", "[#DE]"] == 1500
    assert stacks["main", "near_one", "leaf"] == 1200
    assert all(names[0] == "main" and len(names) < 7 for names in stacks)
    assert not any(names[1:2] == ("main.next",) for names in stacks)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_how_often_the_log_is_read_changes_nothing(
    tmp_path: Path, nasm: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, symbols = assembled(WORK, tmp_path, nasm)
    whole, _, _ = profiled(image, symbols, max_instructions=6000)

    monkeypatch.setattr(profiles, "CHUNK", chunk)
    parts, _, _ = profiled(image, symbols, max_instructions=6000)

    assert parts.collapsed() == whole.collapsed()


def test_a_profile_changes_nothing_for_the_guest(tmp_path: Path, nasm: str) -> None:
    image, _ = assembled(WORK, tmp_path, nasm)
    with booted(image) as m:
        exit = m.run(timeout=5)
        plain = (repr(exit), m.vcpu.instructions, m.save().to_bytes())
    with booted(image) as m, m.profile():
        exit = m.run(timeout=5)

        assert (repr(exit), m.vcpu.instructions, m.save().to_bytes()) == plain


def test_tasks_that_switch_keep_their_stacks(tmp_path: Path, nasm: str) -> None:
    image, symbols = assembled(TASKS, tmp_path, nasm)
    found, _, _ = profiled(image, symbols)

    counts = own(found)

    assert counts["switch_two"] == 2 * 20
    assert counts["work"] == 4 * 19 + 2  # of the last one, the second half was not reached
    assert max(len(names) for names in found.stacks()) <= 5


def test_without_symbols_a_frame_is_its_place(tmp_path: Path) -> None:
    with booted(bytes.fromhex("e80200 fa f4 40 c3")) as m:
        with m.profile() as found:
            m.run(timeout=1)
        found.save(tmp_path / "a.txt")

    assert (tmp_path / "a.txt").read_text() == "0000:7c00 3\n0000:7c00;0000:7c05 2\n"


def test_our_bios_has_its_labels() -> None:
    with Machine(bytes.fromhex("b40e b041 cd10 fa f4")) as m:
        with m.profile() as found:
            m.run(timeout=5)
        assert found.instructions == m.vcpu.instructions

    stacks = found.stacks()
    assert any(names[:2] == ("0000:7c00", "int10h") for names in stacks)
    assert any(names[0] == "reset_vector" for names in stacks)


def test_steps_and_restored_states_are_counted_as_they_are() -> None:
    with booted(bytes.fromhex("e80200 ebfb 40 c3")) as m:
        m.boot()
        state = m.save()
        with m.profile() as found:
            for _ in range(10):
                m.vcpu.step()
            m.restore(state)
            m.run(max_instructions=8)
            m.vcpu.run(12)

        assert found.instructions == 30
        assert found.stacks() == {("0000:7c00",): 15, ("0000:7c00", "0000:7c05"): 15}


def test_a_long_run_without_the_machine_loses_stacks_but_no_instructions() -> None:
    with booted(bytes.fromhex("fa e80200 ebfb 40 c3")) as m:
        with m.profile() as found:
            m.vcpu.run(400_001)

        assert found.instructions == 400_001
        assert found.stacks()["[not seen]",] > 100_000


def test_code_that_is_rewritten_is_read_again(tmp_path: Path, nasm: str) -> None:
    source = """
    org 7C00h
    main: mov cx, 5
    .again: jmp near .next
    .next: loop .again
    mov byte [cs:.again], 0E8h
    mov word [cs:.again+1], leaf-.next
    mov cx, 5
    jmp .again
    leaf: cmp cx, 1
    je .end
    ret
    .end: cli
    hlt
    """
    image, symbols = assembled(source, tmp_path, nasm)
    found, _, _ = profiled(image, symbols)

    assert own(found)["leaf"] == 4 * 3 + 2 + 2


def test_endless_recursion_has_a_bound() -> None:
    with booted(bytes.fromhex("fa e8fdff")) as m:
        with m.profile() as found:
            m.run(max_instructions=200_000)

        assert found.instructions == 200_000
        assert max(map(len, found.stacks())) <= 501


def test_a_reset_begins_a_new_stack() -> None:
    # mov word [472h],1234h; call next; next: jmp f000:fff0
    with booted(bytes.fromhex("e80000 eaf0ff00f0")) as m:
        with m.profile() as found:
            m.run(max_instructions=50_000)

        assert found.instructions == 50_000
        roots = {names[0] for names in found.stacks()}
        assert roots == {"0000:7c00", "reset_vector"}


def test_there_is_one_at_a_time() -> None:
    with booted(b"\xf4") as m:
        with m.profile(), pytest.raises(RuntimeError, match=r"has a profile already: close\(\)"):
            m.profile()
        with m.profile() as found:
            found.close()
        assert repr(found) == "<Profile of 0 instructions>"
