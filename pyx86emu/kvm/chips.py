"""The chips in KVM: make the records of the 8259 pair and the 8254, and set them from records."""

from fcntl import ioctl
from typing import TYPE_CHECKING

from ..structs import IrqChip, PicState, PitChannel, PitState, checked
from . import abi
from .messages import no_irqchip, refused

if TYPE_CHECKING:
    from .vm import Vm

#: In the order of struct kvm_pic_state.
PIC = (
    *("last_irr", "irr", "imr", "isr", "priority_add", "irq_base", "read_reg_select", "poll"),
    *("special_mask", "init_state", "auto_eoi", "rotate_on_auto_eoi"),
    *("special_fully_nested_mode", "init4", "elcr", "elcr_mask"),
)
#: In the order of struct kvm_pit_channel_state.
PIT = (
    *("count", "latched_count", "count_latched", "status_latched", "status", "read_state"),
    *("write_state", "write_latch", "rw_mode", "mode", "bcd", "gate", "count_load_time"),
)
PIT_FLAGS_AT = 3 * abi.PIT_CHANNEL.size


#: Ports of the 8259 pair: which chip, and whether it is the port of IMR or the one of ELCR.
PIC_PORTS = {
    0x20: ("master", ""),
    0x21: ("master", "imr"),
    0xA0: ("slave", ""),
    0xA1: ("slave", "imr"),
    0x4D0: ("master", "elcr"),
    0x4D1: ("slave", "elcr"),
}


def read_port(vm: "Vm", port: int, size: int) -> int:
    """What the host reads at a port of the chips: of the 8259s what a guest would get outside a
    poll command. OSError EOPNOTSUPP: reading the 8254 changes it, and only the guest can."""
    if vm._fd < 0:
        return (1 << 8 * size) - 1
    if port not in PIC_PORTS or size != 1:
        raise refused(f"port {port:#x} is a chip in KVM, which the host cannot read", "see vm.pit")
    name, register = PIC_PORTS[port]
    chip: PicState = getattr(irqchip_of(vm), name)
    if not register:
        register = "isr" if chip.read_reg_select else "irr"
    return int(getattr(chip, register))


def irqchip_of(vm: "Vm") -> IrqChip:
    """`vm.irqchip`. OSError EINVAL: there is none."""
    return IrqChip(
        _pic(_get_pic(vm, abi.KVM_IRQCHIP_PIC_MASTER)),
        _pic(_get_pic(vm, abi.KVM_IRQCHIP_PIC_SLAVE)),
    )


def put_irqchip(vm: "Vm", value: IrqChip) -> None:
    """Set it. ValueError: what only the interpreter has; RuntimeError: a thread runs a vCPU."""
    if not vm._irqchip:
        raise no_irqchip()
    record = checked(value, IrqChip, "irqchip")
    if record.driven is not None:
        raise ValueError("irqchip.driven is not None: KVM does not know who drives, give None")
    chips = {"master": record.master, "slave": record.slave}
    for name, chip in chips.items():
        if chip.inputs is not None:
            raise ValueError(f"irqchip.{name}.inputs is not None: KVM does not have it, give None")
    vm._check_idle("set irqchip")
    for number, chip in enumerate(chips.values()):
        data = _get_pic(vm, number)
        values = [int(getattr(chip, name)) for name in PIC]
        abi.PIC_STATE.pack_into(data, abi.IRQCHIP_CHIP_AT, *values)
        ioctl(vm._fd, abi.KVM_SET_IRQCHIP, data)


def _get_pic(vm: "Vm", number: int) -> bytearray:
    if not vm._irqchip:
        raise no_irqchip()
    vm._check_run()
    data = bytearray(abi.IRQCHIP_SIZE)
    data[0] = number
    ioctl(vm._fd, abi.KVM_GET_IRQCHIP, data)
    return data


def _pic(data: bytearray) -> PicState:
    values = dict(zip(PIC, abi.PIC_STATE.unpack_from(data, abi.IRQCHIP_CHIP_AT), strict=True))
    for name in BOOLS:
        values[name] = bool(values[name])
    return PicState(**values)


BOOLS = (
    *("read_reg_select", "poll", "special_mask", "auto_eoi", "rotate_on_auto_eoi"),
    *("special_fully_nested_mode", "init4"),
)


def pit_of(vm: "Vm") -> PitState:
    """`vm.pit`. OSError EINVAL: there is none."""
    data = _get_pit(vm)
    one, two, three = (_channel(data, number) for number in range(3))
    flags = int.from_bytes(data[PIT_FLAGS_AT : PIT_FLAGS_AT + 4], "little")
    return PitState((one, two, three), bool(flags & abi.KVM_PIT_FLAGS_SPEAKER_DATA_ON))


def put_pit(vm: "Vm", value: PitState) -> None:
    """Set it: each channel begins to count. Raises as `put_irqchip`."""
    if not vm._irqchip:
        raise no_irqchip()
    record = checked(value, PitState, "pit")
    for number, channel in enumerate(record.channels):
        if channel.counter is not None:
            raise ValueError(
                f"pit.channels[{number}].counter is not None: KVM does not take it, give None"
            )
    vm._check_idle("set pit")
    data = _get_pit(vm)
    for number, channel in enumerate(record.channels):
        values = [int(getattr(channel, name)) for name in PIT]
        abi.PIT_CHANNEL.pack_into(data, number * abi.PIT_CHANNEL.size, *values)
    flags = int.from_bytes(data[PIT_FLAGS_AT : PIT_FLAGS_AT + 4], "little")
    flags &= ~abi.KVM_PIT_FLAGS_SPEAKER_DATA_ON
    flags |= abi.KVM_PIT_FLAGS_SPEAKER_DATA_ON if record.speaker else 0
    data[PIT_FLAGS_AT : PIT_FLAGS_AT + 4] = flags.to_bytes(4, "little")
    ioctl(vm._fd, abi.KVM_SET_PIT2, data)


def _get_pit(vm: "Vm") -> bytearray:
    if not vm._irqchip:
        raise no_irqchip()
    vm._check_run()
    data = bytearray(abi.PIT_STATE_SIZE)
    ioctl(vm._fd, abi.KVM_GET_PIT2, data)
    return data


def _channel(data: bytearray, number: int) -> PitChannel:
    raw = abi.PIT_CHANNEL.unpack_from(data, number * abi.PIT_CHANNEL.size)
    values = dict(zip(PIT, raw, strict=True))
    for name in ("status_latched", "bcd", "gate"):
        values[name] = bool(values[name])
    return PitChannel(**values)
