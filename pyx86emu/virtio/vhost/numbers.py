"""Numbers of the vhost-user protocol: name requests, features and flags. Do nothing.

The source is the document "Vhost-user Protocol" of QEMU (docs/interop/vhost-user.rst). The names
are those of the document, without the prefixes VHOST_USER_ and VHOST_USER_PROTOCOL_F_.
"""

from enum import IntEnum

#: Of the flags in a header: the version (bits 1-0), reply (bit 2), need_reply (bit 3).
VERSION, VERSION_MASK, REPLY, NEED_REPLY = 1, 3, 1 << 2, 1 << 3
#: Of the payload of SET_VRING_KICK, _CALL and _ERR: the index, and "there is no descriptor".
VRING_INDEX, VRING_NO_FD = 0xFF, 1 << 8
#: Bit of the virtio features that says that there are protocol features.
F_PROTOCOL_FEATURES = 1 << 30
#: Bit of the virtio features: the back end can log what it writes (for migration).
F_LOG_ALL = 1 << 26
#: Regions in one SET_MEM_TABLE, and descriptors in one message.
MOST_REGIONS = MOST_FDS = 8
#: Bytes of a device's configuration space in one message.
MOST_CONFIG = 256
#: Entries in a split ring: a power of 2 up to this (virtio 1.2, 2.7).
MOST_ENTRIES = 32768


class Request(IntEnum):
    """What the front end asks for."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    RESET_OWNER = 4
    SET_MEM_TABLE = 5
    SET_LOG_BASE = 6
    SET_LOG_FD = 7
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    GET_CONFIG = 24
    SET_CONFIG = 25
    GET_INFLIGHT_FD = 31
    SET_INFLIGHT_FD = 32
    RESET_DEVICE = 34
    GET_MAX_MEM_SLOTS = 36
    ADD_MEM_REG = 37
    REM_MEM_REG = 38


#: The requests that have a reply of their own.
REPLIED = frozenset(
    {
        Request.GET_FEATURES,
        Request.GET_PROTOCOL_FEATURES,
        Request.GET_VRING_BASE,
        Request.GET_QUEUE_NUM,
        Request.GET_CONFIG,
        Request.GET_INFLIGHT_FD,
        Request.GET_MAX_MEM_SLOTS,
    }
)


class Protocol(IntEnum):
    """Protocol features: the numbers of their bits."""

    MQ = 0
    REPLY_ACK = 3
    CONFIG = 9
    INFLIGHT_SHMFD = 12
    RESET_DEVICE = 13
    CONFIGURE_MEM_SLOTS = 15

    @property
    def bit(self) -> int:
        """The mask with this bit."""
        return 1 << self
