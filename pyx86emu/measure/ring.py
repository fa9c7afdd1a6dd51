"""The paths of a ring: install what each path needs, and run a guest loop that rings."""

from collections.abc import Callable
from time import perf_counter
from typing import Literal

from .. import _core
from ..exits import ExitReason
from ..pc.devices.doorbell import DoorbellDevice
from ..vm import Vm

BusName = Literal["pio", "mmio", "hypercall"]

#: path -> bus, and the address that the guest rings
PATHS: dict[str, tuple[BusName, int]] = {
    "exit-mmio": ("mmio", 0xD0000),
    "exit-pio": ("pio", 0x500),
    "push-mmio": ("mmio", 0xD1000),
    "push-pio": ("pio", 0x510),
    "ioeventfd-mmio": ("mmio", 0xD2000),
    "ioeventfd-pio": ("pio", 0x520),
    "ioeventfd-hc": ("hypercall", 0x530),
    "doorbell-mmio": ("mmio", 0xD3000),
    "doorbell-pio": ("pio", 0x540),
}

CODE = 0x1000
LOOP = {
    "pio": "ee 6649 75fb f4",  # again: out dx, al; dec ecx; jnz again; hlt
    "pio-in": "ec 6649 75fb f4",  # in al, dx
    "mmio": "8807 6649 75fa f4",  # mov [bx], al
    "hypercall": "0f01c1 6649 75f9 f4",  # vmcall
    "none": "6649 75fc f4",
}


def has(vm: Vm, path: str) -> bool:
    """Return whether the back end of `vm` has what a path needs."""
    have = vm.capabilities
    how = path.partition("-")[0]
    return (have.doorbell or how != "doorbell") and (
        have.hypercall or PATHS[path][0] != "hypercall"
    )


def install(vm: Vm, path: str, *, coalesce: bool = True) -> Callable[[], int]:
    """Install the doorbell of a path; return what returns the rings since its last call."""
    bus, addr = PATHS[path]
    how = path.partition("-")[0]
    if how == "ioeventfd":
        length = 0 if bus == "hypercall" else 1
        return vm.ioeventfd(addr, length, bus=bus, coalesce=coalesce).read
    if how == "doorbell":
        counter = _core.Doorbell()
        vm.ioeventfd(addr, 1, bus=bus, fd=counter)
        return counter.drain
    device = DoorbellDevice()
    (vm.pio if bus == "pio" else vm.mmio).attach(device, addr, pull=how == "exit")
    return lambda: take(device)


def take(device: DoorbellDevice) -> int:
    """Return the rings of a device since the last call."""
    count, device.rung = device.count, 0
    return count


def run_pulled(vm: Vm, vcpu: "_core.Vcpu") -> "_core.Exit":
    """Run until an exit that is no device access, and dispatch the accesses on both buses."""
    run, pio, mmio = vcpu.run, vm.pio.dispatch, vm.mmio.dispatch
    io_exit, mmio_exit = ExitReason.IO, ExitReason.MMIO
    while True:
        exit = run()
        if exit.reason is io_exit:
            pio(exit)
        elif exit.reason is mmio_exit:
            mmio(exit)
        else:
            return exit


class Bench:
    """A bare Vm with a ring loop, or (`behind`) one more loop in the Vm of another Bench."""

    def __init__(
        self,
        bus: str = "none",
        addr: int = 0,
        value: int = 0,
        *,
        chips: bool = False,
        accel: str = "interp",
        behind: "Bench | None" = None,
    ) -> None:
        self.vm: Vm = behind.vm if behind else Vm(accel, irqchip=chips)
        self.code: int = behind.code + 0x100 if behind else CODE
        if not behind:
            self.vm.add_memory(0, 0xA0000)
        self.vcpu: _core.Vcpu = behind.vcpu if behind else self.vm.create_vcpu()
        self.vm.write(self.code, bytes.fromhex(LOOP[bus]))
        self.bus, self.addr, self.value = bus, addr, value
        self.asked = 0

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.vm.close()

    def turns(self) -> int:
        """Return the turns of the loop in the last `ring`."""
        return self.asked - self.vcpu.regs.ecx

    def ring(self, n: int) -> float:
        """Ring `n` times; return the seconds it took."""
        regs = self.vcpu.regs
        regs.cs, regs.ip = 0, self.code
        regs.ecx = self.asked = n
        regs.ebx = 0
        regs.edx = self.addr & 0xFFFF
        regs.ds = self.addr >> 4 & 0xFFFF
        regs.eax = self.addr if self.bus == "hypercall" else self.value
        reason = ExitReason.MMIO if self.bus == "mmio" else ExitReason.IO
        bus = self.vm.mmio if self.bus == "mmio" else self.vm.pio
        run, dispatch = self.vcpu.run, bus.dispatch
        start = perf_counter()
        while (exit := run()).reason is reason:
            dispatch(exit)
        seconds = perf_counter() - start
        if exit.reason is not ExitReason.HLT:
            raise RuntimeError(f"the ring loop ended in {exit!r}")
        return seconds
