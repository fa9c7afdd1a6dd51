"""The snapshot of a VGA: name the registers and planes that make a picture. Plain values."""

from typing import NamedTuple


class VgaSnapshot(NamedTuple):
    """What a VGA holds at one moment, all that its picture depends on.

    The register numbers are those of IBM's VGA (PS/2 Hardware Interface Technical Reference).

    A byte that the guest wrote in a chained mode is where the hardware has it. With chain-4 (bit 3
    of sequencer register 4) address A is plane A & 3, offset A & ~3; with odd/even addressing,
    address A is plane A & 1, offset A & ~1. So the n-th character of a text page is at offset 2n of
    plane 0, its attribute at offset 2n of plane 1, as the CRTC reads them in word mode. In
    doubleword mode, the CRTC's counter n reads offset 4n of all planes.
    """

    misc: int
    """Miscellaneous output, 3CCh."""
    feature: int
    """Feature control, 3CAh."""
    sequencer: bytes
    """5 registers, 3C5h."""
    crtc: bytes
    """25 registers, 3D5h."""
    graphics: bytes
    """9 registers, 3CFh."""
    attribute: bytes
    """21 registers, 3C1h: the palette is the first 16."""
    attribute_index: int
    """3C0h; bit 5 (palette address source): the picture is on, else all of it is overscan."""
    dac: bytes
    """256 colours: red, green and blue, 6 bits each."""
    dac_mask: int
    """3C6h: ANDed to the number of each colour."""
    cga_mode: int
    """What was last written to 3D8h."""
    cga_color: int
    """What was last written to 3D9h."""
    planes: bytes
    """Four planes of 65,536 bytes, plane 0 first."""
    frame: int
    """How many frames of this length have passed since guest time 0: for cursor and blinking."""
