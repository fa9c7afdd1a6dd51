"""Records of state: plain values, checked when they are made."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from pyx86emu import (
    Dtable,
    IrqChip,
    MpState,
    PicInputs,
    PicState,
    PitChannel,
    PitCounter,
    PitState,
    Segment,
    Shadow,
    Sregs,
    VcpuEvents,
)
from pyx86emu.structs import RECORDS, checked, plain

NOTHING: dict[str, Any] = dict.fromkeys((each.name for each in fields(PicState)), 0)
PIC = PicState(**NOTHING | {"inputs": None})
COUNTER = PitCounter(
    left=5, out=True, armed=True, load=False, loaded=True, live=True, null_count=False
)
CHANNEL = PitChannel(
    count=0x10000,
    latched_count=0,
    count_latched=0,
    status_latched=False,
    status=0,
    read_state=3,
    write_state=3,
    write_latch=0,
    rw_mode=3,
    mode=2,
    bcd=False,
    gate=True,
    counter=COUNTER,
)
SEGMENT = Segment(0x1234)
SEGMENTS: dict[str, Any] = dict.fromkeys(("cs", "ds", "es", "fs", "gs", "ss"), SEGMENT)
SAMPLES: tuple[Any, ...] = (
    SEGMENT,
    Dtable(0, 0x3FF),
    Sregs(gdt=Dtable(0, 0xFFFF), idt=Dtable(0, 0x3FF), cr0=0x10, **SEGMENTS),
    VcpuEvents(exception=1, exception_payload=0x4000, shadow=Shadow.STI, prefixes=b"\x2e\xf3"),
    PicInputs(1, 1, 4),
    PIC,
    IrqChip(PIC, PIC, (1, 0, 0)),
    COUNTER,
    CHANNEL,
    PitState((CHANNEL,) * 3, True),
)
each_record = pytest.mark.parametrize("record", SAMPLES, ids=lambda r: type(r).__name__)


class Seven(int):
    """An integer that compares as it likes."""

    def __le__(self, other: object) -> bool:
        return True

    __ge__ = __lt__ = __gt__ = __le__


def test_there_is_a_sample_of_each_record() -> None:
    assert tuple(map(type, SAMPLES)) == RECORDS


@each_record
def test_a_record_is_a_value(record: Any) -> None:
    for twin in (copy.deepcopy(record), pickle.loads(pickle.dumps(record)), replace(record)):
        assert twin == record
        assert hash(twin) == hash(record)
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, 1)


@each_record
@pytest.mark.parametrize("bad", [1.5, "7", b"7", 1 << 80, -(1 << 80), [7]], ids=repr)
def test_each_field_is_checked_and_named(record: Any, bad: Any) -> None:
    for each in fields(record):
        if each.name == "prefixes" and isinstance(bad, bytes):
            continue
        with pytest.raises((TypeError, ValueError), match=rf"\b{each.name}\b") as caught:
            replace(record, **{each.name: bad})
        # then: the message is short, whatever the number
        assert type(record).__name__ in str(caught.value)
        assert len(str(caught.value)) < 200


@each_record
def test_a_record_keeps_nothing_of_its_callers_objects(record: Any) -> None:
    for each in fields(record):
        if isinstance(getattr(record, each.name), (bool, MpState, Shadow)):
            continue
        try:
            made = replace(record, **{each.name: Seven(1)})
        except (TypeError, ValueError):  # a field for another record, or bytes
            continue
        assert type(getattr(made, each.name)) is int


def test_a_number_that_compares_as_it_likes_is_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"Segment\.selector is 0x12345: give 0 to 0xffff"):
        Segment(Seven(0x12345))


def test_a_record_that_was_tampered_with_is_checked_again() -> None:
    sregs = SAMPLES[2]
    object.__setattr__(sregs.cs, "limit", -1)
    try:
        with pytest.raises(ValueError, match=r"Segment\.limit is -1"):
            checked(sregs, Sregs, "sregs")
    finally:
        object.__setattr__(sregs.cs, "limit", 0xFFFF)


def test_another_object_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="events must be a VcpuEvents, not Segment"):
        checked(SEGMENT, VcpuEvents, "events")


def test_a_segment_has_the_base_of_real_mode() -> None:
    assert Segment(0xFFFF) == Segment(0xFFFF, 0xFFFF0, 0xFFFF)


def test_numbers_are_those_of_kvm() -> None:
    assert (MpState.RUNNABLE, MpState.HALTED, MpState.SUSPENDED) == (0, 3, 10)
    assert (Shadow.MOV_SS, Shadow.STI) == (1, 2)
    assert VcpuEvents(shadow=3).shadow == Shadow.MOV_SS | Shadow.STI  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"VcpuEvents\.shadow is 4: give 0 to 3"):
        VcpuEvents(shadow=4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"exception_injected": True}, "exception_injected"),
        ({"exception_payload": 1}, "exception_payload"),
        ({"exception_error_code": 1}, "exception_error_code"),
        ({"interrupt_soft": True}, "interrupt_soft"),
        ({"prefixes": b"\x2e\x36"}, "prefixes"),
        ({"prefixes": b"\xf3\xf2"}, "prefixes"),
        ({"prefixes": b"\xf0"}, "prefixes"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"VcpuEvents\.{message} is"):
        VcpuEvents(**given)


def test_a_pit_has_three_channels() -> None:
    with pytest.raises(TypeError, match="tuple of 3 PitChannel"):
        PitState((CHANNEL, CHANNEL))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"channels\[1\] must be a PitChannel, not NoneType"):
        PitState((CHANNEL, None, CHANNEL))  # type: ignore[arg-type]


@each_record
def test_a_record_is_made_of_plain_values(record: Any) -> None:
    def look(value: Any) -> None:
        if isinstance(value, (dict, tuple)):
            for each in value.values() if isinstance(value, dict) else value:
                look(each)
        else:
            assert type(value) in (int, bool, bytes, type(None))

    look(plain(record))
