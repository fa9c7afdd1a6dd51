"""Records of a vCPU: make those of structs.py from what KVM shares, and set it from them.

A setter checks the whole record first; then it stores. What KVM refuses is a ValueError that names
the record, and nothing has changed.
"""

from fcntl import ioctl
from typing import TYPE_CHECKING, Any

from .._core import exact
from ..structs import Dtable, MpState, Segment, Shadow, Sregs, VcpuEvents, checked
from . import abi

if TYPE_CHECKING:
    from .runner import Runner

NAMES = abi.SREGS_SEGMENTS[:6]
CONTROLS = {
    "cr0": abi.SREGS_CR0_AT,
    "cr2": abi.SREGS_CR2_AT,
    "cr3": abi.SREGS_CR3_AT,
    "cr4": abi.SREGS_CR4_AT,
}
TABLES = {"gdt": abi.SREGS_GDT_AT, "idt": abi.SREGS_IDT_AT}
VALID = abi.KVM_VCPUEVENT_VALID_NMI_PENDING | abi.KVM_VCPUEVENT_VALID_SHADOW
#: A segment with a larger limit counts pages, so its last bits are 1.
BYTES = 0xFFFFF
#: The vector that is no exception, and the last one that is.
NMI, LAST = 2, 31
#: Bits of DR6 that a debug exception sets.
DR6_BITS = 0xE00F


def sregs_of(vcpu: "Runner") -> Sregs:
    """`vcpu.sregs`."""
    vcpu._settle()
    at = abi.SYNC_SREGS_AT
    data = vcpu._page[at : at + abi.SREGS_SIZE]
    fields: dict[str, Any] = {}
    for number, name in enumerate(NAMES):
        base, limit, selector, *_ = abi.SEGMENT.unpack_from(data, number * abi.SEGMENT.size)
        fields[name] = Segment(selector, base, limit)
    for name, place in TABLES.items():
        fields[name] = Dtable(*abi.DTABLE.unpack_from(data, place))
    for name, place in CONTROLS.items():
        fields[name] = int.from_bytes(data[place : place + 8], "little")
    return Sregs(**fields)


def put_sregs(vcpu: "Runner", value: Sregs) -> None:
    """Set them. ValueError: CR0 with PE, a limit that no processor has, or KVM refuses."""
    record = checked(value, Sregs, "sregs")
    if record.cr0 & 1:
        raise ValueError(
            "sregs.cr0 with PE=1 is protected mode: the guest may enter it, the host may not"
        )
    for name in NAMES:
        limit = getattr(record, name).limit
        if limit > BYTES and limit & 0xFFF != 0xFFF:
            raise ValueError(
                f"sregs.{name}.limit is {limit:#x}: above {BYTES:#x} it ends with a page, at "
                f"{limit | 0xFFF:#x}"
            )
    vcpu._writable("write its sregs")
    at = abi.SYNC_SREGS_AT
    before = vcpu._page[at : at + abi.SREGS_SIZE]
    data = bytearray(before)
    moved = record.cs != sregs_of(vcpu).cs
    for number, name in enumerate(NAMES):
        segment: Segment = getattr(record, name)
        place = number * abi.SEGMENT.size
        _, _, _, kind, present, dpl, db, s, ell, _, avl = abi.SEGMENT.unpack_from(data, place)
        attributes = (kind, present, dpl, db, s, ell, segment.limit > BYTES, avl)
        abi.SEGMENT.pack_into(
            data, place, segment.base, segment.limit, segment.selector, *attributes
        )
    for name, place in TABLES.items():
        table: Dtable = getattr(record, name)
        abi.DTABLE.pack_into(data, place, table.base, table.limit)
    for name, place in CONTROLS.items():
        data[place : place + 8] = getattr(record, name).to_bytes(8, "little")
    vcpu._page[at : at + abi.SREGS_SIZE] = bytes(data)
    try:
        vcpu._store_sregs()
    except OSError as error:
        vcpu._page[at : at + abi.SREGS_SIZE] = before
        raise ValueError(f"sregs: KVM does not take these values ({error.strerror})") from None
    if moved:
        vcpu._moved()


def events_of(vcpu: "Runner") -> VcpuEvents:
    """`vcpu.events`."""
    vcpu._settle()
    values = abi.EVENTS.unpack_from(vcpu._page, abi.SYNC_EVENTS_AT)
    injected, number, has_code, pending, code = values[:5]
    interrupt, vector, soft, shadow = values[5:9]
    nmi_injected, nmi_pending, nmi_masked = values[9:12]
    exception = number if injected or pending else None
    return VcpuEvents(
        exception=exception,
        exception_injected=bool(injected),
        exception_error_code=code if exception is not None and has_code else None,
        interrupt=vector if interrupt else vcpu._vectors.get(0, (None,))[0],
        interrupt_soft=bool(interrupt and soft),
        shadow=Shadow(shadow & 3),
        nmi_injected=bool(nmi_injected),
        nmi_pending=bool(nmi_pending or vcpu._nmi),
        nmi_masked=bool(nmi_masked),
        triple_fault=vcpu._dead,
    )


def put_events(vcpu: "Runner", value: VcpuEvents) -> None:
    """Set them. An exception is delivered at the next run; an interrupt once IF is set, but with an
    irqchip at the next run. ValueError: what only the interpreter has."""
    record = checked(value, VcpuEvents, "events")
    for name in ("rep_prefix", "prefixes"):
        if getattr(record, name) is not None:
            raise ValueError(f"events.{name} is not None: KVM does not have it, give None")
    if record.exception is not None and (record.exception == NMI or record.exception > LAST):
        raise ValueError(
            f"events.exception is {record.exception}: KVM takes 0 to {LAST}, and an NMI (2) as "
            "nmi_pending"
        )
    if record.exception_payload is not None and record.exception != 1:
        raise ValueError("events.exception_payload is for exception 1: give None")
    payload = record.exception_payload or 0
    if payload & ~DR6_BITS:
        raise ValueError(f"events.exception_payload is {payload:#x}: give bits of {DR6_BITS:#x}")
    vcpu._writable("set its events")
    vcpu._between("set its events")
    at_once = record.interrupt is not None and (record.interrupt_soft or vcpu._back._irqchip)
    exception = record.exception is not None
    abi.EVENTS.pack_into(
        vcpu._page,
        abi.SYNC_EVENTS_AT,
        *(exception, record.exception or 0, record.exception_error_code is not None, 0),
        record.exception_error_code or 0,
        *(at_once, record.interrupt or 0 if at_once else 0, record.interrupt_soft),
        record.shadow,
        *(record.nmi_injected, record.nmi_pending, record.nmi_masked),
        *(0, VALID),
    )
    vcpu._page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_EVENTS
    if at_once or record.interrupt is None:
        vcpu._vectors.clear()
    else:
        vcpu._vectors[0] = (record.interrupt,)
    vcpu._nmi = False
    vcpu._dead = record.triple_fault
    if record.exception_payload:
        vcpu._debug.load()
        vcpu._debug.set_register(6, vcpu._debug.register(6) | record.exception_payload)


def mp_state_of(vcpu: "Runner") -> MpState:
    """`vcpu.mp_state`. Of a vCPU that another thread runs: what it was when that began."""
    if vcpu._idle():
        vcpu._mp_state = read_mp_state(vcpu)
    return MpState.HALTED if vcpu._stays_halted else MpState(vcpu._mp_state)


def read_mp_state(vcpu: "Runner") -> int:
    """KVM_GET_MP_STATE."""
    state = bytearray(4)
    ioctl(vcpu._fd, abi.KVM_GET_MP_STATE, state)
    return int.from_bytes(state, "little")


def put_mp_state(vcpu: "Runner", value: int) -> None:
    """Set it: RUNNABLE or HALTED. Without an irqchip a halted vCPU returns HLT at its next run."""
    number = exact(value, "mp_state")
    if number not in (MpState.RUNNABLE, MpState.HALTED):
        raise ValueError(f"mp_state is {number}: this vCPU is RUNNABLE (0) or HALTED (3)")
    vcpu._writable("set its mp_state")
    vcpu._between("set its mp_state")
    if vcpu._fd < 0:
        vcpu._mp_state = number
    elif vcpu._back._irqchip:
        vcpu._set_mp_state(number)
    else:
        vcpu._stays_halted = number == MpState.HALTED
