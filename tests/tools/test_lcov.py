"""Tracefiles: what is written is read again, counts are added, and what is none is kept."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.tools.lcov import Lcov, of_lines

#: As geninfo of lcov 1 and 2 writes them, with branches, checksums and sums.
OTHERS = """\
TN:first
SF:/src/a.c
FN:3,main
FN:9,12,helper
FNDA:2,main
FNDA:0,helper
FNF:2
FNH:1
BRDA:4,0,0,2
BRDA:4,0,1,-
BRF:2
BRH:1
DA:3,2,aGVsbG8
DA:4,0
LF:2
LH:1
end_of_record
"""


def test_a_tracefile_of_others_is_read_and_added() -> None:
    both = Lcov.parse(OTHERS)

    both.add(Lcov.parse(OTHERS.replace("BRDA:4,0,1,-", "BRDA:4,0,1,3")))

    record = both.record("/src/a.c", "first")
    assert record.lines == {3: 4, 4: 0}
    assert record.functions == {"main": (3, 4), "helper": (9, 0)}
    assert record.branches == {(4, "0", "0"): 4, (4, "0", "1"): 3}
    assert "FNF:2\nFNH:1\n" in str(both)
    assert "BRF:2\nBRH:2\n" in str(both)
    assert str(Lcov.parse(str(both))) == str(both)


def test_two_runs_are_added_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.info"
    found = of_lines({"/a.asm": {1: 1, 2: 0}})

    found.save(path)
    found.save(path)
    of_lines({"/a.asm": {2: 5, 9: 0}}).save(path)

    assert Lcov.load(path).record("/a.asm").lines == {1: 2, 2: 5, 9: 0}
    assert repr(Lcov.load(path)) == "<Lcov: 2 of 3 lines were executed>"


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.info"

    def write() -> None:
        for _ in range(20):
            of_lines({"/a.asm": {1: 1}}).save(path)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Lcov.load(path).record("/a.asm").lines == {1: 80}


def test_a_file_that_is_no_tracefile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("TN:\nremember the milk\n")

    with pytest.raises(ValueError, match=r"notes\.txt.*line 2 is none of a tracefile"):
        of_lines({"/a.asm": {1: 1}}).save(path)

    assert path.read_text() == "TN:\nremember the milk\n"


def test_a_pipe_gets_the_text(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    of_lines({"/a.asm": {1: 1}}).save(path)

    assert b"DA:1,1" in os.read(reader, 4096)
    os.close(reader)


@given(st.text(max_size=200))
def test_any_text_is_a_tracefile_or_a_value_error(text: str) -> None:
    for head in ("", "SF:/a\nDA:", "SF:/a\nFN:1,", "SF:/a\nBRDA:1,", "SF:/a\nFNDA:"):
        try:
            found = Lcov.parse(head + text)
        except (ValueError, OverflowError):
            continue
        assert str(Lcov.parse(str(found))) == str(found)
