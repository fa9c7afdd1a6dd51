"""A doorbell in an event loop: the guest rings in a thread, and asyncio reads the eventfd."""

import argparse
import asyncio

from pyx86emu import ExitReason, Vm

RINGS = 100_000
# again: out 80h,al; loop again; dec bx; jnz again; hlt
CODE = bytes.fromhex("e680 e2fc 4b 75f9 f4")


async def main(accel: str = "interp") -> int:
    """Count the rings while the guest runs; return the number of all."""
    loop = asyncio.get_running_loop()
    with Vm(accel) as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000 : 0x1000 + len(CODE)] = CODE
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
        vcpu.regs.cx, vcpu.regs.bx = RINGS % 0x10000, 1 + RINGS // 0x10000
        bell = vm.ioeventfd(0x80, length=1)
        wakeups: list[int] = []
        loop.add_reader(bell, lambda: wakeups.append(bell.read()))

        exit = await asyncio.to_thread(vcpu.run)  # the guest runs without the GIL

        loop.remove_reader(bell)
        wakeups.append(bell.read())
        assert exit.reason is ExitReason.HLT
        print(f"{sum(wakeups):,} rings in {sum(map(bool, wakeups))} wake-ups")
        return sum(wakeups)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    asyncio.run(main(options.parse_args().accel))
