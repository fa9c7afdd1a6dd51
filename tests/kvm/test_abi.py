"""The ABI of /dev/kvm: compare numbers and layouts with <linux/kvm.h>, by the C compiler."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path
from struct import Struct

import pytest

from pyx86emu.kvm import abi

NUMBERS = sorted(name for name in vars(abi) if name.startswith("KVM_"))
#: Our layout: the C structure.
SIZES = {
    "REGS": "struct kvm_regs",
    "SEGMENT": "struct kvm_segment",
    "DTABLE": "struct kvm_dtable",
    "SREGS_SIZE": "struct kvm_sregs",
    "EVENTS_SIZE": "struct kvm_vcpu_events",
    "DEBUGREGS": "struct kvm_debugregs",
    "GUEST_DEBUG": "struct kvm_guest_debug",
    "MEMORY_REGION": "struct kvm_userspace_memory_region",
    "IOEVENTFD": "struct kvm_ioeventfd",
    "IRQFD": "struct kvm_irqfd",
    "IRQ_LEVEL": "struct kvm_irq_level",
    "PIT_CONFIG": "struct kvm_pit_config",
    "DIRTY_LOG": "struct kvm_dirty_log",
    "COALESCED_ZONE": "struct kvm_coalesced_mmio_zone",
    "COALESCED_RING": "struct kvm_coalesced_mmio_ring",
    "COALESCED_ENTRY": "struct kvm_coalesced_mmio",
    "IRQCHIP_SIZE": "struct kvm_irqchip",
    "PIC_STATE": "struct kvm_pic_state",
    "PIT_STATE_SIZE": "struct kvm_pit_state2",
    "PIT_CHANNEL": "struct kvm_pit_channel_state",
    "CPUID_SIZE": "struct kvm_cpuid2",
    "CPUID_ENTRY_SIZE": "struct kvm_cpuid_entry2",
}
#: Our offset: the structure and its field.
PLACES = {
    "SREGS_GDT_AT": "kvm_sregs, gdt",
    "SREGS_IDT_AT": "kvm_sregs, idt",
    "SREGS_CR0_AT": "kvm_sregs, cr0",
    "SREGS_CR2_AT": "kvm_sregs, cr2",
    "SREGS_CR3_AT": "kvm_sregs, cr3",
    "SREGS_CR4_AT": "kvm_sregs, cr4",
    "SREGS_EFER_AT": "kvm_sregs, efer",
    "SREGS_BITMAP_AT": "kvm_sregs, interrupt_bitmap",
    "EVENTS_FLAGS_AT": "kvm_vcpu_events, flags",
    "IRQCHIP_CHIP_AT": "kvm_irqchip, chip",
    "REQUEST_WINDOW_AT": "kvm_run, request_interrupt_window",
    "IMMEDIATE_EXIT_AT": "kvm_run, immediate_exit",
    "EXIT_REASON_AT": "kvm_run, exit_reason",
    "RUN_IO_AT": "kvm_run, io",
    "RUN_MMIO_AT": "kvm_run, mmio",
    "RUN_MMIO_DATA_AT": "kvm_run, mmio.data",
    "RUN_DEBUG_AT": "kvm_run, debug.arch",
    "RUN_INTERNAL_AT": "kvm_run, internal",
    "RUN_FAIL_ENTRY_AT": "kvm_run, fail_entry",
    "VALID_REGS_AT": "kvm_run, kvm_valid_regs",
    "DIRTY_REGS_AT": "kvm_run, kvm_dirty_regs",
    "SYNC_REGS_AT": "kvm_run, s.regs.regs",
    "SYNC_SREGS_AT": "kvm_run, s.regs.sregs",
    "SYNC_EVENTS_AT": "kvm_run, s.regs.events",
}
#: Places inside what we unpack: the layout, how many values come before, the structure, the field.
FIELDS = (
    ("REGS", 16, "kvm_regs, rip"),
    ("REGS", 17, "kvm_regs, rflags"),
    ("SEGMENT", 2, "kvm_segment, selector"),
    ("SEGMENT", 3, "kvm_segment, type"),
    ("SEGMENT", 10, "kvm_segment, avl"),
    ("EVENTS", 4, "kvm_vcpu_events, exception.error_code"),
    ("EVENTS", 5, "kvm_vcpu_events, interrupt.injected"),
    ("EVENTS", 8, "kvm_vcpu_events, interrupt.shadow"),
    ("EVENTS", 9, "kvm_vcpu_events, nmi.injected"),
    ("EVENTS", 11, "kvm_vcpu_events, nmi.masked"),
    ("EVENTS", 12, "kvm_vcpu_events, sipi_vector"),
    ("EVENTS", 13, "kvm_vcpu_events, flags"),
    ("DEBUGREGS", 4, "kvm_debugregs, dr6"),
    ("GUEST_DEBUG", 2, "kvm_guest_debug, arch.debugreg"),
    ("MEMORY_REGION", 4, "kvm_userspace_memory_region, userspace_addr"),
    ("IOEVENTFD", 2, "kvm_ioeventfd, len"),
    ("IOEVENTFD", 3, "kvm_ioeventfd, fd"),
    ("IOEVENTFD", 4, "kvm_ioeventfd, flags"),
    ("IRQFD", 3, "kvm_irqfd, resamplefd"),
    ("DIRTY_LOG", 1, "kvm_dirty_log, dirty_bitmap"),
    ("PIT_CHANNEL", 12, "kvm_pit_channel_state, count_load_time"),
)

PROGRAM = """
#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>
int main(void)
{{
{lines}
    return 0;
}}
"""


def size(name: str) -> int:
    ours = getattr(abi, name)
    return ours.size if isinstance(ours, Struct) else int(ours)


def before(name: str, count: int) -> int:
    """The offset of a value in a layout: the size of what comes before it, with its padding."""
    layout: Struct = getattr(abi, name)
    marked = [bytearray(layout.size) for _ in range(2)]
    number = len(layout.unpack(bytes(layout.size)))
    for data, value in zip(marked, (0, 1), strict=True):
        layout.pack_into(data, 0, *[value if i == count else 0 for i in range(number)])
    return next(i for i in range(layout.size) if marked[0][i] != marked[1][i])


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What the C compiler says of each expression."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if platform.machine() != "x86_64" or compiler is None:
        pytest.skip("no C compiler for x86-64 here: <linux/kvm.h> cannot be read")
    told = {name: f"(long long){name}" for name in NUMBERS}
    told |= {name: f"(long long)sizeof({what})" for name, what in SIZES.items()}
    told |= {name: f"(long long)offsetof(struct {what})" for name, what in PLACES.items()}
    told |= {
        f"{name} {count}": f"(long long)offsetof(struct {what})" for name, count, what in FIELDS
    }
    lines = "\n".join(f'    printf("{name}: %lld\\n", {what});' for name, what in told.items())
    source: Path = tmp_path_factory.mktemp("abi") / "abi.c"
    source.write_text(PROGRAM.format(lines=lines))
    done = subprocess.run(
        [compiler, "-w", str(source), "-o", str(source.with_suffix(""))],
        capture_output=True,
        text=True,
        check=False,
    )
    if "linux/kvm.h: No such file" in done.stderr:
        pytest.skip("no <linux/kvm.h> here: install the headers of the kernel (linux-libc-dev)")
    assert done.returncode == 0, done.stderr
    said = subprocess.run(
        [str(source.with_suffix(""))], capture_output=True, text=True, check=True
    ).stdout
    return {name: int(value) for name, _, value in (s.partition(": ") for s in said.splitlines())}


def test_numbers_are_those_of_the_header(header: dict[str, int]) -> None:
    ours = {name: getattr(abi, name) for name in NUMBERS}

    assert {name: header[name] & 0xFFFFFFFF for name in NUMBERS} == ours
    assert len(ours) > 80


def test_sizes_are_those_of_the_header(header: dict[str, int]) -> None:
    assert {name: header[name] for name in SIZES} == {name: size(name) for name in SIZES}


def test_places_are_those_of_the_header(header: dict[str, int]) -> None:
    assert {name: header[name] for name in PLACES} == {name: getattr(abi, name) for name in PLACES}


def test_fields_are_where_the_header_has_them(header: dict[str, int]) -> None:
    found = {f"{name} {count}": before(name, count) for name, count, _ in FIELDS}

    assert {name: header[name] for name in found} == found


def test_every_layout_is_compared() -> None:
    layouts = {name for name, value in vars(abi).items() if isinstance(value, Struct)}
    layouts |= {name for name in vars(abi) if name.endswith("_SIZE") and name not in NUMBERS}
    run = {name for name in layouts if name.startswith("RUN_")}

    assert layouts - set(SIZES) - run - {"EVENTS"} == set()
    places = {name for name in vars(abi) if name.endswith("_AT")}
    assert places == set(PLACES)
