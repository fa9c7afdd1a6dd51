"""Error codes of DOS: name them, and find the one of an error of the host."""

import errno

#: What AX has when CF is set (MS-DOS Programmer's Reference, "Error Codes").
INVALID_FUNCTION = 1
FILE_NOT_FOUND = 2
PATH_NOT_FOUND = 3
TOO_MANY_OPEN = 4
ACCESS_DENIED = 5
INVALID_HANDLE = 6
ARENA_TRASHED = 7
NOT_ENOUGH_MEMORY = 8
INVALID_BLOCK = 9
BAD_ENVIRONMENT = 10
BAD_FORMAT = 11
INVALID_ACCESS = 12
INVALID_DRIVE = 15
CURRENT_DIRECTORY = 16
NOT_SAME_DEVICE = 17
NO_MORE_FILES = 18
GENERAL_FAILURE = 31
DISK_FULL = 39
FILE_EXISTS = 80

_HOST = {
    errno.ENOENT: FILE_NOT_FOUND,
    errno.ENOTDIR: PATH_NOT_FOUND,
    errno.ELOOP: PATH_NOT_FOUND,
    errno.EMFILE: TOO_MANY_OPEN,
    errno.ENFILE: TOO_MANY_OPEN,
    errno.ENOMEM: NOT_ENOUGH_MEMORY,
    errno.EEXIST: FILE_EXISTS,
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EFBIG: DISK_FULL,
    errno.EXDEV: NOT_SAME_DEVICE,
    errno.EIO: GENERAL_FAILURE,
}


class DosError(Exception):
    """A function of DOS fails: `code` goes to AX, with CF set."""

    def __init__(self, code: int) -> None:
        super().__init__(f"DOS error {code}")
        self.code = code


def of_host(error: OSError) -> DosError:
    """The error that the program sees for one of the host: "access denied" if no other fits. No
    INT 24h is raised: a critical error is answered with "fail".

    >>> of_host(FileNotFoundError(2, "no")).code
    2
    """
    return DosError(_HOST.get(error.errno or 0, ACCESS_DENIED))
