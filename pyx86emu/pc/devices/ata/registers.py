"""The registers of an ATA drive: name their bits, and the length of a block (ATA-3, clause 7)."""

from ...disks.sectors import SECTOR

STATUS_BSY = 0x80
STATUS_DRDY = 0x40
STATUS_DSC = 0x10
STATUS_DRQ = 0x08
STATUS_ERR = 0x01
READY = STATUS_DRDY | STATUS_DSC

ERROR_UNC = 0x40
ERROR_IDNF = 0x10
ERROR_ABRT = 0x04
#: The error register after a reset or EXECUTE DEVICE DIAGNOSTIC: no error found.
PASSED = 0x01

DEVICE_LBA = 0x40
#: Bits 7 and 5 of the device register: fixed ones before ATA-4.
DEVICE_ONES = 0xA0

#: The most sectors of a block of READ MULTIPLE, and their bytes.
MOST_MULTIPLE = 16
MOST_BLOCK = MOST_MULTIPLE * SECTOR
