"""A killed process: no sector is torn, and what commit() had answered for is there."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.harness import python

#: Forks children that write and commit for ever, kills each with SIGKILL after it has said a random
#: number of things, or within a commit, and looks at the image. A sector holds its number and the
#: generation 64 times.
SCRIPT = """
    import os, random, signal, struct, sys
    from pyx86emu import Disk
    path, rng, least, seen = sys.argv[1], random.Random(7), 0, set()
    done = 0
    SECTORS = 400

    def stop_in_commit(pwrite, left):
        def stopping(*args):
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGSTOP)
            return pwrite(*args)
        os.pwrite = stopping

    def child(start, pipe, stop):
        if stop:
            stop_in_commit(os.pwrite, stop)
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
        stop = rng.randrange(2, 380) if attempt % 3 == 0 else 0
        if not pid:
            child(least + 1, writer, stop)
        os.close(writer)
        if stop:
            os.waitpid(pid, os.WUNTRACED)
        else:
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
        least = max(generations)
    print(least, *seen)
"""


def test_a_process_killed_at_any_moment_leaves_whole_sectors(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(720 * 1024))

    result = python("-c", textwrap.dedent(SCRIPT), path)

    assert (result.returncode, result.stderr) == (0, "")
    generations, *different = map(int, result.stdout.split())
    assert generations > 40
    assert 2 in different  # a third was killed within a commit
