"""State in KVM's words: hold the state of vCPUs and chips as plain values. Know no back end.

A record is made complete and never changes; `dataclasses.replace` makes another one. Each field is
checked when the record is made. TypeError: a value of another type; ValueError: one out of range.
The message names record and field.

    vcpu.sregs = replace(vcpu.sregs, idt=Dtable(base=0x500, limit=0x3FF))

What a back end cannot hold it refuses when the record is set, with a ValueError that names the
field. Then nothing has changed. Fields with a default are unknown to some back end; each says what
its default means. docs/STATE.md has the order in which records are set.
"""

from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from operator import index
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Within(NamedTuple):
    """The values of an integer field."""

    least: int
    most: int


U8 = Annotated[int, Within(0, 0xFF)]
U16 = Annotated[int, Within(0, 0xFFFF)]
U32 = Annotated[int, Within(0, 0xFFFF_FFFF)]
U64 = Annotated[int, Within(0, 0xFFFF_FFFF_FFFF_FFFF)]


class MpState(IntEnum):
    """What a vCPU does (KVM_MP_STATE_*, <linux/kvm.h>)."""

    RUNNABLE = 0
    """It executes instructions."""
    UNINITIALIZED = 1
    INIT_RECEIVED = 2
    HALTED = 3
    """It has executed HLT and waits for an interrupt."""
    SIPI_RECEIVED = 4
    STOPPED = 5
    CHECK_STOP = 6
    OPERATING = 7
    LOAD = 8
    AP_RESET_HOLD = 9
    SUSPENDED = 10


class Shadow(IntFlag):
    """Which instruction holds interrupts off until the next one is complete (KVM_X86_SHADOW_INT_*).

    A host of AMD cannot tell the two apart: there KVM sets both bits.
    """

    NONE = 0
    MOV_SS = 1
    """MOV SS or POP SS. INT 1 is held off as well."""
    STI = 2


_known: dict[type, dict[str, Any]] = {}


def _types(kind: type) -> dict[str, Any]:
    """The fields of a record and their types."""
    if kind not in _known:
        _known[kind] = get_type_hints(kind, include_extras=True)
    return _known[kind]


def _whole(value: Any, what: str, least: int, most: int) -> int:
    """`value` as a plain int from `least` to `most`; `what` names it. TypeError: no integer.

    >>> _whole(0x10000, "Segment.selector", 0, 0xFFFF)
    Traceback (most recent call last):
    ValueError: Segment.selector is 0x10000: give 0 to 0xffff
    """
    try:
        number = int.__index__(index(value))
    except TypeError:
        raise TypeError(f"{what} must be an integer, not {type(value).__name__}") from None
    if not least <= number <= most:
        bits = number.bit_length()
        shown = f"an integer of {bits} bits" if bits > 64 else _hex(number)
        raise ValueError(f"{what} is {shown}: give {_hex(least)} to {_hex(most)}")
    return int(number)


def _hex(number: int) -> str:
    return str(number) if -10 < number < 10 else f"{number:#x}"


def _value(value: object, kind: Any, what: str) -> Any:
    """`value` as a field of type `kind` holds it."""
    arguments = get_args(kind)
    if type(None) in arguments:
        return None if value is None else _value(value, arguments[0], what)
    if kind is bool:
        return _whole(value, what, 0, 1) == 1
    if get_origin(kind) is tuple:
        if not isinstance(value, (tuple, list)) or len(value) != len(arguments):
            raise TypeError(f"{what} must be a tuple of {len(arguments)} {arguments[0].__name__}")
        pairs = zip(value, arguments, strict=True)
        return tuple(_value(each, k, f"{what}[{i}]") for i, (each, k) in enumerate(pairs))
    if kind is bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"{what} must be bytes, not {type(value).__name__}")
        return bytes(memoryview(value))
    if isinstance(kind, type) and issubclass(kind, int):
        members = [int(each) for each in kind]  # type: ignore[attr-defined]
        return kind(_whole(value, what, 0, max(members) | (3 if kind is Shadow else 0)))
    if isinstance(kind, type):
        return checked(value, kind, what)
    limits = next(each for each in arguments if isinstance(each, Within))
    return _whole(value, what, limits.least, limits.most)


def checked(record: object, kind: type[T], what: str) -> T:
    """`record` as a new `kind` whose fields have all been checked, for a back end that is about to
    set it. TypeError: it is another object; its message calls it `what`. Raises as `kind` does.

    >>> checked(Segment(0x1000), Segment, "cs").base
    65536
    >>> checked(5, Segment, "cs")
    Traceback (most recent call last):
    TypeError: cs must be a Segment, not int
    """
    if not isinstance(record, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {type(record).__name__}")
    return kind(**{name: getattr(record, name) for name in _types(kind)})


class _Record:
    """What all records do: check their fields when they are made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        kind = type(self)
        for name, what in _types(kind).items():
            value = _value(getattr(self, name), what, f"{kind.__name__}.{name}")
            object.__setattr__(self, name, value)


# -- the vCPU -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Segment(_Record):
    """A segment register (struct kvm_segment). In real mode the base is the selector times 16.

    >>> Segment(0xB800)
    Segment(selector=47104, base=753664, limit=65535)
    """

    selector: U16
    base: U64 = None  # type: ignore[assignment]
    """None when it is made: 16 times the selector."""
    limit: U32 = 0xFFFF
    """The last offset. The interpreter has FFFFh only."""

    def __post_init__(self) -> None:
        if self.base is None:
            selector = _whole(self.selector, "Segment.selector", 0, 0xFFFF)
            object.__setattr__(self, "base", selector << 4)
        _Record.__post_init__(self)


@dataclass(frozen=True, slots=True)
class Dtable(_Record):
    """GDTR or IDTR (struct kvm_dtable)."""

    base: U64
    limit: U16


@dataclass(frozen=True, slots=True)
class Sregs(_Record):
    """Special registers (struct kvm_sregs), without what real mode does not use."""

    cs: Segment
    ds: Segment
    es: Segment
    fs: Segment
    gs: Segment
    ss: Segment
    gdt: Dtable
    idt: Dtable
    cr0: U64
    cr2: U64 = 0
    cr3: U64 = 0
    cr4: U64 = 0


@dataclass(frozen=True, slots=True)
class VcpuEvents(_Record):
    """What a vCPU has to do before its next instruction (struct kvm_vcpu_events).

    The fields after `triple_fault` are the interpreter's. On KVM they have their defaults.
    """

    exception: U8 | None = None
    """The vector of an exception that is delivered next; None: none. 1 is INT 1 of the guest's TF
    or debug registers."""
    exception_injected: bool = False
    """Its delivery has begun and is repeated. On the interpreter always False."""
    exception_error_code: U32 | None = None
    """None: it has none, as always on the interpreter."""
    exception_payload: U64 | None = None
    """Of exception 1: the bits that its delivery sets in DR6. None: DR6 has them already."""
    interrupt: U8 | None = None
    """The vector that `Vcpu.interrupt` has injected; None: none. Requests of the 8259 are in
    `Vm.irqchip`."""
    interrupt_soft: bool = False
    """It is INT n, whose delivery is repeated. On the interpreter always False."""
    shadow: Shadow = Shadow.NONE
    nmi_injected: bool = False
    """The delivery of an NMI has begun and is repeated. On the interpreter always False."""
    nmi_pending: bool = False
    nmi_masked: bool = False
    """An NMI is in service: the next one waits for IRET."""
    triple_fault: bool = False
    """A fault could not be delivered: run() returns SHUTDOWN."""
    rep_prefix: U16 | None = None
    """The vCPU stands between two iterations of a REP, whose last prefix is at this IP. An
    interrupt of the 8086 returns to it. None: it does not, or (KVM) nobody knows."""
    prefixes: bytes | None = None
    """The prefixes that the next instruction gets from a run of 15 or more before it, which the
    8086 model executes by itself: at most one of 26h 2Eh 36h 3Eh, then at most one of F2h F3h.
    None: there was no such run."""

    def __post_init__(self) -> None:
        _Record.__post_init__(self)
        if self.exception is None and self.exception_injected:
            raise ValueError("VcpuEvents.exception_injected is True, but exception is None")
        for name in ("exception_error_code", "exception_payload"):
            if self.exception is None and getattr(self, name) is not None:
                raise ValueError(f"VcpuEvents.{name} is not None, but exception is None")
        if self.interrupt is None and self.interrupt_soft:
            raise ValueError("VcpuEvents.interrupt_soft is True, but interrupt is None")
        if self.prefixes is not None:
            rest = self.prefixes.lstrip(b"\x26\x2e\x36\x3e")
            if len(self.prefixes) - len(rest) > 1 or rest not in (b"", b"\xf2", b"\xf3"):
                raise ValueError(
                    f"VcpuEvents.prefixes is {self.prefixes!r}: give at most one of 26h 2Eh 36h "
                    "3Eh, then at most one of F2h F3h"
                )


# -- the chips ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PicInputs(_Record):
    """What the interpreter knows of an 8259 beyond struct kvm_pic_state."""

    edges: U8
    """Inputs that have risen and are not acknowledged yet, level-triggered ones too."""
    pulsed: U8
    """Those of `edges` that stay although the line is low: of an irqfd or the 8254."""
    slaves: U8
    """ICW3: inputs that this chip treats as having a slave."""
    level: bool = False
    """ICW1 has LTIM: all inputs are level-triggered."""
    single: bool = False
    """ICW1 has SNGL: there is no ICW3."""


@dataclass(frozen=True, slots=True)
class PicState(_Record):
    """One 8259 (struct kvm_pic_state). Masks have bit n for input n."""

    last_irr: U8
    """The levels of the inputs."""
    irr: U8
    """IRR: the requests."""
    imr: U8
    isr: U8
    priority_add: Annotated[int, Within(0, 7)]
    """The input of highest priority."""
    irq_base: U8
    """The vector of input 0."""
    read_reg_select: bool
    """The even port reads ISR, else IRR."""
    poll: bool
    """The next read answers a poll command."""
    special_mask: bool
    init_state: Annotated[int, Within(0, 3)]
    """What the odd port takes next: 0 IMR, 1 ICW2, 2 ICW3, 3 ICW4."""
    auto_eoi: bool
    rotate_on_auto_eoi: bool
    special_fully_nested_mode: bool
    init4: bool
    """ICW1 asked for an ICW4."""
    elcr: U8
    """Level-triggered inputs."""
    elcr_mask: U8
    """Inputs that ELCR may make level-triggered: F8h on the master, DEh on the slave."""
    inputs: PicInputs | None = None
    """None (KVM): requests without a high line are kept, as KVM keeps them."""


@dataclass(frozen=True, slots=True)
class IrqChip(_Record):
    """The 8259 pair (KVM_GET_IRQCHIP, KVM_IRQCHIP_PIC_MASTER and _SLAVE)."""

    master: PicState
    slave: PicState
    driven: tuple[U16, U16, U16] | None = None
    """The levels of the 16 GSIs by who drives them: `irq_line`, chips in the core, irqfds that wait
    for an EOI. None (KVM): `irq_line` drives what `last_irr` shows."""


@dataclass(frozen=True, slots=True)
class PitCounter(_Record):
    """The counting element of a channel now. KVM computes it from `count_load_time`."""

    left: Annotated[int, Within(1, 0x10000)]
    """Ticks until it reaches 0 or is loaded again; in mode 3 until the half-cycle ends."""
    out: bool
    """The level of OUT."""
    armed: bool
    """A count has been written since the control word."""
    load: bool
    """The next tick loads the count."""
    loaded: bool
    """A count has been loaded since the control word."""
    live: bool
    """Reaching 0 changes OUT. In modes 0, 1, 4 and 5 this happens once per load."""
    null_count: bool
    """The status has NULL COUNT: the count is not loaded yet."""
    halted: bool = False
    """Mode 0 between the two bytes of a count."""
    odd: bool = False
    """Mode 3: the half-cycle is the longer one of an odd count."""
    frozen: U16 = 0
    """What a read returns until the first load."""
    rises: U32 = 0
    """Rising edges of OUT that have not reached the 8259 yet (channel 0)."""


@dataclass(frozen=True, slots=True)
class PitChannel(_Record):
    """A channel of the 8254 (struct kvm_pit_channel_state)."""

    count: Annotated[int, Within(1, 0x10000)]
    """The count that the next load takes."""
    latched_count: U16
    count_latched: Annotated[int, Within(0, 3)]
    """0: no latched count. Else what of it is read next: 1 the low byte and nothing more, 2 the
    high byte, 3 the low byte and then the high one."""
    status_latched: bool
    status: U8
    """The latched status."""
    read_state: Annotated[int, Within(0, 4)]
    """What a read of the counter returns: 1 its low byte, 2 its high byte, 3 the low one of two,
    4 the high one of two. 0 (KVM): nothing was programmed yet."""
    write_state: Annotated[int, Within(0, 4)]
    """The same for the next write of a count."""
    write_latch: U8
    """The first byte of a count of two."""
    rw_mode: Annotated[int, Within(0, 3)]
    """1 low byte, 2 high byte, 3 both. 0 (KVM): nothing was programmed yet."""
    mode: U8
    """0 to 5; 6 and 7 are modes 2 and 3, as they were written. 255 (KVM): not programmed yet."""
    bcd: bool
    gate: bool
    count_load_time: Annotated[int, Within(-(1 << 63), (1 << 63) - 1)] = 0
    """Host ns at which KVM loaded the count. KVM does not read it, and the interpreter neither; it
    returns 0."""
    counter: PitCounter | None = None
    """None (KVM): when the record is set, the channel begins to count from `count`."""


@dataclass(frozen=True, slots=True)
class PitState(_Record):
    """The 8254 (struct kvm_pit_state2)."""

    channels: tuple[PitChannel, PitChannel, PitChannel]
    speaker: bool = False
    """Bit 1 of port 61h (KVM_PIT_FLAGS_SPEAKER_DATA_ON). Bit 0 is the gate of channel 2."""
    fall_waits: bool = False
    """OUT of channel 0 has risen and fallen within one instruction; the 8259 gets the fall after
    the next one. On KVM False."""


RECORDS = (
    *(Segment, Dtable, Sregs, VcpuEvents),
    *(PicInputs, PicState, IrqChip, PitCounter, PitChannel, PitState),
)
"""All records."""


def plain(record: object) -> dict[str, Any]:
    """A record as a dict of plain values (int, bool, bytes, None, tuple, dict).

    >>> plain(Dtable(0, 0x3FF))
    {'base': 0, 'limit': 1023}
    """
    return {each.name: _plain(getattr(record, each.name)) for each in fields(record)}  # type: ignore[arg-type]


def _plain(value: object) -> Any:
    if isinstance(value, _Record):
        return plain(value)
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, int) and type(value) not in (bool, int):
        return int(value)
    return value
