"""A device in asyncio: a guest driver rings four queues, and each answer is an interrupt."""

import argparse
import asyncio

from pyx86emu import EventFd, Vm

TABLE, BUFFERS, COUNT, CODE, ISR = 0x600, 0x700, 0x900, 0x1000, 0x1100
# The 8259: vectors from 20h, line 5 open. again: mov es:[0],bx; sti; hlt; cli; inc bx; and bx,3;
DRIVER = bytes.fromhex("b011e620 b020e621 b004e621 b001e621 b0dfe621 26891e0000 fb f4 fa 43 83e303")
DRIVER += bytes.fromhex("e2f2 f4")  # loop again; hlt
HANDLER = bytes.fromhex("ff060009 b020 e620 cf")  # inc word [900h]; mov al,20h; out 20h,al; iret


async def main(accel: str = "interp") -> tuple[str, int, bytes]:
    """Serve 100 requests. How did it end, how many interrupts has the ISR counted, the buffers."""
    with Vm(accel, irqchip=True) as vm, EventFd() as answer:
        ram, vcpu, loop = vm.add_memory(0, 0x10000), vm.create_vcpu(), asyncio.get_running_loop()
        ram[CODE : CODE + len(DRIVER)], ram[ISR : ISR + len(HANDLER)] = DRIVER, HANDLER
        ram[0x94:0x98] = ISR.to_bytes(4, "little")  # the vector of line 5
        ram[TABLE : TABLE + 8] = bytes.fromhex("0007 0107 0207 0307")  # where each buffer is
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.es, vcpu.regs.cx = 0, CODE, 0xD000, 100
        vm.irqfd(5, answer)
        bells = [vm.ioeventfd(0xD0000, 2, bus="mmio", datamatch=queue) for queue in range(4)]

        def serve(queue: int) -> None:
            for _ in range(bells[queue].read()):
                ram[int.from_bytes(ram[TABLE + 2 * queue :][:2], "little")] += 1
                answer.write()

        for queue, bell in enumerate(bells):
            loop.add_reader(bell, serve, queue)
        exit = await asyncio.to_thread(vcpu.run)  # the guest runs without the GIL
        for bell in bells:
            loop.remove_reader(bell)
        return exit.reason.name, ram[COUNT], bytes(ram[BUFFERS : BUFFERS + 4])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--accel", default="interp", help="interp, kvm or auto")
    reason, interrupts, buffers = asyncio.run(main(options.parse_args().accel))
    print(f"{reason} after {interrupts} interrupts, for each queue: {list(buffers)}")
