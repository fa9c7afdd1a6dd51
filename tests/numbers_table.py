"""The numbers of the core and the PC: call each function with good values."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from pyx86emu import (
    Disk,
    Doorbell,
    EventFd,
    Exit,
    ExitReason,
    Machine,
    PioDevice,
    Vm,
    _core,
    memory,
)
from pyx86emu.log import Log
from pyx86emu.pc import board, limits
from pyx86emu.pc.devices import (
    DebugConsole,
    DoorbellDevice,
    FloppyController,
    PostPort,
    Printer,
    Speaker,
)
from pyx86emu.pc.devices.mouse import Ps2Mouse
from pyx86emu.pc.disks import geometry
from pyx86emu.pc.sound import WavFile
from pyx86emu.pc.web.display import WebDisplay
from pyx86emu.tools import conformance
from tests.numbers import Cell, Place, Port, World, keyed, place


def attached(world: World) -> Callable[..., object]:
    """Machine.attach, at a port, or at an address if there is one."""

    def attach(port: Any, gsi: Any, addr: Any = None) -> object:
        if addr is None:
            return world.machine.attach(Port(), port=port, gsi=gsi)
        return world.machine.attach(Cell(), addr=addr, gsi=gsi)

    return attach


def run_set(world: World) -> Callable[..., object]:
    v = world.vectors
    out = conformance.Outcome(np.zeros_like(v.regs0), np.zeros(1, np.uint8), np.zeros(1, np.uint8))
    inputs = (v.regs0, v.ram0_off, v.ram0_addr, v.ram0_val, *v.check[:2])
    return lambda way: _core.run_vectors("80486", *inputs, out.regs, out.ram, out.error, way)


PLACES: dict[str, Place] = {
    # -- the core ---------------------------------------------------------------------------------
    "_core.exact": place(lambda w: lambda value: _core.exact(value, "value"), value=1),
    "_core.whole": place(
        lambda w: lambda value: _core.whole(value, "value", 0, 9),
        value=1,
    ),
    "MemorySlot.__getitem__": place(keyed(lambda w: w.slot), key=1, called={"key": "address"}),
    "MemorySlot.__setitem__": place(
        keyed(lambda w: w.slot, True), key=1, value=1, called={"key": "address", "value": "byte"}
    ),
    "MemorySlot.clear_dirty": place(lambda w: w.slot.clear_dirty, first_page=1, count=1),
    "MemorySlot.move": place(lambda w: w.slot.move, addr=0x10000),
    "_VmMethods.add_memory": place(lambda w: w.vm.add_memory, addr=0x20000, size=0x1000),
    "_VmMethods.read": place(lambda w: w.vm.read, addr=1, size=1),
    "_VmMethods.write": place(lambda w: w.vm.write, addr=1, data=b"1"),
    "_VmMethods.code_changed": place(lambda w: w.vm.code_changed, addr=1, size=1),
    "_VmMethods.ioeventfd": place(
        lambda w: w.closing(w.vm.ioeventfd), addr=1, length=1, datamatch=1, flags=1
    ),
    "_VmMethods.ioeventfd_deassign": place(
        lambda w: (
            lambda **given: (
                w.close_later(w.vm.ioeventfd(1, 1, datamatch=1, fd=w.fd)),
                w.vm.ioeventfd_deassign(**{"fd": w.fd} | given),
            )
        ),
        addr=1,
        length=1,
        datamatch=1,
        flags=3,
    ),
    "_VmMethods.coalesce": place(lambda w: w.closing(w.vm.coalesce), addr=1, length=1),
    "CoalescedRing.capacity": place(
        lambda w: lambda value: setattr(w.vm.coalesced, "capacity", value),
        value=1,
        called={"value": "capacity"},
    ),
    "_VmMethods.irq_line": place(lambda w: w.vm.irq_line, gsi=1, level=True),
    "_VmMethods.irq_pulse": place(lambda w: w.vm.irq_pulse, gsi=1),
    "_VmMethods.irqfd": place(
        lambda w: lambda gsi=1, fd=w.fd, resample=None: w.vm.irqfd(gsi, fd, resample), gsi=1
    ),
    "_VmMethods.irqfd_deassign": place(
        lambda w: lambda gsi=1, fd=w.fd: w.vm.irqfd_deassign(gsi, fd), gsi=1
    ),
    "_VmMethods.time": place(
        lambda w: (w.vcpu, lambda value: setattr(w.vm, "time", value))[1],
        value=1 << 20,
        called={"value": "time"},
    ),
    "_VmMethods.set_timer": place(
        lambda w: lambda deadline: w.vm.set_timer(deadline, print), deadline=1
    ),
    "Exit.__new__": place(
        lambda w: (
            lambda **given: Exit(ExitReason.IO, **{"answer": print, "cs": 0, "ip": 0} | given)
        ),
        port=1,
        size=1,
        count=1,
        cs=1,
        ip=1,
        dr6=1,
        pc=1,
    ),
    "Exit.reply": place(lambda w: w.exit.reply, value=1, called={"value": "answer"}),
    "Exit.reply_one": place(lambda w: w.exit.reply_one, value=1, called={"value": "answer"}),
    "Range.__new__": place(
        lambda w: (
            lambda **given: _core.Range(
                *(given[name] for name in ("start", "end", "base", "max_size")),
                print,
                print,
                block=_core.BlockPort(),
                block_addr=given["block_addr"],
            )
        ),
        start=1,
        end=2,
        base=1,
        max_size=1,
        block_addr=1,
    ),
    "BlockPort.load": place(lambda w: lambda at: _core.BlockPort().load(b"1234", at), at=1),
    "BlockPort.want": place(lambda w: lambda at: _core.BlockPort().want(b"1234", at), at=1),
    "BlockPort.take": place(lambda w: _core.BlockPort().take, size=1, step=1),
    "BlockPort.put": place(lambda w: _core.BlockPort().put, size=1, value=1, step=1),
    "Range.read": place(lambda w: w.range.read, addr=1, size=1),
    "Range.write": place(lambda w: w.range.write, addr=1, size=1, value=1),
    "RangeTable.find": place(
        lambda w: lambda addr, size: w.vm._backend.ranges("pio").find(addr, size), addr=1, size=1
    ),
    "RangeTable.push_read": place(lambda w: w.vm._backend.ranges("pio").push_read, addr=1, size=1),
    "RangeTable.push_write": place(
        lambda w: w.vm._backend.ranges("pio").push_write, addr=1, size=1, value=1
    ),
    "Vcpu.mp_state": place(
        lambda w: lambda value: setattr(w.vcpu, "mp_state", value),
        value=0,
        called={"value": "mp_state|MpState"},
    ),
    "Vcpu.run": place(lambda w: w.vcpu.run, max_instructions=1, deadline=1),
    "Vcpu.run_until": place(
        lambda w: w.vcpu.run_until, max_instructions=1, deadline=1, look=1, wall_deadline=1
    ),
    "Vcpu.debug": place(
        lambda w: lambda breakpoints: w.vcpu.debug(breakpoints=[breakpoints]),
        breakpoints=1,
        called={"breakpoints": "breakpoint"},
    ),
    "Vcpu.interrupt": place(
        lambda w: lambda vector: w.vcpu.interrupt(vector, queue=True), vector=1
    ),
    "Doorbell.ring": place(lambda w: Doorbell().ring, n=1, called={"n": "number of rings"}),
    "Doorbell.__init__": place(lambda w: Doorbell, notify=None),
    "_core.eventfd_of": place(lambda w: lambda fd=w.fd: _core.eventfd_of(fd)),
    "Drainer.__init__": place(lambda w: lambda fd=w.fd: w.callback(_core.Drainer(fd).stop)),
    "_core.write_floor": place(
        lambda w: lambda n=1, fd=w.fd: _core.write_floor(fd, n),
        n=1,
        called={"n": "number of writes"},
    ),
    "_core.add_chain": place(lambda w: _core.add_chain, n=1, called={"n": "number of additions"}),
    "_core.run_vectors": place(run_set, way=1),
    # -- the hypervisor side ----------------------------------------------------------------------
    "Vm.__init__": place(lambda w: w.closing(Vm), shift=1),
    "Vm.device_line": place(lambda w: w.vm._backend.device_line, gsi=1),
    "Bus.attach": place(
        lambda w: lambda **given: w.vm.mmio.attach(Cell(), **given), base=1, length=1, gsi=1
    ),
    "Bus.ioeventfd": place(lambda w: w.closing(w.vm.mmio.ioeventfd), addr=1, length=1, datamatch=1),
    "Bus.read": place(lambda w: w.vm.mmio.read, addr=1, size=1),
    "Bus.write": place(lambda w: w.vm.mmio.write, addr=1, size=1, value=1),
    "Clock.call_at": place(lambda w: lambda ns: w.vm.clock.call_at(ns, print), ns=1),
    "Clock.call_after": place(lambda w: lambda ns: w.vm.clock.call_after(ns, print), ns=1),
    "EventFd.__init__": place(lambda w: w.closing(EventFd), value=1),
    "EventFd.write": place(lambda w: w.close_later(EventFd()).write, n=1),
    "Log.__init__": place(lambda w: Log, limit=1),
    "Log.tail": place(lambda w: Log().tail, n=1),
    "Log.text": place(lambda w: Log().text, n=1),
    "memory.load": place(
        lambda w: lambda **given: memory.load(w.vm, **given), addr=1, size=1, hole=1
    ),
    "memory.store": place(lambda w: lambda addr: memory.store(w.vm, addr, b"1"), addr=1),
    # -- the PC -----------------------------------------------------------------------------------
    "board.memory_size": place(lambda w: board.memory_size, memory=1 << 20),
    "DebugConsole.__init__": place(lambda w: DebugConsole, limit=1),
    "Dma8237.transfer_to_memory": place(
        lambda w: lambda channel: w.dma.transfer_to_memory(channel, b"1"), channel=1
    ),
    "Dma8237.transfer_from_memory": place(lambda w: w.dma.transfer_from_memory, channel=1, n=1),
    "Printer.__init__": place(lambda w: Printer, limit=1),
    "Ps2Mouse.move": place(lambda w: Ps2Mouse().move, dx=1, dy=1, buttons=1, wheel=1),
    "SpeakerTap.__init__": place(
        lambda w: lambda rate: w.close_later(_core.SpeakerTap(w.vm, rate)), rate=8000
    ),
    "Speaker.start": place(lambda w: lambda rate: Speaker(w.vm).start(bytes, rate), rate=8000),
    "WavFile.__init__": place(
        lambda w: lambda rate: w.close_later(WavFile(os.devnull, rate)), rate=8000
    ),
    "DoorbellDevice.ring": place(lambda w: DoorbellDevice().ring, n=1),
    "FloppyChip.__init__": place(
        lambda w: lambda drives: FloppyController(w.dma, drives), drives=1
    ),
    "FloppyController.__init__": place(
        lambda w: lambda drives: FloppyController(w.dma, drives), drives=1
    ),
    "FloppyChip.insert": place(
        lambda w: lambda unit: w.machine.floppy.insert(unit, w.disk), unit=1
    ),
    "FloppyChip.eject": place(lambda w: w.machine.floppy.eject, unit=1),
    "PostPort.__init__": place(lambda w: PostPort, keep=1),
    "geometry.floppy_geometry": place(lambda w: geometry.floppy_geometry, size=1474560),
    "geometry.lba_assist": place(lambda w: geometry.lba_assist, count=9),
    "geometry.physical_geometry": place(
        lambda w: lambda count: geometry.physical_geometry(count, (9, 16, 63)), count=9
    ),
    "Disk.from_directory": place(
        lambda w: lambda size: w.close_later(Disk.from_directory(w.empty, size=size)),
        size=1474560,
    ),
    "Disk.read": place(lambda w: w.disk.read, lba=1, n=1),
    "Disk.write": place(lambda w: lambda lba: w.disk.write(lba, bytes(512)), lba=1),
    "Limits.__init__": place(
        lambda w: lambda **given: limits.Limits(w.machine, **given),
        timeout=1,
        wall=1,
        max_instructions=1,
    ),
    "Limits.run": place(lambda w: w.machine.limits(max_instructions=0).run, seconds=1),
    "limits.moment": place(
        lambda w: lambda seconds: limits.moment("seconds", seconds, int), seconds=1
    ),
    "Machine.__init__": place(
        lambda w: w.closing(Machine),
        memory=1 << 20,
        shift=1,
        log_limit=1,
        called={"log_limit": "limit of a log"},
    ),
    "Plugging.attach": place(attached, port=0x301, gsi=1, called={"port": "base", "addr": "base"}),
    "Running.run": place(lambda w: w.machine.run, timeout=0, wall=0, max_instructions=0),
    "Running.limits": place(lambda w: w.machine.limits, timeout=1, wall=1, max_instructions=1),
    "Running.boot": place(lambda w: w.machine.boot, timeout=0),
    "Screen.row": place(lambda w: w.machine.screen.row, y=1, called={"y": "row"}),
    "WebDisplay.__init__": place(
        lambda w: lambda port: w.close_later(WebDisplay(w.machine, port=port)), port=0
    ),
    "VgaCore.read": place(lambda w: _core.VgaCore().read, addr=0xA0000, size=1),
    "VgaCore.write": place(lambda w: _core.VgaCore().write, addr=0xA0000, size=1, value=0),
    # -- the tools --------------------------------------------------------------------------------
    "VectorSet.part": place(lambda w: lambda i: w.vectors.part(i, "code"), i=0),
    "conformance.run": place(lambda w: lambda way: conformance.run(w.vectors, "80486", way), way=1),
    "conformance.explain": place(
        lambda w: lambda i: conformance.explain(w.vectors, conformance.run(w.vectors, "80486"), i),
        i=0,
    ),
    "conformance.table": place(
        lambda w: (
            lambda samples: conformance.table(
                w.vectors, [conformance.run(w.vectors, "80486")], samples=samples
            )
        ),
        samples=1,
    ),
    "conformance.percent": place(lambda w: conformance.percent, part=1, whole=2),
}


# -- numbers that are in something else -----------------------------------------------------------


def device(world: World, **attributes: Any) -> PioDevice:
    """A device with these attributes."""
    return type("Odd", (Port,), attributes)()


def answered(world: World, answer: Any) -> Exit:
    """Run a guest that reads a device with this answer."""
    world.vm.pio.attach(device(world, pio_read=lambda self, offset, size: answer), 0x80)
    return world.vcpu.run()


#: Each gets the bad number; what the error is about.
WITHIN: dict[str, tuple[Callable[[World, Any], object], str]] = {
    "slot[number:]": (lambda w, bad: w.slot[bad:], "start of a slice"),
    "slot[:number]": (lambda w, bad: w.slot[:bad], "stop of a slice"),
    "slot[number:] = bytes": (
        lambda w, bad: w.slot.__setitem__(slice(bad, 2), b"1"),
        "start of a slice",
    ),
    "Device.length": (lambda w, bad: w.vm.pio.attach(device(w, length=bad), 1), "length"),
    "Device.max_size": (lambda w, bad: w.vm.pio.attach(device(w, max_size=bad), 1), "max_size"),
    "an offset in Device.ranges": (
        lambda w, bad: w.vm.pio.attach(device(w, ranges=((bad, 1),)), 1),
        "offset",
    ),
    "a length in Device.ranges": (
        lambda w, bad: w.vm.pio.attach(device(w, ranges=((1, bad),)), 1),
        "length",
    ),
    "the answer of a device": (answered, "integer"),
    "what fileno() returns": (
        lambda w, bad: w.vm.ioeventfd(1, fd=type("Odd", (), {"fileno": lambda self: bad})()),
        r"fd, or what its fileno\(\) returns",
    ),
}
