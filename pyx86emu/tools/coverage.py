"""Coverage: which instructions of the guest were reached, and which jumps were made."""

import mmap
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._core import Vcpu
from ..observe import of_core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .lcov import Lcov
    from .reached import Given

#: A bit for each linear address up to 10FFFFh.
MAP = 0x110000 // 8
#: AFL's map: a byte for each pair of blocks.
EDGES = 0x10000


class Coverage:
    """What a vCPU reaches from now on, until `close()` or the end of a `with`; the maps stay.

    `edges`: also count jumps, in shared memory (`fileno()`), as AFL does: a byte counts, up to 255,
    how often one block followed another; two pairs may have one byte. `listings`: for `lcov()`;
    their lines are compared with memory when the guest comes to them. Only the thread that runs the
    guest makes and closes it; any thread reads. There is one at a time for a vCPU.
    """

    _fd = -1  # before __init__ has run

    def __init__(
        self, vcpu: Vcpu, *, edges: bool = False, listings: "Iterable[Given]" = ()
    ) -> None:
        from .reached import Reached, listings_of

        given = listings_of(listings)
        self._listed = list[Reached]()
        self._made_of = vcpu
        self._vcpu: Vcpu | None = of_core(vcpu, "coverage")
        self._map = bytearray(MAP)
        self._fd = -1
        self._edges: mmap.mmap | None = None
        if edges:
            self._fd = os.memfd_create("pyx86emu-edges", os.MFD_CLOEXEC)
            try:
                os.ftruncate(self._fd, EDGES)
                self._edges = mmap.mmap(self._fd, EDGES)
            except BaseException:
                os.close(self._fd)
                raise
        vcpu._cover(self._map, self._edges)
        self._listed = [Reached(vcpu, each) for each in given]
        for each in self._listed:
            each.watch()

    @property
    def addresses(self) -> set[int]:
        """The linear addresses of the instructions that were reached."""
        found: set[int] = set()
        for at, byte in enumerate(self._map):
            if byte:
                found.update(8 * at + bit for bit in range(8) if byte >> bit & 1)
        return found

    def reached(self, at: int) -> bool:
        """Was the instruction at this linear address reached?"""
        return 0 <= at < 8 * MAP and bool(self._map[at >> 3] >> (at & 7) & 1)

    @property
    def edges(self) -> "NDArray[np.uint8]":
        """The counts of jumps, 65,536 bytes that change as the guest runs. RuntimeError: they are
        not counted."""
        import numpy as np

        if self._edges is None:
            raise RuntimeError("no edges are counted: pass edges=True")
        return np.frombuffer(self._edges, dtype=np.uint8)

    def lcov(self, *listings: "Given", test: str = "") -> "Lcov":
        """By line of the sources, what was executed: `print()` it, or `save("boot.info")` it for
        genhtml. `listings`: paths of what `nasm -l` has written, `Listing.load(path, at=...)`, or
        `Symbols` with listings; without any, those that were given at the start. `test` is the
        tracefile's name of the run.

        A line counts once in a run. A label before code, but no local one, is a function. Notes
        are in `notes`: of a listing whose bytes are not those in memory, no line is counted.
        OSError, ValueError: a listing cannot be read, or there is none.

        >>> from pyx86emu import Machine
        >>> from pyx86emu.listing import read
        >>> rows = ["00000000 FA", "00000001 F4", "00000002 F4"]
        >>> text = [f"{i:6} {row:33}code" for i, row in enumerate(rows, 1)]
        >>> with Machine(bytes.fromhex("fa f4 f4")) as m, m.coverage() as covered:
        ...     _ = m.run(timeout=1)
        ...     print(covered.lcov(read("\\n".join(text), name="a.asm").moved(0x7C00)))
        TN:
        SF:a.asm
        DA:1,1
        DA:2,1
        DA:3,0
        LF:3
        LH:2
        end_of_record
        <BLANKLINE>
        """
        from .lcov import Lcov
        from .reached import Reached, listings_of

        found, all_of = Lcov(), self._listed
        if listings:
            all_of = [Reached(self._made_of, each) for each in listings_of(listings)]
        if not all_of:
            raise ValueError("no listing is given: nasm -l writes one")
        for each in all_of:
            each.count(self.reached, found, test)
        return found

    def fileno(self) -> int:
        """The memfd of the edges, for another process. It belongs to this object."""
        if self._fd < 0:
            raise RuntimeError("no edges are counted: pass edges=True")
        return self._fd

    def clear(self) -> None:
        """Nothing was reached. Only while the guest does not run."""
        self._map[:] = bytes(MAP)
        if self._edges is not None:
            self._edges[:] = bytes(EDGES)
        if self._vcpu is not None:
            self._vcpu._cover(self._map, self._edges)

    def close(self) -> None:
        """End it. Twice is harmless."""
        for each in self._listed:
            each.close()
        vcpu, self._vcpu = self._vcpu, None
        if vcpu is not None:
            vcpu._cover(None, None)

    def __enter__(self) -> "Coverage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __repr__(self) -> str:
        return f"<Coverage of {sum(byte.bit_count() for byte in self._map)} instructions>"
