"""The numbers of saved states: call each function with good values."""

from __future__ import annotations

from pyx86emu import State
from pyx86emu.saved import codec
from tests.numbers import Place, World, place


def saved(world: World) -> str:
    """The path of a state."""
    path = f"{world.empty}/numbers.state"
    world.vm.save().save(path)
    return path


PLACES: dict[str, Place] = {
    "codec.load": place(lambda w: lambda limit: codec.load(codec.dump(None), limit), limit=100),
    "State.from_bytes": place(
        lambda w: lambda limit: State.from_bytes(w.vm.save().to_bytes(), limit=limit), limit=1 << 20
    ),
    "State.load": place(lambda w: lambda limit: State.load(saved(w), limit=limit), limit=1 << 20),
}
