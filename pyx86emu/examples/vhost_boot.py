"""Boot from a disk that another process serves over vhost-user.

`python -m pyx86emu.examples.vhost_boot` starts that process, which is this program with a socket as
its argument, and boots. The guest knows only INT 13h; no request of it is an exit.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pyx86emu import Disk, Machine
from pyx86emu.virtio import VhostUserBlk, VirtioBlk, serve

# mov ax,0201h; mov bx,7e00h; mov cx,2; int 13h     read the second sector of the disk
# mov si,bx; next: lodsb; out 0e9h,al; cmp al,10; jne next; hlt
BOOT = bytes.fromhex("b80102 bb007e b90200 cd13 89de ac e6e9 3c0a 75f9 f4")
TEXT = b"hello from the other process\n"


def back_end(sock: str) -> None:
    """Serve the disk until standard input ends."""
    image = BOOT.ljust(510, b"\0") + b"\x55\xaa" + TEXT.ljust(512, b"\0")
    with Disk(image + bytes(62 * 512), kind="hd") as disk, serve(VirtioBlk(disk), sock):
        print("ready", flush=True)
        sys.stdin.read()


def main() -> str:
    """Boot from the disk of a new process. Returns what the guest has read there."""
    with tempfile.TemporaryDirectory() as directory:
        sock = str(Path(directory) / "blk.sock")
        command = [sys.executable, "-m", "pyx86emu.examples.vhost_boot", sock]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe) as child:
            assert child.stdin is not None and child.stdout is not None
            child.stdout.readline()  # it listens
            with Machine(shared=True) as m:
                m.attach(VhostUserBlk(sock))
                m.run(until="process", wall=60)
                print(m.debug_text, end="")
                print(f"{m.stats.mmio_exits} exits to memory-mapped devices")
                text = m.debug_text
            child.stdin.close()
    return text


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("sock", nargs="?", help="serve the disk at this socket; none: boot")
    asked = options.parse_args()
    if asked.sock is None:
        main()
    else:
        back_end(asked.sock)
