"""The guests of `bench guests`: name images, the texts that they show, the keys they wait for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ENVIRONMENT = "PYX86EMU_GUESTS"
DOS = r"^A:\\>$"


class Guest(NamedTuple):
    """An image, and what is timed of it. The texts are regular expressions as in `until`."""

    name: str
    """Of the row."""
    image: str
    """The file, without .img."""
    prompt: str = ""
    """The boot ends when this is on the screen; "": the boot is not timed."""
    keys: str = ""
    """What is typed at the prompt. Enter after it begins the work."""
    end: str = ""
    """The work ends with this text; "": there is no work. Without keys it begins when the boot
    sector does."""
    model: str = "8086"
    kib: int = 640
    boot_limit: float | None = None
    """The least allowed QEMU / ours."""
    work_limit: float | None = None


#: Boots and work of the images that guests.py extracts, as far as they are there.
LISTED = (
    Guest(
        "perf-pi",
        "perf-pi",
        end="4504712371378696095636437191728746776465757396241389086583264599581339047802759",
        work_limit=0.6,
    ),
    Guest(
        "perf-tinyasm",
        "perf-tinyasm",
        prompt=DOS,
        keys="tinyasm -f bin input2.asm -o i2.img",
        end=r"line 11798\n+A:\\>$",
        work_limit=1.0,
    ),
    Guest(
        "v86-pi",
        "freedos-v86",
        prompt=DOS,
        keys="pi",
        end="9803559363456817432411251507606947945109659609402522",
        model="80386",
        kib=1024,
        work_limit=1.0,
    ),
    Guest("freedos-1440k", "freedos-1440k", prompt=DOS),
    Guest("elks-fat", "elks-fat", prompt="login:", boot_limit=4.0),
    Guest("elks-minix", "elks-minix", prompt="login:", boot_limit=4.0),
    Guest("mikeos", "mikeos", prompt="Please select an interface", model="80386"),
)

#: A boot sector that is always there. It prints READY>, echoes keys up to Enter, counts to
#: 64 x 65536 and prints DONE.
OWN = Guest("own", "own", prompt="READY>", keys="go", end="DONE")
OWN_IMAGE = (
    bytes.fromhex(
        "fc 31c0 8ed8"  # cld; xor ax,ax; mov ds,ax
        "be367c e81f00"  # mov si,ready; call print
        "31c0 cd16 b40e cd10"  # key: xor ax,ax; int 16h; mov ah,0eh; int 10h
        "3c0d 75f4"  # cmp al,13; jne key
        "bb4000"  # mov bx,64
        "31c9 e2fe 4b 75f9"  # outer: xor cx,cx; loop $; dec bx; jnz outer
        "be3d7c e80300"  # mov si,done; call print
        "f4 ebfd"  # halt: hlt; jmp halt
        "ac 08c0 7406 b40e cd10 ebf5 c3"  # print: lodsb; or al,al; jz +6; int 10h; jmp print; ret
    )
    + b"READY>\0"
    + b"\r\nDONE\0"
).ljust(510, b"\0") + b"\x55\xaa"


def found() -> Iterator[tuple[Guest, bytes]]:
    """The guests whose images are in the directory of PYX86EMU_GUESTS, and OWN. OSError: an image
    cannot be read."""
    yield OWN, OWN_IMAGE
    directory = os.environ.get(ENVIRONMENT)
    for guest in LISTED if directory else ():
        path = Path(directory or "", f"{guest.image}.img")
        if path.is_file():
            yield guest, path.read_bytes()
