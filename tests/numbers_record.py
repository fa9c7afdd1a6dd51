"""The numbers of recordings: call each function with good values."""

from __future__ import annotations

from typing import Any

from tests.numbers import Place, World, place


def recorded(world: World) -> Any:
    """A machine that is recorded."""
    if world.machine.recording is None:
        world.machine.record()
    return world.machine


PLACES: dict[str, Place] = {
    "TimeTravel.record": place(lambda w: w.machine.record, every=1000),
    "TimeTravel.goto": place(lambda w: recorded(w).goto, instruction=0),
    "TimeTravel.step_back": place(lambda w: recorded(w).step_back, count=0),
}

EXEMPT: dict[str, str] = {
    **dict.fromkeys(
        (
            *("Rows.seek", "Recording.__init__", "Timeline.__init__"),
            *("Between.__init__", "Line.__init__", "Line.departed"),
            *(
                "Tape.states_until",
                "Timeline.run_slices",
                "Writer.cut",
                "Travel.back",
                "Travel.back_to",
                "Travel.goto",
            ),
            *("Tape.before", "Tape.cut", "Tape.inputs_from", "Tape.marks_after", "Tape.thin"),
            *("TimeTravel.run_back", "Outside.read", "Outside.write"),
        ),
        "called with numbers of the tape, or by methods of Machine that have looked at them",
    ),
    **dict.fromkeys(
        (
            *("AskedFile.read", "AskedFile.write", "AskedFile.truncate", "AskedFile.set_stamp"),
            *("AskedRoot.set_attributes", "AskedInput.read"),
        ),
        "called by DOS, which has looked at what the guest wants",
    ),
}
