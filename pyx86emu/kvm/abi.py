"""The ABI of /dev/kvm: number its requests and lay out its structures, as <linux/kvm.h> does.

Every name of capital letters that begins with KVM_ is that header's; a test compares the values.
`struct.Struct` values have the layout of the C structure that the comment names; numbers of bytes
and offsets end in _SIZE and _AT. Only the architecture of x86-64 is here.
"""

from struct import Struct

KVMIO = 0xAE


def _io(number: int) -> int:
    return KVMIO << 8 | number


def _ior(number: int, size: int) -> int:
    return 2 << 30 | size << 16 | KVMIO << 8 | number


def _iow(number: int, size: int) -> int:
    return 1 << 30 | size << 16 | KVMIO << 8 | number


def _iowr(number: int, size: int) -> int:
    return 3 << 30 | size << 16 | KVMIO << 8 | number


# -- structures -----------------------------------------------------------------------------------

REGS = Struct("=18Q")  # struct kvm_regs: rax rbx rcx rdx rsi rdi rsp rbp r8-r15 rip rflags
SEGMENT = Struct(
    "=QIH8B2x"
)  # struct kvm_segment: base limit selector type present dpl db s l g avl
DTABLE = Struct("=QH6x")  # struct kvm_dtable: base limit
SREGS_SIZE = 312  # struct kvm_sregs
SREGS_SEGMENTS = ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt")  # one after the other, from 0
SREGS_GDT_AT, SREGS_IDT_AT = 192, 208
SREGS_CR0_AT, SREGS_CR2_AT, SREGS_CR3_AT, SREGS_CR4_AT = 224, 232, 240, 248
SREGS_EFER_AT, SREGS_BITMAP_AT = 264, 280
EVENTS_SIZE, EVENTS_FLAGS_AT = 64, 20  # struct kvm_vcpu_events
# Of EVENTS, from its start: the exception (injected nr has_error_code pending error_code), the
# interrupt (injected nr soft shadow), the NMI (injected pending masked), sipi_vector, flags.
EVENTS = Struct("=4BI4B3BxII")
DEBUGREGS = Struct("=4Q3Q9Q")  # struct kvm_debugregs: db[4] dr6 dr7 flags reserved[9]
GUEST_DEBUG = Struct("=II8Q")  # struct kvm_guest_debug: control pad debugreg[8]
MEMORY_REGION = Struct("=IIQQQ")  # struct kvm_userspace_memory_region: slot flags guest size host
IOEVENTFD = Struct("=QQIiI36x")  # struct kvm_ioeventfd: datamatch addr len fd flags
IRQFD = Struct("=IIII16x")  # struct kvm_irqfd: fd gsi flags resamplefd
IRQ_LEVEL = Struct("=II")  # struct kvm_irq_level: irq level
PIT_CONFIG = Struct("=I60x")  # struct kvm_pit_config: flags
DIRTY_LOG = Struct("=I4xQ")  # struct kvm_dirty_log: slot, bitmap
COALESCED_ZONE = Struct("=QII")  # struct kvm_coalesced_mmio_zone: addr size pio
COALESCED_RING = Struct("=II")  # struct kvm_coalesced_mmio_ring: first last, then the entries
COALESCED_ENTRY = Struct("=QII8s")  # struct kvm_coalesced_mmio: phys_addr len pio data
IRQCHIP_SIZE, IRQCHIP_CHIP_AT = 520, 8  # struct kvm_irqchip: chip_id, pad, the chip's state
PIC_STATE = Struct("=16B")  # struct kvm_pic_state
PIT_STATE_SIZE = 112  # struct kvm_pit_state2: 3 channels, flags
PIT_CHANNEL = Struct("=IH10Bq")  # struct kvm_pit_channel_state
CPUID_SIZE, CPUID_ENTRY_SIZE = 8, 40  # struct kvm_cpuid2, and each of its entries

# -- requests to /dev/kvm -------------------------------------------------------------------------

KVM_API_VERSION = 12
KVM_GET_API_VERSION = _io(0x00)
KVM_CREATE_VM = _io(0x01)
KVM_CHECK_EXTENSION = _io(0x03)
KVM_GET_VCPU_MMAP_SIZE = _io(0x04)
KVM_GET_SUPPORTED_CPUID = _iowr(0x05, CPUID_SIZE)

# -- requests to a VM -----------------------------------------------------------------------------

KVM_CREATE_VCPU = _io(0x41)
KVM_GET_DIRTY_LOG = _iow(0x42, DIRTY_LOG.size)
KVM_SET_USER_MEMORY_REGION = _iow(0x46, MEMORY_REGION.size)
KVM_SET_TSS_ADDR = _io(0x47)
KVM_SET_IDENTITY_MAP_ADDR = _iow(0x48, 8)
KVM_CREATE_IRQCHIP = _io(0x60)
KVM_IRQ_LINE = _iow(0x61, IRQ_LEVEL.size)
KVM_GET_IRQCHIP = _iowr(0x62, IRQCHIP_SIZE)
KVM_SET_IRQCHIP = _ior(0x63, IRQCHIP_SIZE)
KVM_REGISTER_COALESCED_MMIO = _iow(0x67, COALESCED_ZONE.size)
KVM_UNREGISTER_COALESCED_MMIO = _iow(0x68, COALESCED_ZONE.size)
KVM_IRQFD = _iow(0x76, IRQFD.size)
KVM_CREATE_PIT2 = _iow(0x77, PIT_CONFIG.size)
KVM_IOEVENTFD = _iow(0x79, IOEVENTFD.size)
KVM_GET_PIT2 = _ior(0x9F, PIT_STATE_SIZE)
KVM_SET_PIT2 = _iow(0xA0, PIT_STATE_SIZE)

# -- requests to a vCPU ---------------------------------------------------------------------------

KVM_RUN = _io(0x80)
KVM_GET_REGS = _ior(0x81, REGS.size)
KVM_SET_REGS = _iow(0x82, REGS.size)
KVM_GET_SREGS = _ior(0x83, SREGS_SIZE)
KVM_SET_SREGS = _iow(0x84, SREGS_SIZE)
KVM_SET_CPUID2 = _iow(0x90, CPUID_SIZE)
KVM_GET_MP_STATE = _ior(0x98, 4)
KVM_SET_MP_STATE = _iow(0x99, 4)
KVM_NMI = _io(0x9A)
KVM_SET_GUEST_DEBUG = _iow(0x9B, GUEST_DEBUG.size)
KVM_GET_VCPU_EVENTS = _ior(0x9F, EVENTS_SIZE)
KVM_SET_VCPU_EVENTS = _iow(0xA0, EVENTS_SIZE)
KVM_GET_DEBUGREGS = _ior(0xA1, DEBUGREGS.size)
KVM_SET_DEBUGREGS = _iow(0xA2, DEBUGREGS.size)

# -- capabilities ---------------------------------------------------------------------------------

KVM_CAP_IRQCHIP = 0
KVM_CAP_USER_MEMORY = 3
KVM_CAP_NR_MEMSLOTS = 10
KVM_CAP_COALESCED_MMIO = 15
KVM_CAP_SET_GUEST_DEBUG = 23
KVM_CAP_IRQFD = 32
KVM_CAP_PIT2 = 33
KVM_CAP_IOEVENTFD = 36
KVM_CAP_VCPU_EVENTS = 41
KVM_CAP_DEBUGREGS = 50
KVM_CAP_MAX_VCPUS = 66
KVM_CAP_SYNC_REGS = 74
KVM_CAP_READONLY_MEM = 81
KVM_CAP_IRQFD_RESAMPLE = 82
KVM_CAP_IOEVENTFD_ANY_LENGTH = 122
KVM_CAP_IMMEDIATE_EXIT = 136
KVM_CAP_COALESCED_PIO = 162

# -- bits and numbers -----------------------------------------------------------------------------

KVM_MEM_LOG_DIRTY_PAGES = 1
KVM_MEM_READONLY = 2
KVM_IOEVENTFD_FLAG_DATAMATCH = 1
KVM_IOEVENTFD_FLAG_PIO = 2
KVM_IOEVENTFD_FLAG_DEASSIGN = 4
KVM_IRQFD_FLAG_DEASSIGN = 1
KVM_IRQFD_FLAG_RESAMPLE = 2
KVM_PIT_SPEAKER_DUMMY = 1
KVM_PIT_FLAGS_SPEAKER_DATA_ON = 2
KVM_GUESTDBG_ENABLE = 1
KVM_GUESTDBG_SINGLESTEP = 2
KVM_GUESTDBG_USE_SW_BP = 0x10000
KVM_GUESTDBG_USE_HW_BP = 0x20000
KVM_SYNC_X86_REGS = 1
KVM_SYNC_X86_SREGS = 2
KVM_SYNC_X86_EVENTS = 4
KVM_MP_STATE_RUNNABLE = 0
KVM_MP_STATE_HALTED = 3
KVM_VCPUEVENT_VALID_NMI_PENDING = 1
KVM_VCPUEVENT_VALID_SHADOW = 4
KVM_X86_SHADOW_INT_MOV_SS = 1
KVM_X86_SHADOW_INT_STI = 2
KVM_IRQCHIP_PIC_MASTER = 0
KVM_IRQCHIP_PIC_SLAVE = 1
KVM_INTERNAL_ERROR_EMULATION = 1

KVM_EXIT_IO = 2
KVM_EXIT_DEBUG = 4
KVM_EXIT_HLT = 5
KVM_EXIT_MMIO = 6
KVM_EXIT_IRQ_WINDOW_OPEN = 7
KVM_EXIT_SHUTDOWN = 8
KVM_EXIT_FAIL_ENTRY = 9
KVM_EXIT_INTR = 10
KVM_EXIT_INTERNAL_ERROR = 17
KVM_EXIT_IO_OUT = 1

# -- struct kvm_run, the page that a vCPU shares with us -------------------------------------------

REQUEST_WINDOW_AT = 0  # request_interrupt_window, a byte
IMMEDIATE_EXIT_AT = 1  # immediate_exit, a byte
EXIT_REASON_AT = 8  # exit_reason, 32 bits
RUN_EXIT = Struct("=I")
RUN_IO_AT = 32
RUN_IO = Struct("=BBHIQ")  # direction size port count data_offset
RUN_MMIO_AT = 32
RUN_MMIO = Struct("=Q8sIB")  # phys_addr data len is_write
RUN_MMIO_DATA_AT = 40
RUN_DEBUG_AT = 32
RUN_DEBUG = Struct("=II3Q")  # exception pad pc dr6 dr7
RUN_INTERNAL_AT = 32
RUN_INTERNAL = Struct("=II16Q")  # suberror ndata data[16]
RUN_FAIL_ENTRY_AT = 32
RUN_FAIL_ENTRY = Struct("=QI")  # hardware_entry_failure_reason cpu
VALID_REGS_AT, DIRTY_REGS_AT = 288, 296  # kvm_valid_regs, kvm_dirty_regs
SYNC_REGS_AT = 304  # s.regs.regs, .sregs, .events
SYNC_SREGS_AT = SYNC_REGS_AT + REGS.size
SYNC_EVENTS_AT = SYNC_SREGS_AT + SREGS_SIZE
