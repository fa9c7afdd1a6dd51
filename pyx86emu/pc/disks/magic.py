"""Magic numbers: name a file that is no raw disk, and what to do with it. Know no disks.

A boot sector may begin with any bytes, since they are code. So a first sector with 55AAh is taken
for a disk, unless the row says that such files have it too.
"""

from typing import NamedTuple

from .partitions import signed

#: How much of a file `found` has to see: ISO 9660 says what it is at 32769.
HEAD = 36 << 10
#: And how much of its end: VHD.
TAIL = 512


class Row(NamedTuple):
    """What a file with these bytes at this offset is, and what to do; {} there is its name. A
    negative offset counts from the end of the file."""

    at: int
    bytes: bytes
    what: str
    advice: str
    #: It is so even if the first sector ends in 55AAh.
    even_signed: bool = False


def _convert(format: str) -> str:
    return f"convert it: qemu-img convert -f {format} -O raw {{}} disk.img"


PROGRAM = (
    "put it on a disk with a system that runs it, such as -fdb fat:DIR with FreeDOS in drive A"
)
HOST_PROGRAM = (
    "for a boot sector, assemble or link to a flat binary: nasm -f bin, objcopy -O binary"
)

TABLE = (
    Row(0, b"\x1f\x8b\x08", "gzip data", "unpack it: gunzip {}"),
    Row(0, b"\xfd7zXZ\0", "xz data", "unpack it: unxz {}"),
    Row(0, b"\x28\xb5\x2f\xfd", "zstd data", "unpack it: unzstd {}"),
    Row(0, b"BZh", "bzip2 data", "unpack it: bunzip2 {}"),
    Row(0, b"\x04\x22\x4d\x18", "lz4 data", "unpack it: unlz4 {}"),
    Row(0, b"\x1f\x9d", "compress data", "unpack it: gunzip {}"),
    Row(0, b"PK\x03\x04", "a zip archive", "unpack it: unzip {}"),
    Row(0, b"PK\x05\x06", "an empty zip archive", "give a disk image"),
    Row(0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it: 7z x {}"),
    Row(0, b"Rar!\x1a\x07", "a RAR archive", "unpack it: unrar x {}"),
    Row(257, b"ustar", "a tar archive", "unpack it: tar xf {}"),
    Row(0, b"QFI\xfb\0\0\0\1", "a qcow image", _convert("qcow")),
    Row(0, b"QFI\xfb", "a qcow2 image", _convert("qcow2")),
    Row(0, b"QED\0", "a QED image", _convert("qed")),
    Row(0, b"conectix", "a VHD image", _convert("vpc")),
    Row(-TAIL, b"conectix", "a VHD image", _convert("vpc"), even_signed=True),
    Row(0, b"vhdxfile", "a VHDX image", _convert("vhdx")),
    Row(0, b"KDMV", "a VMDK image", _convert("vmdk")),
    Row(0, b"COWD", "a VMDK image", _convert("vmdk")),
    Row(0, b"# Disk DescriptorFile", "a VMDK descriptor", _convert("vmdk")),
    Row(0x40, b"\x7f\x10\xda\xbe", "a VDI image", _convert("vdi"), even_signed=True),
    Row(0, b"WithoutFreeSpace", "a Parallels image", _convert("parallels")),
    Row(0, b"WithouFreSpacExt", "a Parallels image", _convert("parallels")),
    Row(0, b"IMD ", "an ImageDisk floppy", "convert it to raw sectors, for example with imdu"),
    Row(0, b"HXCPICFE", "an HFE floppy", "convert it to raw sectors: hxcfe -conv:RAW_IMG"),
    Row(0, b"\x7fELF", "an ELF program", HOST_PROGRAM),
    Row(0, b"\xfe\xed\xfa", "a Mach-O program", HOST_PROGRAM),
    Row(0, b"%PDF-", "a PDF document", "give a disk image"),
    Row(0, b"\x89PNG\r\n\x1a\n", "a PNG picture", "give a disk image"),
    Row(0, b"GIF8", "a GIF picture", "give a disk image"),
    Row(0, b"\xff\xd8\xff", "a JPEG picture", "give a disk image"),
)

ISO = Row(
    0x8001,
    b"CD001",
    "an ISO 9660 image of a CD",
    "there is no CD drive, boot a floppy or hard disk image",
)

#: Bytes of a text in ASCII, but for its line ends.
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n\f\x1b")


def is_iso(head: bytes) -> bool:
    """True: there is an ISO 9660 volume."""
    return head[ISO.at :].startswith(ISO.bytes)


def found(head: bytes, size: int, tail: bytes = b"") -> Row | None:
    """What a file of `size` bytes is if it is no raw disk. `head`: its first HEAD bytes (all if it
    is shorter); `tail`: its last TAIL bytes, or nothing.

    >>> found(b"\\x1f\\x8b\\x08", 100).what
    'gzip data'
    """
    is_signed = signed(head)
    for row in TABLE:
        data = head[row.at :] if row.at >= 0 else tail if size > TAIL else b""
        if (row.even_signed or not is_signed) and data.startswith(row.bytes):
            return row
    if is_signed:
        return None
    return ISO if is_iso(head) else _program(head, size) or _text(head, size)


def _program(head: bytes, size: int) -> Row | None:
    """A program for DOS or Windows. "MZ" alone may be code: dec bp; pop dx."""
    if head[:2] != b"MZ" or len(head) < 0x1C:
        return None

    def word(at: int) -> int:
        return int.from_bytes(head[at : at + 2], "little")

    pe = int.from_bytes(head[0x3C:0x40], "little")
    if head[pe : pe + 4] == b"PE\0\0":
        return Row(0, b"MZ", "a Windows or UEFI program (PE)", HOST_PROGRAM)
    # Bytes in the last page, pages, paragraphs of header, and the file that these say.
    last, pages, header = word(2), word(4), word(8)
    length = pages * 512 - (512 - last if last else 0)
    if last < 512 and pages and header >= 2 and header * 16 <= length <= size:
        return Row(0, b"MZ", "a DOS program (MZ)", PROGRAM)
    return None


def _text(head: bytes, size: int) -> Row | None:
    if b"\n" not in head and b"\r" not in head:
        return None  # maybe code: most letters are instructions
    text = head.rstrip(b"\x1a")  # an end of file of DOS
    if not _TEXT.issuperset(text):
        from codecs import getincrementaldecoder

        try:  # the head may end inside a character
            decoded = getincrementaldecoder("utf-8")().decode(text, final=size <= len(head))
        except UnicodeDecodeError:
            return None
        if any(char < " " and ord(char) not in _TEXT for char in decoded):
            return None
    return Row(0, b"", "plain text", "give a disk image; assemble a source with nasm -f bin {}")
