"""VirtioRng: random bytes for the guest. Knows requests, no ring. Virtio 1.2, 5.4."""

from os import urandom
from random import Random
from typing import Any

from .._core import exact
from .device import Served, Values, VirtioDevice
from .numbers import ID_ENTROPY

#: The most bytes that one request gets; a driver asks again for more (5.4.6.2).
MOST = 1 << 16


class VirtioRng(VirtioDevice):
    """A virtio entropy device: `m.attach(VirtioRng())`.

    The bytes come from the host. With `seed`, an integer, they come from a generator of Python, and
    two runs are equal. `served` as for every virtio device. TypeError: `seed` is no integer.
    """

    device_id = ID_ENTROPY
    name = "virtio-rng"
    queue_sizes = (64,)

    def __init__(self, *, seed: int | None = None, served: Served = "vcpu") -> None:
        super().__init__(served=served)
        self.seed = None if seed is None else exact(seed, "seed")
        self.deterministic = seed is not None
        self._random = Random(self.seed)

    def kicked(self, index: int) -> None:
        """Fill the buffers of the driver."""
        more = urandom if self.seed is None else self._random.randbytes
        for batch in self.requests(index):
            self.done(index, [(head, more(min(n, MOST))) for head, _, n in batch])

    def state(self) -> Values:
        """The device, with its generator."""
        version, numbers, gauss = self._random.getstate()
        return {**super().state(), "random": (version, numbers, gauss)}

    def load(self, values: Values) -> None:
        """Become what `state()` returned."""
        state: Any = values["random"]
        Random().setstate(state)
        super().load(values)
        self._random.setstate(state)
