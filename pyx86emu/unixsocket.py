"""A Unix socket: listen at a path, for its owner alone. Know nothing of what is said."""

import os
import socket
import stat

#: Host seconds to find out whether a program still listens at a path.
PATIENCE = 10.0


def listen(path: str, backlog: int = 1) -> socket.socket:
    """A socket that listens at `path`, with mode 0600. One on which no program listens any more is
    replaced; OSError with the path: anything else is there, or it cannot. Any thread may call it;
    for a moment it sets the umask of the process."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        # The mode is set before the name exists: on Linux bind() takes it from the socket.
        os.fchmod(one.fileno(), 0o600)
        before = os.umask(0o177)
        try:
            one.bind(path)
        finally:
            os.umask(before)
        one.listen(backlog)
    except BaseException as error:
        one.close()
        if isinstance(error, OSError) and error.errno is not None:  # else: the path is too long
            error.filename = path
        raise
    return one


def _remove_stale(path: str) -> None:
    """Remove a socket on which no program listens any more; leave anything else."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # bind() will say that the name is taken
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return
