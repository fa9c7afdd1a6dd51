"""A shell of one job: start it on this terminal, tell of each stop and of the end, resume it.

Run as a session leader whose terminal is descriptor 0: `python shell.py SOCKET COMMAND ...`. It
reports over the socket in lines of JSON and takes "fg" and "bg" as answers to a stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import termios
from contextlib import suppress

#: Who started us may have had these ignored, as nohup and background jobs have.
DEFAULT = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
)


def main(descriptor: int, command: list[str]) -> None:
    """Run the job to its end."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # we set the terminal from the background
    line = socket.socket(fileno=descriptor)
    before = termios.tcgetattr(0)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        for number in DEFAULT:
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)

    # A terminal that goes away tells the shell alone, which tells its jobs.
    def pass_on(number: int, _: object) -> None:
        with suppress(ProcessLookupError):  # it may have seen that itself, and ended
            os.killpg(pid, number)

    signal.signal(signal.SIGHUP, pass_on)
    report = {"pid": pid}
    while True:
        line.sendall(json.dumps(report).encode() + b"\n")
        if "status" in report:
            return
        if "stopped" in report:
            if line.recv(2) == b"fg":
                os.tcsetpgrp(0, pid)
            os.killpg(pid, signal.SIGCONT)
        _, status = os.waitpid(pid, os.WUNTRACED)
        report = {"whole": True}
        with suppress(OSError, termios.error):  # the terminal may have gone
            os.tcsetpgrp(0, os.getpgrp())
            report["whole"] = termios.tcgetattr(0) == before
        if os.WIFSTOPPED(status):
            report["stopped"] = os.WSTOPSIG(status)
        else:
            report["status"] = os.waitstatus_to_exitcode(status)


main(int(sys.argv[1]), sys.argv[2:])
