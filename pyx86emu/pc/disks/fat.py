"""FAT volumes: read and write files on FAT12, FAT16 and FAT32. Trust nothing that is on the disk.

pyfatfs was considered: it follows a loop in the FAT for ever and sees no cross-links.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from ...errors import DiskError
from .bpb import Bpb, bpb
from .fatnames import DELETED, from_entry, split, to_entry
from .partitions import partitions
from .sectors import SECTOR

READ_ONLY, HIDDEN, SYSTEM, LABEL, DIRECTORY, ARCHIVE = 1, 2, 4, 8, 16, 32
LONG_NAME = READ_ONLY | HIDDEN | SYSTEM | LABEL
ENTRY = 32
#: The longest directory has 65536 entries; and no disk that is read here has more files.
MOST_IN_DIRECTORY, MOST_ENTRIES = 1 << 16, 1 << 20
#: Directories in each other. DOS has at most 32; each has its whole path here.
MOST_DEPTH = 128
FILE_LIMIT = (1 << 32) - 1

#: Types of FAT partitions.
FAT_TYPES = frozenset([0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E])
#: Clusters from which a FAT is FAT16, or FAT32.
FAT16_FROM, FAT32_FROM = 4085, 65525

#: DOS 1 wrote no BPB; the first byte of the FAT says the medium: its clusters, FATs and root.
WITHOUT_BPB = {
    0xFE: Bpb(1, 1, 2, 64, 320, 0xFE, 1, 8, 1, 0),
    0xFC: Bpb(1, 1, 2, 64, 360, 0xFC, 2, 9, 1, 0),
    0xFF: Bpb(2, 1, 2, 112, 640, 0xFF, 1, 8, 2, 0),
    0xFD: Bpb(2, 1, 2, 112, 720, 0xFD, 2, 9, 2, 0),
}

#: 1 January 1980, 0:00: the time of a file that is given none.
FIRST_DAY = (1 << 5 | 1) << 16


class Image(Protocol):
    """What a volume is on: `Sectors` without what only controllers need."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def count(self) -> int:
        """How many sectors there are."""

    def read(self, lba: int, n: int, /) -> bytes:
        """`n` sectors from `lba` on."""

    def write(self, lba: int, data: bytes, /) -> None:
        """Store whole sectors from `lba` on."""


class Entry(NamedTuple):
    """A file or directory: where its entry is (sector and offset), its clusters, and its size.
    `stamp` is the date (bits 16-31) and time of DOS."""

    path: str
    attributes: int
    at: tuple[int, int]
    chain: "array[int]"
    size: int
    stamp: int

    @property
    def is_directory(self) -> bool:
        """True for a directory."""
        return bool(self.attributes & DIRECTORY)


class Volume:
    """The FAT file system of an image; the whole of its tree is checked when it is opened.

    DiskError: there is none, or it is damaged: a loop, two files with the same cluster, an entry or
    FAT that leads outside, a file that is longer than its clusters. The image must not be written
    by others while a Volume is in use. Entries whose names are no 8.3 names are left out; `strange`
    counts them.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._start, block = _find(image)
        self._block = block
        self.clusters = block.clusters
        if block.root_entries == 0:
            self.bits = 32
        else:
            self.bits = 12 if self.clusters < FAT16_FROM else 16
        held = block.fat_sectors * SECTOR * 8 // self.bits - 2
        self.clusters = max(0, min(self.clusters, held))
        if block.total > image.count - self._start:
            raise self._damaged(
                f"its BPB says {block.total} sectors, {image.count - self._start} are there"
            )
        if self.bits < 32 and self.clusters >= FAT32_FROM:
            raise self._damaged(f"{self.clusters} clusters are too many for FAT16")
        self._fat: dict[int, bytearray] = {}
        self._dirty: set[int] = set()
        self._hint = 2
        self.strange = 0
        self._root: array[int] = array("I")
        self.entries: dict[str, Entry] = {}
        self._walk()

    def _damaged(self, what: str) -> DiskError:
        return DiskError(f"the FAT file system of {self._image.name} is damaged: {what}")

    @property
    def cluster_bytes(self) -> int:
        """The size of a cluster."""
        return self._block.cluster_sectors * SECTOR

    # -- the FAT -------------------------------------------------------------------------------

    def _fat_sector(self, number: int) -> bytearray:
        found = self._fat.get(number)
        if found is None:
            at = self._start + self._block.reserved + number
            found = self._fat[number] = bytearray(self._image.read(at, 1))
        return found

    def _get(self, cluster: int) -> int:
        if self.bits == 12:
            at = cluster + cluster // 2
            low = self._fat_sector(at // SECTOR)[at % SECTOR]
            high = self._fat_sector((at + 1) // SECTOR)[(at + 1) % SECTOR]
            value = low | high << 8
            return value >> 4 if cluster & 1 else value & 0xFFF
        size = self.bits // 8
        sector, at = divmod(cluster * size, SECTOR)
        value = int.from_bytes(self._fat_sector(sector)[at : at + size], "little")
        return value & 0x0FFFFFFF

    def _set(self, cluster: int, value: int) -> None:
        if self.bits == 12:
            at = cluster + cluster // 2
            keep, value = (0x000F, value << 4) if cluster & 1 else (0xF000, value)
            for i, new in enumerate(value.to_bytes(2, "little")):
                sector, offset = divmod(at + i, SECTOR)
                data = self._fat_sector(sector)
                data[offset] = data[offset] & keep >> 8 * i & 0xFF | new
                self._dirty.add(sector)
            return
        size = self.bits // 8
        sector, offset = divmod(cluster * size, SECTOR)
        data = self._fat_sector(sector)
        if size == 4:  # the upper four bits are kept
            value |= int.from_bytes(data[offset : offset + 4], "little") & 0xF0000000
        data[offset : offset + size] = value.to_bytes(size, "little")
        self._dirty.add(sector)

    def _chain(self, first: int, owned: bytearray, path: str) -> "array[int]":
        """The clusters of a file, from its first. Each is marked in `owned`."""
        chain, last = array("I"), self.clusters + 1
        end = (1 << min(self.bits, 28)) - 8  # from here on: the end of a chain
        cluster = first
        while True:
            if not 2 <= cluster <= last:
                where = "starts at" if not chain else f"leads from {chain[-1]} to"
                raise self._damaged(f"{path} {where} cluster {cluster}, there are 2 to {last}")
            if owned[cluster >> 3] >> (cluster & 7) & 1:
                how = "runs in a loop" if cluster in chain else "shares a cluster with another file"
                raise self._damaged(f"{path} {how}, at cluster {cluster}")
            owned[cluster >> 3] |= 1 << (cluster & 7)
            chain.append(cluster)
            cluster = self._get(cluster)
            if cluster >= end:
                return chain

    def _free(self, n: int) -> list[int]:
        """`n` free clusters. DiskError: there are not so many."""
        found: list[int] = []
        last = self.clusters + 1
        order: Iterable[range] = (range(self._hint, last + 1), range(2, min(self._hint, last + 1)))
        for part in order:
            for cluster in part:
                if len(found) == n:
                    break
                if self._get(cluster) == 0:
                    found.append(cluster)
        if len(found) < n:
            raise DiskError(
                f"{self._image.name} is full: {n * self.cluster_bytes} bytes are needed, "
                f"{len(found) * self.cluster_bytes} are free"
            )
        self._hint = found[-1] + 1 if found else self._hint
        return found

    def _link(self, chain: Iterable[int]) -> None:
        before = None
        for cluster in chain:
            if before is not None:
                self._set(before, cluster)
            before = cluster
        if before is not None:
            self._set(before, 0x0FFFFFFF & (1 << self.bits) - 1)

    def flush(self) -> None:
        """Write what has changed in the FAT, to all its copies."""
        block = self._block
        for number in sorted(self._dirty):
            for copy in range(block.fats):
                at = self._start + block.reserved + copy * block.fat_sectors + number
                self._image.write(at, bytes(self._fat[number]))
        if self._dirty and self.bits == 32:
            self._forget_free_count()
        self._dirty.clear()

    def _forget_free_count(self) -> None:
        """FAT32 keeps the number of free clusters; FFFFFFFFh means that it must be counted."""
        boot = self._image.read(self._start, 1)
        number = int.from_bytes(boot[48:50], "little")
        if not 0 < number < self._block.reserved:
            return
        info = bytearray(self._image.read(self._start + number, 1))
        if info[:4] == b"RRaA" and info[484:488] == b"rrAa":
            info[488:496] = b"\xff" * 8
            self._image.write(self._start + number, bytes(info))

    # -- the tree ------------------------------------------------------------------------------

    def _walk(self) -> None:
        owned = bytearray((self.clusters + 2) // 8 + 1)
        if self.bits == 32:
            boot = self._image.read(self._start, 1)
            first = int.from_bytes(boot[44:48], "little")
            self._root = self._chain(first, owned, "the root directory")
        stack = [""]
        while stack:
            directory = stack.pop()
            for found in self._list(directory, owned):
                if found.path in self.entries:
                    raise self._damaged(f"{found.path} is there twice")
                if len(self.entries) == MOST_ENTRIES:
                    raise self._damaged(f"it has more than {MOST_ENTRIES} files")
                self.entries[found.path] = found
                if found.is_directory:
                    if found.path.count("/") >= MOST_DEPTH:
                        raise self._damaged(f"more than {MOST_DEPTH} directories are in each other")
                    stack.append(found.path)

    def _sectors(self, directory: str) -> "array[int]":
        """The sectors of a directory; "" is the root."""
        block, start = self._block, self._start
        if not directory and self.bits < 32:
            first = start + block.data - -(-block.root_entries * ENTRY // SECTOR)
            return array("I", range(first, start + block.data))
        chain = self.entries[directory].chain if directory else self._root
        if len(chain) * self.cluster_bytes > MOST_IN_DIRECTORY * ENTRY:
            raise self._damaged(f"directory {directory or 'root'} has more than 65536 entries")
        size = block.cluster_sectors
        return array("I", (self._lba(c) + i for c in chain for i in range(size)))

    def _lba(self, cluster: int) -> int:
        return self._start + self._block.data + (cluster - 2) * self._block.cluster_sectors

    def _list(self, directory: str, owned: bytearray) -> Iterator[Entry]:
        for sector in self._sectors(directory):
            data = self._image.read(sector, 1)
            for at in range(0, SECTOR, ENTRY):
                raw = data[at : at + ENTRY]
                if raw[0] == 0:
                    return
                attributes = raw[11] & 0x3F
                if raw[0] == DELETED or attributes & LABEL or raw[:11].strip(b" ") in (b".", b".."):
                    continue
                name = from_entry(raw[:11])
                if name is None:
                    self.strange += 1
                    continue
                path = f"{directory}/{name}" if directory else name
                yield self._entry(path, raw, (sector, at), owned)

    def _entry(self, path: str, raw: bytes, at: tuple[int, int], owned: bytearray) -> Entry:
        first = int.from_bytes(raw[26:28], "little")
        if self.bits == 32:
            first |= int.from_bytes(raw[20:22], "little") << 16
        size = int.from_bytes(raw[28:32], "little")
        chain = array("I")
        if first or size or raw[11] & DIRECTORY:
            chain = self._chain(first, owned, path)
        if raw[11] & DIRECTORY:
            size = 0
        elif size > len(chain) * self.cluster_bytes:
            raise self._damaged(
                f"{path} has {size} bytes, its clusters {len(chain) * self.cluster_bytes}"
            )
        return Entry(path, raw[11], at, chain, size, int.from_bytes(raw[22:26], "little"))

    def files(self) -> list[str]:
        """The paths of all files, sorted."""
        return sorted(path for path, entry in self.entries.items() if not entry.is_directory)

    # -- files ---------------------------------------------------------------------------------

    def read(self, path: str) -> bytes:
        """The contents of a file. DiskError: there is none."""
        path = "/".join(split(path))
        found = self.entries.get(path)
        if found is None:
            there = ", ".join(self.files()[:8]) or "no files"
            raise DiskError(f"{self._image.name} has no file {path}: it has {there}")
        if found.is_directory:
            raise DiskError(f"{path} on {self._image.name} is a directory: give a file")
        size = self._block.cluster_sectors
        parts = [
            self._image.read(self._lba(first), n * size) for first, n in consecutive(found.chain)
        ]
        return b"".join(parts)[: found.size]

    def write(self, path: str, data: bytes, stamp: int = FIRST_DAY) -> None:
        """Make a file, or replace its contents. Directories that lack are made.

        DiskError: it does not fit, a part is no 8.3 name, or it is a directory; then nothing has
        changed.
        """
        parts = split(path)
        names = [to_entry(part) for part in parts]
        path = "/".join(parts)
        if len(data) > FILE_LIMIT:
            raise DiskError(f"{path} has {len(data)} bytes: a file on FAT has at most {FILE_LIMIT}")
        old = self.entries.get(path)
        if old is not None and old.is_directory:
            raise DiskError(f"{path} on {self._image.name} is a directory: give another name")
        for i in range(1, len(parts)):
            above = self.entries.get("/".join(parts[:i]))
            if above is not None and not above.is_directory:
                raise DiskError(f"{above.path} on {self._image.name} is a file, no directory")
        missing = [i for i in range(1, len(parts)) if "/".join(parts[:i]) not in self.entries]
        needed = -(-len(data) // self.cluster_bytes)
        kept = old.chain[:needed] if old is not None else array("I")
        new_slot = old is None and self._slot("/".join(parts[: -1 - len(missing)])) is None
        fresh = self._free(needed - len(kept) + len(missing) + new_slot)
        self._hint = min([self._hint, *fresh])
        for i in missing:
            self._new_directory(parts[:i], names[i - 1], stamp)
        added = self._free(needed - len(kept))
        chain = array("I", [*kept, *added])
        if old is not None:
            for cluster in old.chain[needed:]:
                self._set(cluster, 0)
                self._hint = min(self._hint, cluster)
        self._link(chain)
        self._fill(chain, data)
        attributes = ARCHIVE if old is None else (old.attributes | ARCHIVE)
        at = old.at if old is not None else self._take_slot(parts[:-1])
        self._put(Entry(path, attributes, at, chain, len(data), stamp), names[-1])
        self.flush()

    def _fill(self, chain: "array[int]", data: bytes) -> None:
        done = 0
        for first, n in consecutive(chain):
            part = data[done : done + n * self.cluster_bytes]
            self._image.write(self._lba(first), part.ljust(n * self.cluster_bytes, b"\0"))
            done += len(part)

    def _put(self, entry: Entry, name: bytes) -> None:
        sector, at = entry.at
        data = bytearray(self._image.read(sector, 1))
        first = entry.chain[0] if entry.chain else 0
        raw = bytearray(ENTRY) if data[at] in (0, DELETED) else data[at : at + ENTRY]
        raw[:12] = name + bytes([entry.attributes])
        raw[22:26] = entry.stamp.to_bytes(4, "little")
        raw[26:28] = (first & 0xFFFF).to_bytes(2, "little")
        if self.bits == 32:
            raw[20:22] = (first >> 16).to_bytes(2, "little")
        raw[28:32] = entry.size.to_bytes(4, "little")
        data[at : at + ENTRY] = raw
        self._image.write(sector, bytes(data))
        self.entries[entry.path] = entry

    def make_directory(self, path: str, stamp: int = FIRST_DAY) -> None:
        """Make a directory in one that is there. DiskError: there is no room, or no 8.3 name."""
        parts = split(path)
        self._new_directory(parts, to_entry(parts[-1]), stamp)
        self.flush()

    def _new_directory(self, parts: list[str], name: bytes, stamp: int) -> None:
        at = self._take_slot(parts[:-1])
        chain = array("I", self._free(1))
        self._link(chain)
        above = self.entries["/".join(parts[:-1])].chain[0] if len(parts) > 1 else 0
        data = bytearray(self.cluster_bytes)
        for i, (dots, cluster) in enumerate(((b".", chain[0]), (b"..", above))):
            raw = dots.ljust(11) + bytes([DIRECTORY]) + bytes(8)
            raw += (cluster >> 16).to_bytes(2, "little") + stamp.to_bytes(4, "little")
            data[i * ENTRY : i * ENTRY + 28] = raw + (cluster & 0xFFFF).to_bytes(2, "little")
        self._image.write(self._lba(chain[0]), bytes(data))
        self._put(Entry("/".join(parts), DIRECTORY, at, chain, 0, stamp), name)

    def _slot(self, directory: str) -> tuple[int, int] | None:
        """A free entry of a directory."""
        for sector in self._sectors(directory):
            data = self._image.read(sector, 1)
            for at in range(0, SECTOR, ENTRY):
                if data[at] in (0, DELETED):
                    return sector, at
        if not directory and self.bits < 32:
            raise DiskError(
                f"the root directory of {self._image.name} is full, it has "
                f"{self._block.root_entries} entries: put files into a directory"
            )
        return None

    def _take_slot(self, parts: list[str]) -> tuple[int, int]:
        """A free entry; a directory that is full gets one more cluster."""
        directory = "/".join(parts)
        found = self._slot(directory)
        if found is not None:
            return found
        chain = self.entries[directory].chain if directory else self._root
        (new,) = self._free(1)
        self._image.write(self._lba(new), bytes(self.cluster_bytes))
        chain.append(new)
        self._link(chain)
        return self._lba(new), 0


def _find(image: Image) -> tuple[int, Bpb]:
    """Where the volume starts, and its BPB: the whole disk, or its first FAT partition."""
    first = image.read(0, 1)
    if block := bpb(first):
        return 0, block
    table = partitions(first)
    if not isinstance(table, str):
        for each in table:
            if each.type in FAT_TYPES and each.start < image.count:
                block = bpb(image.read(each.start, 1))
                if block is not None:
                    return each.start, block
    elif image.count > 1:
        fat = image.read(1, 1)
        block = WITHOUT_BPB.get(fat[0])
        if block is not None and fat[1:3] == b"\xff\xff" and block.total == image.count:
            return 0, block
    raise DiskError(
        f"{image.name} has no FAT file system that can be read: "
        "neither its first sector nor a FAT partition has a BPB"
    )


def consecutive(chain: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Cut a chain into (first, length) of clusters that follow each other.

    >>> list(consecutive([5, 6, 7, 2, 9]))
    [(5, 3), (2, 1), (9, 1)]
    """
    first = length = 0
    for cluster in chain:
        if length and cluster == first + length:
            length += 1
            continue
        if length:
            yield first, length
        first, length = cluster, 1
    if length:
        yield first, length
