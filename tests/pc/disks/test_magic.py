"""What is no raw disk: each kind of file is named, with what to do; code is never taken for one."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError
from pyx86emu.pc.disks import magic
from tests.harness import descriptors


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("disk.img", bytes(1000))
    return data.getvalue()


def tarred() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("disk.img"))
    return data.getvalue()


def iso() -> bytes:
    return bytes(0x8000) + b"\x01CD001\x01" + bytes(100_000)


def vhd_footer(kind: int) -> bytes:
    fields = struct.pack(">8sIIQI", b"conectix", 2, 0x10000, (1 << 64) - 1, 0)
    return (fields.ljust(60, b"\0") + struct.pack(">I", kind)).ljust(512, b"\0")


def vdi() -> bytes:
    return b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") + b"\x7f\x10\xda\xbe"


def mz(extra: bytes = b"") -> bytes:
    # Last page, pages, relocations, paragraphs of the header.
    return (struct.pack("<2sHHHH", b"MZ", 0x90, 3, 0, 4).ljust(60, b"\0") + extra).ljust(2048)


def pe() -> bytes:
    return mz(struct.pack("<I", 128)).ljust(128, b"\0")[:128] + b"PE\0\0" + bytes(1000)


#: A file of each kind; its name in the message, and what to do.
FILES = {
    "gzip": (gzip.compress(bytes(1000)), "gzip data", "gunzip a.img"),
    "xz": (lzma.compress(bytes(1000)), "xz data", "unxz a.img"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00\x01\x00", "zstd data", "unzstd a.img"),
    "bzip2": (bz2.compress(bytes(1000)), "bzip2 data", "bunzip2 a.img"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7\0\0\0\0", "lz4 data", "unlz4 a.img"),
    "compress": (b"\x1f\x9d\x90\0\0", "compress data", "gunzip a.img"),
    "zip": (zipped(), "a zip archive", "unzip a.img"),
    "zip, empty": (b"PK\5\6".ljust(22, b"\0"), "an empty zip archive", "give a disk image"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4".ljust(64, b"\0"), "a 7-Zip archive", "7z x a.img"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive", "unrar x a.img"),
    "tar": (tarred(), "a tar archive", "tar xf a.img"),
    "qcow": (b"QFI\xfb\0\0\0\1", "a qcow image", "qemu-img convert -f qcow -O raw a.img disk.img"),
    "qcow2": (b"QFI\xfb\0\0\0\3", "a qcow2 image", "qemu-img convert -f qcow2 -O raw a.img"),
    "qed": (b"QED\0".ljust(64, b"\0"), "a QED image", "qemu-img convert -f qed -O raw a.img"),
    "vhd, dynamic": (vhd_footer(3) + bytes(2048), "a VHD image", "qemu-img convert -f vpc -O raw"),
    "vhd, fixed": (bytes(99_840) + vhd_footer(2), "a VHD image", "qemu-img convert -f vpc -O raw"),
    "vhdx": (b"vhdxfile".ljust(512, b"\0"), "a VHDX image", "qemu-img convert -f vhdx -O raw"),
    "vmdk": (b"KDMV\1\0\0\0", "a VMDK image", "qemu-img convert -f vmdk -O raw"),
    "vmdk of ESX": (b"COWD\1\0\0\0", "a VMDK image", "qemu-img convert -f vmdk -O raw"),
    "vmdk, text": (b"# Disk DescriptorFile\nversion=1\n", "a VMDK descriptor", "convert -f vmdk"),
    "vdi": (vdi(), "a VDI image", "qemu-img convert -f vdi -O raw a.img disk.img"),
    "parallels": (b"WithoutFreeSpace", "a Parallels image", "convert -f parallels -O raw"),
    "parallels 2": (b"WithouFreSpacExt", "a Parallels image", "convert -f parallels -O raw"),
    "imd": (b"IMD 1.18: 01/01/2020\r\n\x1a", "an ImageDisk floppy", "raw sectors"),
    "hfe": (b"HXCPICFE\0", "an HFE floppy", "hxcfe -conv:RAW_IMG"),
    "iso": (iso(), "an ISO 9660 image of a CD", "there is no CD drive"),
    "elf": (Path(sys.executable).read_bytes()[:9999], "an ELF program", "objcopy -O binary"),
    "mach-o": (b"\xfe\xed\xfa\xce", "a Mach-O program", "objcopy -O binary"),
    "pe": (pe(), "a Windows or UEFI program (PE)", "nasm -f bin"),
    "mz": (mz(), "a DOS program (MZ)", "fat:DIR"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document", "give a disk image"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0", "a PNG picture", "give a disk image"),
    "gif": (b"GIF89a\1\0", "a GIF picture", "give a disk image"),
    "jpeg": (b"\xff\xd8\xff\xe0", "a JPEG picture", "give a disk image"),
    "text": (b"org 7C00h\n\tmov ax, 1\n", "plain text", "nasm -f bin a.img"),
    "text of DOS": (b"hello\r\nworld\r\n\x1a", "plain text", "give a disk image"),
    "text, UTF-8": ("Grüße\nあ\n".encode() * 9999, "plain text", "give a disk image"),
}
#: They end in what says it, or are it from end to end.
UNPADDED = ("vhd, fixed", "text", "text of DOS", "text, UTF-8")


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_raw_disk_is_named(kind: str, tmp_path: Path) -> None:
    data, what, advice = FILES[kind]
    path = tmp_path / "a.img"
    sizes = [len(data)] if kind in UNPADDED else [len(data), 1474560, 20_000_000]
    for size in sizes:
        path.write_bytes(data)
        os.truncate(path, size)

        for drive in (None, "floppy", "hd"):
            with pytest.raises(DiskError) as error:
                Disk(path, kind=drive)

            assert str(error.value).startswith(f"{path} is {what}, not a raw disk image: ")
            assert advice.replace("a.img", str(path)) in str(error.value)


def test_every_row_is_tried() -> None:
    rows = {row.what for row in magic.TABLE}

    assert rows <= {what for _, what, _ in FILES.values()}


@pytest.mark.parametrize("kind", sorted(set(FILES) - {*UNPADDED, "vdi", "zip, empty"}))
def test_a_boot_sector_may_begin_with_any_bytes(kind: str) -> None:
    data = FILES[kind][0][:510].ljust(510, b"\0") + b"\x55\xaa"

    with Disk(data) as disk:
        assert disk.kind == "floppy"


@pytest.mark.parametrize("kind", FILES)
def test_a_geometry_makes_any_bytes_a_disk(kind: str) -> None:
    with Disk(FILES[kind][0], geometry=(80, 2, 18)) as disk:
        assert disk.geometry == (80, 2, 18)


@pytest.mark.parametrize(
    "code",
    [
        b"MZ\xeb\xfe",  # dec bp; pop dx; jmp $
        b"MZ".ljust(512, b"\x90"),
        b"P" * 512,  # push ax
        b"\n\x00" * 40,  # or al,[bx+si]
        b"GIF",
        b"BZ",
        b"%PDF",
        b"\xf4",
    ],
)
def test_code_is_no_file(code: bytes) -> None:
    with Disk(code) as disk:
        assert disk.geometry == (80, 2, 18)


def test_a_boot_sector_in_ascii_is_a_boot_sector() -> None:
    code = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$\r\n".ljust(510, b"P") + b"\x55\xaa"

    assert magic.found(code, 512) is None


def test_an_iso_that_also_boots_as_a_hard_disk_is_one_if_asked() -> None:
    image = bytes(510) + b"\x55\xaa" + iso()[512:] + bytes(2_000_000)

    with Disk(image, kind="hd") as disk:
        assert disk.kind == "hd"
    with pytest.raises(DiskError, match="an ISO 9660 image"):
        Disk(image)


def test_a_name_is_quoted_for_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "my {disk} image.gz"
    path.write_bytes(gzip.compress(b"x"))

    with pytest.raises(DiskError, match=r"gunzip '[^']*my \{disk\} image.gz'$"):
        Disk(path)


@given(st.binary(max_size=600), st.binary(max_size=512))
def test_any_bytes_are_looked_at(head: bytes, tail: bytes) -> None:
    row = magic.found(head, len(head), tail)

    assert row is None or row.what


# -- what is not even opened ----------------------------------------------------------------------


def test_a_directory_leads_to_fat(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=f"{tmp_path} is a directory: .*, or fat:{tmp_path} for a"):
        Disk(tmp_path)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
@pytest.mark.parametrize(
    ("write_back", "readable", "advice"),
    [
        (False, False, "let this user read it"),
        (True, False, "let this user read it"),
        (True, True, r"let this user write it, or open it without write_back \(--write-back\)"),
    ],
)
def test_a_permission_that_lacks_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    write_back: bool,
    readable: bool,
    advice: str,
) -> None:
    def refuse(*args: object) -> int:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.img"
    path.write_bytes(b"\xf4")
    before = descriptors()
    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.access", lambda name, mode: readable)

    with pytest.raises(PermissionError, match=f"{os.strerror(number)}: {advice}") as error:
        Disk(path, write_back=write_back)

    assert (error.value.errno, error.value.filename) == (number, str(path))
    monkeypatch.undo()
    assert descriptors() == before


def test_a_file_that_must_not_be_written_now_is_said(tmp_path: Path) -> None:
    path = tmp_path / "busy"
    path.write_bytes(Path("/bin/sleep").read_bytes())
    path.chmod(0o755)
    with subprocess.Popen([path, "9"], stdin=subprocess.DEVNULL) as running:
        try:
            with pytest.raises(OSError, match="Text file busy: let this user write it, or open it"):
                Disk(path, write_back=True)
        finally:
            running.kill()
