"""A slow VGA: registers and planes by the book, one plane after the other. Knows no core.

Written from the register descriptions of IBM's PS/2 Hardware Interface Technical Reference, to be
compared with the core's. It has what the guest can read and write; there is no raster.
"""

from __future__ import annotations

WINDOWS = ((0xA0000, 0x20000), (0xA0000, 0x10000), (0xB0000, 0x8000), (0xB8000, 0x8000))
SEQUENCER_BITS = (0x03, 0x3D, 0x0F, 0x3F, 0x0E)
GRAPHICS_BITS = (0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF)


class Reference:
    """The graphics controller, the sequencer and the planes."""

    def __init__(self) -> None:
        self.planes = [bytearray(0x10000) for _ in range(4)]
        self.latches = [0, 0, 0, 0]
        self.sequencer = [0x03, 0x00, 0x03, 0x00, 0x02]
        self.graphics = [0, 0, 0, 0, 0, 0x10, 0x0E, 0, 0xFF]
        self.sequencer_index = self.graphics_index = 0
        self.misc = 0x67

    # -- ports -------------------------------------------------------------------------------------

    def out(self, port: int, value: int) -> None:
        if port == 0x3C2:
            self.misc = value
        elif port == 0x3C4:
            self.sequencer_index = value & 7
        elif port == 0x3CE:
            self.graphics_index = value & 15
        elif port == 0x3C5 and self.sequencer_index < 5:
            self.sequencer[self.sequencer_index] = value & SEQUENCER_BITS[self.sequencer_index]
        elif port == 0x3CF and self.graphics_index < 9:
            self.graphics[self.graphics_index] = value & GRAPHICS_BITS[self.graphics_index]

    # -- where an address is -----------------------------------------------------------------------

    @property
    def chain4(self) -> bool:
        return bool(self.sequencer[4] & 8)

    def place(self, addr: int) -> int | None:
        """The offset from the start of the window; None: no memory is there."""
        base, size = WINDOWS[self.graphics[6] >> 2 & 3]
        if not self.misc & 2 or not base <= addr < base + size:
            return None
        return addr - base

    def offset(self, at: int) -> int:
        if self.chain4:
            return (at & 0xFFFC) | at >> 16
        if self.graphics[6] & 2:
            return (at & 0xFFFE) | at >> 16
        return at & 0xFFFF

    @property
    def plain(self) -> bool:
        """Is an access one byte of one plane? Then a read leaves the latches."""
        g, part = self.graphics, self.graphics[6] >> 2 & 3
        if g[1] or g[3] or g[5] & 0x0B or g[8] != 0xFF or not self.misc & 2:
            return False
        odd_even = bool(g[5] & 0x10), bool(g[6] & 2), not self.sequencer[4] & 4
        mask = self.sequencer[2]
        if self.chain4:
            return part == 1 and mask == 15
        if part < 2:
            return False
        if all(odd_even):
            return mask == 3 and g[4] < 2
        return not any(odd_even) and mask == 1 and g[4] == 0

    # -- memory ------------------------------------------------------------------------------------

    def load(self, addr: int) -> int:
        at = self.place(addr)
        if at is None:
            return 0xFF
        offset, g = self.offset(at), self.graphics
        cell = [plane[offset] for plane in self.planes]
        if not self.plain:
            self.latches = list(cell)
        if g[5] & 8:
            value = 0
            for bit in range(8):
                same = all(
                    (cell[n] >> bit & 1) == (g[2] >> n & 1) for n in range(4) if g[7] >> n & 1
                )
                value |= same << bit
            return value
        if self.chain4:
            return cell[at & 3]
        if g[5] & 0x10:
            return cell[g[4] & 2 | at & 1]
        return cell[g[4]]

    def store(self, addr: int, byte: int) -> None:
        at = self.place(addr)
        if at is None:
            return
        offset, g = self.offset(at), self.graphics
        mode, count = g[5] & 3, g[3] & 7
        turned = (byte >> count | byte << 8 - count) & 0xFF
        for n in range(4):
            if not self.sequencer[2] >> n & 1 or not self._selected(at, n):
                continue
            latch, bits = self.latches[n], g[8]
            if mode == 1:
                self.planes[n][offset] = latch
                continue
            full = 0xFF if g[0] >> n & 1 else 0
            if mode == 0:
                data = full if g[1] >> n & 1 else turned
            elif mode == 2:
                data = 0xFF if byte >> n & 1 else 0
            else:
                data = full
                bits &= turned
            function = g[3] >> 3
            if function == 1:
                data &= latch
            elif function == 2:
                data |= latch
            elif function == 3:
                data ^= latch
            self.planes[n][offset] = data & bits | latch & ~bits

    def _selected(self, at: int, plane: int) -> bool:
        """Does the address reach this plane, if the map mask lets it?"""
        if self.chain4:
            return plane == at & 3
        if not self.sequencer[4] & 4:
            return plane & 1 == at & 1
        return True
