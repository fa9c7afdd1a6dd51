"""Random points at which guests are saved: make the machine, bring it there, let it go on.

`python -m tests.pc.saved_points FILE`, a JSON list of points with their states, prints what each
does next: in another process, or with another build.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pyx86emu import ExitReason, Machine, State
from pyx86emu.pc import board
from tests.guests.test_guests import GUESTS, header, make, models

#: Devices whose accesses may come out of run(), so that a guest waits for an answer.
PULLED = ("ata", "keyboard8042", "uart", "rtc", "floppycontroller", "")
#: Instructions to a point, and after it.
BEFORE, AFTER = 400_000, 30_000


class Point(NamedTuple):
    """Where a guest is saved."""

    guest: str
    model: str
    booted: bool
    pulled: str
    """The device that is attached with pull=True."""
    how: str
    """What ends the run there: instructions, time, stop, read."""
    seed: int


def points(n: int, seed: int) -> list[Point]:
    """`n` of them; equal seeds give equal ones."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        guest = rng.choice(GUESTS)
        how = rng.choice(["instructions", "instructions", "time", "stop", "read"])
        pulled = rng.choice(PULLED) if how == "read" else ""
        model = rng.choice(models(guest))
        found.append(
            Point(guest.stem, model, rng.random() < 0.7, pulled, how, rng.randrange(1 << 30))
        )
    return found


def built(point: Point) -> Machine:
    """The machine, before its first instruction."""
    guest = next(each for each in GUESTS if each.stem == point.guest)
    m = make(guest, lambda *args, **options: Machine(*args, **options), model=point.model)
    for place in m.pio.attachments:
        if place.name == point.pulled:
            row = next(row for row in board.PC if row.port == place.base)
            place.detach()
            m.attach(place.device, port=place.base, gsi=row.gsi, pull=True)
    return m


def bring(m: Machine, point: Point) -> None:
    """Run to the point."""
    rng = random.Random(point.seed)
    guest = next(each for each in GUESTS if each.stem == point.guest)
    if point.booted:
        m.boot()
        m.keyboard.type(header(guest).get("types", ""))
    n = round(BEFORE ** rng.random())
    if point.how == "instructions":
        m.run(max_instructions=n)
    elif point.how == "time":
        m.run(timeout=n * 128e-9)
    elif point.how == "stop":
        timer = m.vm.clock.call_after(n * 128 + rng.randrange(128), m.stop, "point")
        m.run(max_instructions=BEFORE)
        timer.cancel()  # the guest may have ended before
    else:
        left = rng.randrange(1, 40)
        m.run(max_instructions=n // 2)
        for _ in range(20_000):
            exit = m.vcpu.run(1000)
            if exit.reason in (ExitReason.IO, ExitReason.MMIO):
                left -= 1
                if not exit.write and left <= 0:
                    return  # it waits for the answer
                m._serve(m.pio if exit.reason is ExitReason.IO else m.mmio, exit)
            elif exit.reason not in (ExitReason.BUDGET, ExitReason.INTR):
                return


def go_on(m: Machine, point: Point) -> str:
    """What happens in the next instructions, as one line."""
    rng = random.Random(point.seed + 1)
    waits = m.vcpu.pending
    if waits is not None and waits.reason in (ExitReason.IO, ExitReason.MMIO):
        m._serve(m.pio if waits.reason is ExitReason.IO else m.mmio, waits)
    exit = m.run(max_instructions=round(AFTER ** rng.random()))
    second = m.run(max_instructions=rng.randrange(AFTER))
    return f"{exit.reason.name} {second.reason.name} {m.vcpu.instructions} {digest(m)}"


def digest(m: Machine) -> str:
    """A hash of everything that a machine is."""
    return hashlib.sha256(m.save().to_bytes(compression="none")).hexdigest()


def here(point: Point) -> tuple[str, bytes]:
    """Save at the point, go on; and restore here, in a fork and in another machine, to see the
    same. Returns what happened, and the state."""
    with built(point) as m, built(point) as other:
        bring(m, point)
        state = m.save()
        data = state.to_bytes()
        with_pull = bool(point.pulled)
        twin = None if with_pull else m.fork()
        expected = go_on(m, point)
        m.restore(state)
        assert go_on(m, point) == expected, f"{point}: restored"
        m.restore(State.from_bytes(data))
        assert go_on(m, point) == expected, f"{point}: from bytes"
        other.restore(State.from_bytes(data))
        assert go_on(other, point) == expected, f"{point}: another machine"
        if twin is not None:
            with twin:
                assert go_on(twin, point) == expected, f"{point}: fork"
        return expected, data


def there(data: list[dict[str, Any]]) -> list[str]:
    """What points of another process do next."""
    found = []
    for each in data:
        point = Point(*each["point"])
        with built(point) as m:
            m.restore(State.from_bytes(bytes.fromhex(each["state"])))
            found.append(go_on(m, point))
    return found


def packed(point: Point, state: bytes) -> dict[str, Any]:
    """A point and its state, for `there`."""
    return {"point": list(point), "state": state.hex()}


def main(path: Path) -> None:
    """Print one line for each point of a file."""
    print(*there(json.loads(path.read_text())), sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
