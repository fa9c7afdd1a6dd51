"""Numbers of the specification: device types, status bits, features. Virtio 1.2, 2.1, 2.2, 5, 6."""

#: Device types (5).
ID_NET = 1
ID_BLOCK = 2
ID_CONSOLE = 3
ID_ENTROPY = 4

#: Bits of the device status (2.1).
ACKNOWLEDGE = 1
DRIVER = 2
DRIVER_OK = 4
FEATURES_OK = 8
NEEDS_RESET = 0x40
FAILED = 0x80

#: Feature bits that every device may have (6), as masks.
INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
IN_ORDER = 1 << 35

#: What the queues of this package can do.
RING_FEATURES = INDIRECT_DESC | EVENT_IDX | VERSION_1 | IN_ORDER

#: Bits of the interrupt status (4.2.2, 4.1.4.5).
USED_BUFFER = 1
CONFIG_CHANGE = 2
