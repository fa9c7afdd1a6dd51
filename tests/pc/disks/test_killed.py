"""A killed process: no sector is torn, and what commit() had answered for is there."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.harness import python

#: Forks children that write and commit for ever, and looks at the image after each was killed with
#: SIGKILL: from outside after a random number of commits, or by itself before a random write within
#: a commit. A sector holds (number, generation) 64 times.
SCRIPT = """
    import os, random, signal, struct, sys
    from pyx86emu import Disk
    path, rng, newest, safe, seen = sys.argv[1], random.Random(7), 0, 0, set()
    SECTORS = 400

    def dies_at(writes, pwrite=os.pwrite):
        def counted(*args):
            nonlocal writes
            writes -= 1
            if not writes:
                os.kill(os.getpid(), signal.SIGKILL)
            return pwrite(*args)
        return counted

    def child(start, pipe, writes):
        os.pwrite = dies_at(writes)
        disk, rng = Disk(path, write_back=True, geometry=(80, 2, 9)), random.Random(start)
        for generation in range(start, 1 << 31):
            for lba in range(SECTORS):
                disk.write(lba, struct.pack("<II", lba, generation) * 64)
            disk.write(SECTORS + rng.randrange(1000), bytes([rng.randrange(256)]) * 512)
            disk.commit()
            os.write(pipe, struct.pack("<I", generation))

    for attempt in range(60):
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            child(newest + 1, writer, rng.randrange(1, 3 * SECTORS) if attempt % 2 else 0)
        os.close(writer)
        done = safe
        if attempt % 2 == 0:
            for _ in range(rng.randrange(4)):
                done, = struct.unpack("<I", os.read(reader, 4))
            for _ in range(rng.randrange(20000)):
                pass
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while data := os.read(reader, 4):
            done, = struct.unpack("<I", data)
        os.close(reader)
        image = open(path, "rb").read()
        assert len(image) % 512 == 0, len(image)
        generations = []
        for lba in range(SECTORS):
            sector = image[lba * 512:][:512]
            assert sector == sector[:8] * 64, ("torn", attempt, lba)
            number, generation = struct.unpack("<II", sector[:8])
            assert (number == lba and generation) or not any(sector), ("wrong", attempt, lba)
            generations.append(generation)
        for lba in range(SECTORS, len(image) // 512):
            sector = image[lba * 512:][:512]
            assert sector == sector[:1] * 512, ("torn", attempt, lba)
        # What commit() has answered for is there, and lower sectors are the newer ones.
        assert min(generations) >= done, ("lost", attempt)
        assert generations == sorted(generations, reverse=True), ("order", attempt)
        seen.add(len(set(generations)))
        newest, safe = max(generations), min(generations)
    print(newest, *seen)
"""


def test_a_process_killed_at_any_moment_leaves_whole_sectors(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(720 * 1024))

    result = python("-c", textwrap.dedent(SCRIPT), path)

    assert (result.returncode, result.stderr) == (0, "")
    generations, *different = map(int, result.stdout.split())
    assert generations > 60
    assert 2 in different  # some were killed within a commit, after some of its sectors
