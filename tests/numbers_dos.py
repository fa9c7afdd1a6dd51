"""The numbers of DOS: call what users call with good values, say why the rest is not."""

from __future__ import annotations

from collections.abc import Callable

from pyx86emu import Dos
from tests.numbers import Place, World, place

LOOP = b"\xeb\xfe"
BY_DOS = (
    *("Arena.allocate", "Arena.free", "Arena.free_all", "Arena.make", "Arena.of", "Arena.own"),
    *("Arena.resize", "Bytes.read", "Console.line", "Console.read"),
    *("DosError.__init__", "Handles.add", "Handles.check_room", "Handles.close"),
    *("Handles.close_all", "Handles.duplicate", "Handles.free_handle", "Handles.get"),
    *("Handles.inherit", "Handles.number", "Handles.table", "HostFile.__init__"),
    *("HostFile.read", "HostFile.set_stamp", "HostFile.truncate", "HostFile.write"),
    *("Kernel.become", "Kernel.check_break", "Kernel.enter", "Kernel.get", "Kernel.path"),
    *("Kernel.stay", "Kernel.strings", "Kernel.terminate", "MemoryFile.read"),
    *("MemoryFile.set_stamp", "MemoryFile.truncate", "MemoryFile.write", "Ram.put", "Ram.read"),
    *("Ram.text", "Ram.u16", "Ram.u32", "Ram.u8", "Ram.write", "Root.set_attributes"),
    *("Root.take_room", "characters.standard", "files.create_path", "files.host_seconds"),
    *("files.open_path", "guest.capital", "guest.far", "loading.copy_environment"),
    *("loading.load_overlay", "loading.make_psp", "loading.relocate", "Root.__init__"),
    *("characters.read_con", "fcb.served", "Fcb.__init__", "Fcb.name", "Fcb.opened", "Fcb.random"),
    *(
        "Fcb.record",
        "Fcb.update",
        "Searches.following",
        "Searches.load",
        "Root.room_for",
        "Line.begin",
    ),
    *("Line.char", "Line.key", "editing.look", "Polls.asked"),
)


def made(world: World) -> Callable[..., object]:
    """A Dos, which is closed at the end."""
    return lambda **arguments: world.enter_context(Dos(LOOP, **arguments))


def runs(world: World) -> Callable[..., object]:
    """The `run` of one."""
    return world.enter_context(Dos(LOOP)).run


PLACES: dict[str, Place] = {
    "Dos.__init__": place(made, write_limit=1 << 20, output_limit=1 << 20, shift=3, memory=1 << 20),
    "Dos.run": place(runs, timeout=0.001, wall=1.0, max_instructions=1),
}
EXEMPT: dict[str, str] = dict.fromkeys(
    BY_DOS, "called by DOS only, with numbers of the guest or such as it has looked at"
)
