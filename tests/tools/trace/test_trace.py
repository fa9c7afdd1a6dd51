"""Traces: every event is a record, in order; the guest sees no difference."""

from __future__ import annotations

import io
import json
import random
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import ExitReason, Machine, PioDevice, Symbols
from pyx86emu._core import snapshot_values
from tests.harness import program
from tests.pc.saved_points import bring, built, points

#: mov ax,0E41h; int 10h; mov [7E00h],ax; out 80h,al; cli; hlt
SMALL = "b8410e cd10 a3007e e680 faf4"
ALL = "exec,int,io,irq,mem:0:500+256,disk,floppy"
Record = dict[str, Any]


def traced(m: Machine, kinds: str, **limits: Any) -> list[Record]:
    """What a run writes, as JSON."""
    file = io.StringIO()
    with m.trace(kinds, file, format="jsonl") as trace:
        m.run(**limits)
    records = [json.loads(line) for line in file.getvalue().splitlines()]
    assert (trace.records, trace.lost) == (len(records), 0)
    return records


def booted(code: str, **options: Any) -> Machine:
    m = Machine(program(code), **options)
    m.boot()
    return m


def only(records: list[Record], kind: str) -> list[Record]:
    return [each for each in records if each["kind"] == kind]


# -- each kind -------------------------------------------------------------------------------------


def test_the_lines_of_a_trace_are_in_the_order_in_which_things_happen() -> None:
    file = io.StringIO()
    with booted(SMALL) as m, m.trace("exec,int,io,mem:0:7e00+2", file):
        m.run(timeout=1)

    lines = [line.split(None, 3)[2:] for line in file.getvalue().splitlines()]
    mine = [words for words in lines if "0000:7c" in words[1]]
    assert [words[0] for words in mine] == [
        "exec",
        "exec",
        "int",
        *["exec", "mem"],
        *["exec", "io"],
        "exec",
        "exec",
    ]
    assert mine[0][1].split() == ["0000:7c00", "b8410e", "mov", "ax,", "0xe41"]
    assert mine[2][1].startswith("software 10h from 0000:7c03 AX=0e41 BX=0000")
    assert mine[4][1] == "write 07e00: 0000 -> 0e41 at 0000:7c05"
    assert mine[6][1].split() == ["out", "0080", "<-", "41", "at", "0000:7c08", "post"]


def test_each_instruction_is_a_record_with_its_count_its_time_and_its_bytes() -> None:
    with booted("31db 43 83fb64 75fa faf4") as m:  # again: inc bx; cmp bx,100; jne again
        before, time = m.vcpu.instructions, m.vm.time
        m.symbols = Symbols({"start": 0x7C00, "again": 0x7C02})
        records = traced(m, "exec", timeout=1)
        assert before is not None

        assert [each["n"] for each in records] == list(range(before, m.vcpu.instructions or 0))
    assert [each["t"] for each in records[:3]] == [time, time + 128, time + 256]
    assert records[0] == {
        "kind": "exec", "n": before, "t": time, "at": "0000:7c00", "linear": 0x7C00,
        "bytes": "31db", "text": "xor bx, bx", "label": "start",
    }  # fmt: skip
    assert Counter(each["at"] for each in records)["0000:7c02"] == 100
    assert records[3]["text"] == "jne again"


def test_code_that_changes_itself_is_traced_as_it_was_executed() -> None:
    # again: inc ax; xor byte [7C00h],8 (INC AX becomes DEC AX and back); dec cx; jnz again
    with booted("40 8036007c08 49 75f7 faf4") as m:
        m.vcpu.regs.cx = 6
        records = traced(m, "exec", timeout=1)

    codes = [each["bytes"] for each in records if each["at"] == "0000:7c00"]
    assert codes == ["40", "48"] * 3


def test_interrupts_have_their_callers_and_their_returns_what_changed() -> None:
    # int 13h/AH=0Fh (unknown: CF=1, AH=1); int 20h with a handler that increments BX
    code = "31c0 8ed8 c7068000187c c70682000000 b40f cd13 cd20 faf4 43 cf"
    with booted(code) as m:
        records = traced(m, "int", timeout=1)

    mine = [each for each in records if each["vector"] in (0x13, 0x20)]
    assert [(each["vector"], each["how"]) for each in mine] == [
        (0x13, "software"), (0x13, "return"), (0x20, "software"), (0x20, "return"),
    ]  # fmt: skip
    assert (mine[0]["ah"], mine[0]["at"]) == (0x0F, "0000:7c12")
    assert mine[1]["cf"] == 1
    assert mine[1]["changed"]["cf"] == [0, 1]
    assert (mine[1]["changed"]["eax"][1] >> 8) == 1
    assert mine[3]["changed"] == {"ebx": [0, 1]}
    assert mine[2]["depth"] == 1


def test_faults_and_interrupts_of_hardware_are_told_apart() -> None:
    with booted("fb 31c9 f7f1 faf4") as m:  # sti; xor cx,cx; div cx
        m.vm.write(0, struct.pack("<2H", 0x7C05, 0))
        m.vcpu.interrupt(0x40, queue=True)
        m.vm.write(0x100, struct.pack("<2H", 0x7C50, 0))
        m.vm.write(0x7C50, b"\xcf")
        records = traced(m, "int", timeout=1)

    assert [(each["how"], each["vector"]) for each in records] == [
        ("hardware", 0x40), ("return", 0x40), ("fault", 0),
    ]  # fmt: skip


class Answer(PioDevice):
    """Reads as 5A5Ah."""

    length = 2
    name = "answer"

    def pio_read(self, offset: int, size: int) -> int:
        return 0x5A5A & (1 << 8 * size) - 1


def test_ports_have_widths_values_and_who_answers_them() -> None:
    # mov dx,300h; in ax,dx; out dx,al; mov dx,666h; in al,dx; mov dx,3d4h; out dx,ax
    with booted("ba0003 ed ee ba6606 ec bad403 b80e00 ef faf4") as m:
        m.attach(Answer(), port=0x300)
        records = traced(m, "io", timeout=1)

    names = ("port", "size", "direction", "value", "owner")
    assert [tuple(each[name] for name in names) for each in records] == [
        (0x300, 2, "in", 0x5A5A, "answer"),
        (0x300, 1, "out", 0x5A, "answer"),
        (0x666, 1, "in", 0xFF, "nobody"),
        (0x3D4, 2, "out", 0x0E, "the VGA"),
    ]


def test_nothing_of_a_long_string_output_is_lost() -> None:
    with booted("31f6 fc ba0003 b9ffff f36e faf4") as m:  # rep outsb, 65,535 bytes to port 300h
        ram = m.vm.read(0, 0xFFFF)
        records = traced(m, "io", timeout=1)

    assert len(records) == 0xFFFF
    assert bytes(each["value"] for each in records) == ram


def test_all_accesses_of_the_longest_instruction_are_told() -> None:
    # mov sp,7000h; mov bp,6800h; enter 16,31
    with booted("31c0 8ed0 bc0070 bd0068 c810001f faf4") as m:
        records = traced(m, "mem:0:6000+0x1000", timeout=1)

    assert Counter(each["direction"] for each in records) == {"read": 30, "write": 32}


def test_memory_has_the_values_before_and_after() -> None:
    with booted("a10005 c70600053412 fe060105 faf4") as m:
        m.vm.write(0x500, bytes.fromhex("cdab"))
        records = traced(m, "mem:0:500+2", timeout=1)

    names = ("addr", "size", "direction", "old", "value")
    assert [tuple(each[name] for name in names) for each in records] == [
        (0x500, 2, "read", 0xABCD, 0xABCD),
        (0x500, 2, "write", 0xABCD, 0x1234),
        (0x501, 1, "read", 0x12, 0x12),
        (0x501, 1, "write", 0x12, 0x13),
    ]


def test_lines_are_told_when_they_rise_and_when_the_cpu_takes_them() -> None:
    with booted("fb f4 ebfd") as m:  # sti; again: hlt; jmp again
        m.keyboard.type("a")
        records = traced(m, "irq", timeout=0.2)

    told = [(each["line"], each["event"], each["vector"]) for each in records]
    timer = told.index((0, "delivered", 8))
    assert told[timer - 1] == (0, "raised", 8)
    key = told.index((1, "raised", 9))
    assert told[key + 1] == (1, "delivered", 9)
    assert (1, "lowered", 9) in told
    delivered = [each for each in records if each["delivered"]]
    assert all(not each["masked"] for each in delivered)


def test_a_masked_line_is_raised_and_not_delivered() -> None:
    with booted("b0ff e621 fb ebfe") as m:  # out 21h,FFh; sti; jmp $
        records = traced(m, "irq", timeout=0.2)

    assert records
    assert {(each["line"], each["event"], each["masked"]) for each in records} <= {
        (0, "raised", True), (0, "lowered", True),
    }  # fmt: skip


def test_a_line_that_another_thread_of_the_host_drives_is_told() -> None:
    with booted("fb f4 faf4") as m:
        m.vm.write(0x20, struct.pack("<2H", 0x7C02, 0))
        file = io.StringIO()
        with m.trace("irq", file, format="jsonl"):
            m.vm.irq_pulse(5)
            m.vm.irq_line(7, True)
            m.vm.irq_line(7, False)

    told = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(each["line"], each["event"]) for each in told] == [
        (5, "pulsed"), (7, "raised"), (7, "lowered"),
    ]  # fmt: skip


def test_more_lines_than_the_log_has_room_for_are_all_told() -> None:
    # out 43h,14h; out 40h,2 (mode 2, a rise every second tick); sti; mov cx,0; again: loop again
    code = "b014 e643 b002 e640 b0ff e621 fb bb0400 b90000 e2fe 4b 75f8 faf4"
    with booted(code) as m:
        records = traced(m, "irq", timeout=1)

    assert len(records) > 8192


def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1 << 20))
    return path


def test_requests_to_hard_disks_have_addresses_directions_and_results(tmp_path: Path) -> None:
    # int 13h/02h: read 3 sectors at CHS 0,1,2 of 80h; then one that is not there, by the ports
    code = (
        "31c0 8ec0 b80302 bb0080 b90200 ba8001 cd13"
        "bAf601 b0e0 ee baf401 b0ff ee baf501 ee baf201 b001 ee baf701 b020 ee faf4"
    )
    with booted(code, hda=disk(tmp_path)) as m:
        records = only(traced(m, "disk,floppy", timeout=5), "disk")

    first, last = records[0], records[-1]
    assert (first["drive"], first["name"], first["direction"]) == ("hda", "READ SECTORS", "read")
    assert (first["sectors"], first["moved"], first["result"]) == (3, 3, "ok")
    assert first["chs"] is not None or first["lba"] is not None
    assert first["began"] < first["n"]
    assert (last["drive"], last["result"], last["moved"]) == ("hda", "IDNF", 0)


def test_requests_to_floppies_have_addresses_directions_and_results() -> None:
    image = program("31c0 8ec0 b80202 bb0080 b90300 ba0001 cd13 b80103 b95000 cd13 faf4")
    with Machine(image.ljust(1440 << 10, b"\0")) as m:
        m.boot()
        records = only(traced(m, "floppy", timeout=20), "floppy")

    data = [each for each in records if each["direction"] in ("read", "write")]
    assert (data[0]["drive"], data[0]["name"], data[0]["chs"]) == ("a", "READ DATA", [0, 1, 3])
    assert (data[0]["lba"], data[0]["moved"], data[0]["result"]) == (20, 2, "ok")
    assert (data[-1]["name"], data[-1]["direction"]) == ("WRITE DATA", "write")
    assert [each["name"] for each in data].count("READ DATA") == 1


def test_a_request_that_has_not_ended_is_told_at_the_end(tmp_path: Path) -> None:
    code = "baf601 b0e0 ee baf201 b001 ee baf701 b020 ee faf4"  # a read whose data nobody takes
    with booted(code, hda=disk(tmp_path)) as m:
        records = traced(m, "disk", timeout=1)

    assert [(each["name"], each["result"]) for each in records] == [("READ SECTORS", "not ended")]


# -- nothing is lost, nothing changes --------------------------------------------------------------


def test_a_record_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyx86emu.tools.trace import sources

    monkeypatch.setattr(sources, "SOME", 8)
    file = io.StringIO()
    with booted("b9ff00 cd20 e2fc faf4") as m:
        trace = m.trace("int", file, format="jsonl")
        trace._sources[0]._ring._wake = lambda: None  # type: ignore[attr-defined]
        m.vm.write(0x80, struct.pack("<2H", 0x7D00, 0))
        m.vm.write(0x7D00, b"\xcf")
        m.run(timeout=1)
        trace.close()

    records = [json.loads(line) for line in file.getvalue().splitlines()]
    assert records[-1]["kind"] == "lost"
    assert records[-1]["of"] == "int"
    assert trace.lost == records[-1]["count"] == 510 - 8


def test_rings_that_are_too_small_for_a_run_are_emptied_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pyx86emu.tools.trace import sources

    monkeypatch.setattr(sources, "MANY", 64)
    monkeypatch.setattr(sources, "SOME", 64)
    with booted("b98813 cd20 a10005 e680 e2f7 faf4") as m:
        m.vm.write(0x80, struct.pack("<2H", 0x7D00, 0))
        m.vm.write(0x7D00, b"\xcf")
        records = traced(m, "exec,int,io,mem:0:500+2", timeout=2)

    counts = Counter(each["kind"] for each in records)
    assert counts["io"] == counts["mem"] == 5000
    assert len([e for e in only(records, "int") if e["vector"] == 0x20]) == 10_000
    assert [each["n"] for each in records] == sorted(each["n"] for each in records)


@pytest.mark.parametrize("point", points(12, seed=13), ids=lambda p: f"{p.guest}-{p.model}")
def test_a_traced_guest_is_the_same_guest(point: Any) -> None:
    rng = random.Random(point.seed)
    kinds = ",".join(rng.sample(ALL.split(","), rng.randrange(1, 8)))
    found = []
    for what in (None, kinds):
        with built(point) as m:
            trace = m.trace(what, io.StringIO()) if what else None
            bring(m, point)
            m.run(max_instructions=20_000)
            if trace is not None:
                trace.close()
                assert trace.lost == 0
            found.append((m.vcpu.instructions, m.vm.time, whole(m)))

    assert found[0] == found[1], kinds


def whole(m: Machine) -> dict[str, Any]:
    """What a machine is, without the answers of devices to an instruction that is complete: while
    somebody observes they are kept, else some take a shorter way."""
    state = m.save()
    core = snapshot_values(state.core)
    for vcpu in core["vcpus"]:
        del vcpu["reads"]["log_tag"], vcpu["reads"]["log"]
    return {**core, "devices": state.devices, "machine": state.machine}


def test_a_trace_goes_on_after_a_restore() -> None:
    with booted("43 ebfd") as m:
        file = io.StringIO()
        with m.trace("exec", file, format="jsonl"):
            state = m.save()
            m.run(max_instructions=10)
            m.restore(state)
            m.run(max_instructions=10)

    places = [json.loads(line)["at"] for line in file.getvalue().splitlines()]
    assert len(places) == 20
    assert places[:10] == places[10:]


# -- the file, and what is refused -----------------------------------------------------------------


def test_a_trace_goes_to_standard_error_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    with booted(SMALL) as m, m.trace("io"):
        m.run(timeout=1)

    assert "out 0080 <- 41" in capsys.readouterr().err


def test_flush_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with booted("43 ebfd") as m:
        trace = m.trace("exec", path)
        m.run(max_instructions=5)
        trace.flush()

        assert len(path.read_text("ascii").splitlines()) == trace.records == 5
        trace.close()
        trace.close()
        assert not trace.active


class Full(io.StringIO):
    def write(self, text: str, /) -> int:
        raise OSError(28, "full")


def test_a_file_that_cannot_be_written_ends_the_trace_and_the_guest_can_go_on() -> None:
    with booted("43 ebfd") as m:
        trace = m.trace("exec,disk,floppy", Full())
        with pytest.raises(OSError, match="full"):
            m.run(max_instructions=1_000_000)
        assert not trace.active
        trace.close()

        assert m.run(max_instructions=1000).reason is ExitReason.BUDGET
        with m.trace("disk,irq", io.StringIO()):
            pass


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ("exec,nothing", "no trace of 'nothing': choose from exec, int, io, irq, mem:ADDR"),
        ("", "no trace of '': choose from"),
        ("exec:1", "no trace of 'exec:1'"),
        ("mem", "needs an address"),
        ("mem:", "needs an address"),
        ("mem:0:7c00+0", "a length is from 1"),
        ("mem:0:7c00+x", "no number"),
        ("mem:nowhere+1", "nowhere"),
        ("mem:0xfffffffff+1", "below 4 GiB"),
    ],
)
def test_a_wrong_kind_is_refused_by_name(kinds: str, words: str) -> None:
    with Machine(program(SMALL)) as m, pytest.raises(ValueError, match=words):
        m.trace(kinds, io.StringIO())


def test_other_wrong_arguments_are_refused() -> None:
    with Machine(program(SMALL)) as m:
        with pytest.raises(ValueError, match="text, jsonl"):
            m.trace("exec", io.StringIO(), format="xml")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="path or a text file"):
            m.trace("exec", 5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="in text"):
            m.trace([1])  # type: ignore[list-item]
        with pytest.raises(FileNotFoundError):
            m.trace("exec", "/nowhere/trace")
        with m.trace("irq,disk,floppy", io.StringIO()):
            for kind in ("irq", "floppy"):
                with pytest.raises(RuntimeError, match="already"):
                    m.trace(kind, io.StringIO())
        with m.trace("irq,disk,floppy", io.StringIO()):
            pass


def test_a_label_of_a_damaged_file_cannot_write_control_characters() -> None:
    file = io.StringIO()
    with booted(SMALL) as m:
        m.symbols = Symbols({"a\x1b[2Jb": 0x7C00})
        with m.trace("exec", file):
            m.run(timeout=1)

    assert "\x1b" not in file.getvalue()
    assert "a\\x1b[2Jb" in file.getvalue()


def test_an_instruction_at_which_the_guest_stops_is_told_once_with_its_bytes() -> None:
    file = io.StringIO()
    with (
        booted(SMALL) as m,
        m.on_exec("0:7c05"),
        m.on_interrupt(0x10, lambda event: None),
        m.trace("exec,int", file, format="jsonl"),
    ):
        assert m.run(timeout=1).reason is ExitReason.DEBUG
        for _ in range(3):
            m.run(max_instructions=1)
        assert m.run(timeout=1).reason is ExitReason.HLT

    records = [json.loads(line) for line in file.getvalue().splitlines()]
    codes = [each["bytes"] for each in only(records, "exec") if each["at"].startswith("0000:")]
    assert codes == ["b8410e", "cd10", "a3007e", "e680", "fa", "f4"]
    assert len([each for each in only(records, "int") if each["how"] == "software"]) == 1


def test_a_machine_may_be_closed_before_its_trace(tmp_path: Path) -> None:
    m = booted("43 ebfd", hda=disk(tmp_path))
    trace = m.trace(ALL, io.StringIO())
    m.run(max_instructions=10)
    m.close()

    trace.flush()
    trace.close()

    assert trace.records >= 10


def test_a_fork_is_not_traced_and_its_parent_still_is() -> None:
    file = io.StringIO()
    with booted("43 ebfd") as m, m.trace("exec,irq,floppy", file, format="jsonl") as trace:
        with m.fork() as twin:
            twin.run(max_instructions=10)
            trace.flush()
            assert trace.records == 0
        m.run(max_instructions=10)
        trace.flush()
        assert trace.records == 10


def test_two_traces_of_one_machine_see_the_same() -> None:
    files = [io.StringIO(), io.StringIO()]
    with booted(SMALL) as m, m.trace("exec,int,io", files[0]), m.trace("exec,int,io", files[1]):
        m.run(timeout=1)

    assert files[0].getvalue() == files[1].getvalue() != ""


def test_on_the_clock_of_the_host_time_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with (
        Machine(bytes.fromhex("fb f4 ebfd"), clock="host") as m,  # sti; again: hlt; jmp again
        m.trace("int,io", path, format="jsonl"),
    ):
        m.run(timeout=0.3)

    records = [json.loads(line) for line in path.read_text().splitlines()]

    times = [each["t"] for each in records]
    assert any(each.get("how") == "hardware" for each in records)
    assert times == sorted(times)
