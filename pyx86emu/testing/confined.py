"""Confined: run one program that reads a few places and writes one. A script of its own.

It is started by `assembler.py` as `python -I -S confined.py JSON PROGRAM ARGUMENT...` and imports
nothing of the package. The JSON object has

    read      files and directories that the program may read
    write     the directory in which it may also write
    seconds   of processor time
    bytes     of memory
    output    the largest file it may write, in bytes
    landlock  false: do without

With Landlock (Linux 5.13) the kernel refuses every other file, whatever name or link leads to it.
Status 77: this kernel has no Landlock.
"""

import ctypes
import json
import os
import resource
import struct
import sys

NO_LANDLOCK = 77
#: linux/landlock.h: the rights of files and directories, by the version that has them.
WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
HANDLED = {1: 0x1FFE, 2: 0x3FFE, 3: 0x7FFE}
#: System calls of every architecture since Linux 5.1 but Alpha.
CREATE, ADD, RESTRICT = 444, 445, 446
VERSION, PATH_BENEATH, NO_NEW_PRIVS = 1, 1, 38


def confine(read: list[str], write: str) -> None:
    """Let this process open nothing else. OSError: the kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: object) -> int:
        result = int(libc.syscall(number, *arguments))
        if result < 0:
            raise OSError(ctypes.get_errno(), "Landlock")
        return result

    version = call(CREATE, None, ctypes.c_size_t(0), VERSION)
    handled = HANDLED[min(version, 3)]
    rules = call(CREATE, struct.pack("<Q", handled), ctypes.c_size_t(8), 0)
    for path, rights in [*((name, READ_FILE | READ_DIR) for name in read), (write, handled)]:
        try:
            fd = os.open(path, os.O_PATH)
        except OSError:
            continue  # what is not there cannot be read
        if not os.path.isdir(path):
            rights &= READ_FILE | WRITE_FILE | TRUNCATE & handled
        beneath = struct.pack("=Qi", rights & handled, fd)
        call(ADD, rules, PATH_BENEATH, beneath, 0)
        os.close(fd)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    call(RESTRICT, rules, 0)


def main(wanted: str, program: list[str]) -> int:
    """Set the limits and become the program."""
    rules = json.loads(wanted)
    for limit, most in (
        (resource.RLIMIT_CPU, rules["seconds"]),
        (resource.RLIMIT_AS, rules["bytes"]),
        (resource.RLIMIT_FSIZE, rules["output"]),
        (resource.RLIMIT_CORE, 0),
    ):
        # At the lower limit of time it gets SIGXCPU, which has a name of its own.
        resource.setrlimit(limit, (most, most + (limit == resource.RLIMIT_CPU)))
    if rules["landlock"]:
        try:
            confine(rules["read"], rules["write"])
        except OSError:
            return NO_LANDLOCK
    os.execve(program[0], program, {})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
