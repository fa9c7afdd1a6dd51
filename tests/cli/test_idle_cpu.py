"""A guest that waits for a key: how much of the host's processor the whole process takes."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.drive import HALT, Image, Job, show
from tests.harness import program, wait_until

#: Of one processor. Measured: 3 to 4 % on a machine with other work; without rests it is 100 %.
MOST = 0.2
# Until three seconds have passed: xor ax,ax; int 1Ah; lea bx,[dx+55] as mov bx,dx; add bx,55;
# again: WAIT; xor ax,ax; int 1Ah; cmp dx,bx; jne again
LOOP = "31c0 cd1a 89d3 83c337 {wait} 31c0 cd1a 39da 75{back:02x}"
WAITS = {
    "INT 16h AH=01h": "b401 cd16",
    "INT 16h AH=11h": "b411 cd16",
    "INT 28h": "cd28",
    "INT 2Fh AX=1680h": "b88016 cd2f",
    "HLT": "f4",
}


def seconds_of_processor(pid: int) -> float:
    """What the process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.parametrize("name", WAITS)
def test_a_guest_that_waits_for_a_key_leaves_the_processor_alone(image: Image, name: str) -> None:
    wait = WAITS[name]
    back = 256 - len(program(wait)) - 8
    with Job(image(show("X") + LOOP.format(wait=wait, back=back) + show("Y") + HALT)) as job:
        job.until(b"mX")
        before, start = seconds_of_processor(job.pid), monotonic()
        job.until(b"Y")
        taken, passed = seconds_of_processor(job.pid) - before, monotonic() - start

        assert passed > 2
        assert taken / passed < MOST
        assert job.end() == 0


@pytest.mark.slow
def test_an_idle_prompt_leaves_the_processor_alone(dos_disk: Path) -> None:
    with Job(dos_disk) as job:
        job.until(b"A:\\>")
        before, start = seconds_of_processor(job.pid), monotonic()
        wait_until(lambda: monotonic() - start > 3)  # the time is what is measured
        taken, passed = seconds_of_processor(job.pid) - before, monotonic() - start

        assert taken / passed < MOST
        job.type(b"\x1dq")
        assert job.end() == 130


@pytest.mark.slow
def test_freedos_at_its_prompt_leaves_the_processor_alone(guests: Path) -> None:
    with Job(guests / "freedos-1440k.img") as job:
        job.until(b"A:\\>")
        job.type(b"choice /?\r")  # something to do first
        job.until(b"A:\\>")
        before, start = seconds_of_processor(job.pid), monotonic()
        wait_until(lambda: monotonic() - start > 3)  # the time is what is measured
        taken, passed = seconds_of_processor(job.pid) - before, monotonic() - start

        assert taken / passed < MOST
        job.type(b"\x1dq")
        assert job.end() == 130
