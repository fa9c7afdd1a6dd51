"""A device of one's own: what its class got wrong is an error that says so, at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Machine, MachineError, Vm
from pyx86emu.virtio import VirtioDevice, VirtioMmio, VirtioPci, VirtioRng, serve

HERE = Path(__file__).parent
HALT = b"\xfa\xf4"


@pytest.mark.parametrize(
    ("attributes", "error", "words"),
    [
        ({"device_id": 0}, ValueError, "Mine has no device_id: set the device type"),
        ({"device_id": 1 << 16}, ValueError, "Mine.device_id is 0x10000"),
        ({"device_id": "rng"}, TypeError, "Mine.device_id"),
        ({"queue_sizes": 8}, TypeError, "Mine.queue_sizes is 8: give a tuple"),
        ({"queue_sizes": (8, 7)}, ValueError, "Mine.queue_sizes has 7: .* power of two"),
        ({"queue_sizes": (1 << 16,)}, ValueError, "Mine.queue_sizes is 0x10000"),
        ({"queue_sizes": (0,)}, ValueError, "Mine.queue_sizes is 0"),
        ({"features": 1 << 64}, ValueError, "Mine.features"),
    ],
)
def test_a_wrong_class_attribute_is_named(
    attributes: dict[str, Any], error: type[Exception], words: str
) -> None:
    good = {"device_id": 4, "queue_sizes": (8,)}
    type("Mine", (VirtioDevice,), good)()

    with pytest.raises(error, match=words):
        type("Mine", (VirtioDevice,), good | attributes)()


def test_a_device_is_in_one_machine_until_it_is_detached() -> None:
    device = VirtioRng(seed=1)
    with Machine(HALT) as one, Machine(HALT) as other:
        place = one.attach(device)
        for again in (lambda: other.attach(device), lambda: one.attach(VirtioPci(device))):
            with pytest.raises(MachineError, match="'virtio-rng' is in use already, by <Virt"):
                again()
        place.detach()

        assert other.attach(device)
    with Machine(HALT) as third:
        assert third.attach(device)


def test_a_device_is_served_or_attached_not_both(tmp_path: Path) -> None:
    device, path = VirtioRng(seed=1), tmp_path / "rng.sock"
    with Vm() as vm:
        VirtioMmio(device).attach(vm, 0xD0000)
        with pytest.raises(MachineError, match="in use already"):
            serve(device, path)
        assert not path.exists()
    device = VirtioRng(seed=1)
    with serve(device, path), Machine(HALT) as m, pytest.raises(MachineError, match="<BackEnd"):
        m.attach(device)
    with Machine(HALT) as m:
        assert m.attach(device)


def test_what_a_device_raises_names_it_and_its_queue(machine: Callable[..., Machine]) -> None:
    class Bad(VirtioDevice):
        device_id = 2
        name = "bad"
        queue_sizes = (8,)

        def kicked(self, index: int) -> None:
            raise RuntimeError("a bug of mine")

    m = machine((HERE / "queue_poll.bin").read_bytes())
    m.attach(Bad())

    with pytest.raises(RuntimeError, match="a bug of mine") as caught:
        m.run(timeout=1)

    assert "while 'bad' served queue 0" in caught.value.__notes__
