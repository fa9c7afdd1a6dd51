"""Boot: which drive starts, where boot() stops, what is counted from there, what was tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import Disk, ExitReason, Machine, MachineError
from pyx86emu.pc.devices import Rtc
from pyx86emu.pc.drives import ORDERS
from tests import on_kvm
from tests.harness import ROOT

MakeMachine = Callable[..., Machine]

HALT = "faf4"
NOT_BOOTABLE = bytes(1474560)


def sector(text: str) -> bytes:
    """A boot sector of this code, with 55AAh."""
    return bytes.fromhex(text).ljust(510, b"\0") + b"\x55\xaa"


def says(letter: str) -> bytes:
    """A boot sector that writes a letter to port E9h, then DL in hexadecimal's high digit."""
    return sector(f"b0{ord(letter):02x} e6e9 88d0 b104 d2e8 0430 e6e9" + HALT)


def floppy(boot: bytes) -> Disk:
    return Disk(boot, kind="floppy")


def hard_disk(boot: bytes) -> Disk:
    return Disk(boot.ljust(8 * 4 * 17 * 512, b"\0"), kind="hd", geometry=(8, 4, 17))


# -- which drive ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drives", "order", "said"),
    [
        ("a", None, "A0"),
        ("c", None, "C8"),
        ("ac", None, "A0"),
        ("ac", "a", "A0"),
        ("ac", "c", "C8"),
        ("ac", "ac", "A0"),
        ("ac", "ca", "C8"),
        ("a", "ca", "A0"),
        ("c", "ac", "C8"),
    ],
)
def test_the_first_drive_of_the_order_starts(
    machine: MakeMachine, drives: str, order: str | None, said: str
) -> None:
    fda = floppy(says("A")) if "a" in drives else None
    hda = hard_disk(says("C")) if "c" in drives else None
    m = machine(fda=fda, hda=hda, order=order)

    m.run(timeout=10)

    assert m.debug_text == said
    assert m.disk is (fda if said[0] == "A" else hda)


def test_the_disk_to_boot_decides_by_its_kind(machine: MakeMachine) -> None:
    other = floppy(says("A"))

    m = machine(hard_disk(says("C")), fda=other)
    m.run(timeout=10)

    assert m.debug_text == "C8"
    assert m.disks["fda"] is other
    assert m.disks["hda"] is m.disk


def test_a_disk_without_a_signature_is_passed_over_but_a_diskette_is_not(
    machine: MakeMachine,
) -> None:
    m = machine(fda=floppy(says("A")[:510]), hda=hard_disk(says("C")[:510]), order="ca")

    m.run(timeout=10)

    assert m.debug_text == "A0"


def test_the_second_hard_disk_is_81h_and_does_not_boot(machine: MakeMachine) -> None:
    # read the first sector of drive 81h to 0:8000, write its third byte to port E9h
    read = "b80102 bb0080 b90100 ba8100 cd13 a00280 e6e9"
    m = machine(hda=hard_disk(sector(read + HALT)), hdb=hard_disk(bytes.fromhex("9090 42")))

    m.run(timeout=10)

    assert m.debug_text == "B"


def test_a_slave_alone_is_80h(machine: MakeMachine) -> None:
    m = machine(hdb=hard_disk(says("S")), order="c")

    m.run(timeout=10)

    assert m.debug_text == "S8"


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_is_in_the_cmos_as_qemu_has_it(machine: MakeMachine, order: str) -> None:
    codes = {"a": 0x01, "c": 0x02, "ac": 0x21, "ca": 0x12}

    assert machine(order=order).part(Rtc).cmos[0x3D] == codes[order]


# -- nothing to boot -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fda", "hda", "order", "tried"),
    [
        (None, None, "ac", "drive A: no disk in it; hard disk: there is none"),
        (None, None, "a", "drive A: no disk in it"),
        (NOT_BOOTABLE, None, "a", "drive A: its first sector has only zeros"),
        (
            NOT_BOOTABLE,
            says("C")[:510],
            "ca",
            "hard disk: its first sector does not end with 55AAh; "
            "drive A: its first sector has only zeros",
        ),
        (None, b"\0", "c", "hard disk: its first sector has only zeros"),
    ],
)
def test_screen_and_machine_say_what_was_tried(
    machine: MakeMachine, fda: bytes | None, hda: bytes | None, order: str, tried: str
) -> None:
    m = machine(
        fda=None if fda is None else floppy(fda),
        hda=None if hda is None else hard_disk(hda),
        order=order,
    )

    exit = m.run(until="Ctrl-Alt-Del", timeout=20)

    assert exit.reason is ExitReason.MATCH
    assert not m.booted
    assert m.boot_tried == tried
    shown = [line for line in m.screen.text.splitlines() if line]
    assert [line.lower() for line in shown[:-1]] == tried.lower().split("; ")
    assert shown[-1].startswith("No bootable disk.")


def test_a_boot_sector_that_gives_up_is_told_from_a_machine_without_one(
    machine: MakeMachine,
) -> None:
    m = machine(floppy(sector("cd18")))

    m.run(until="Ctrl-Alt-Del", timeout=20)

    assert m.booted
    assert "INT 18h" in m.boot_tried
    m.reset()
    assert (m.booted, m.boot_tried) == (False, "")


def test_a_disk_that_is_put_in_later_starts_after_a_reset(machine: MakeMachine) -> None:
    disk = floppy(says("A"))
    m = machine(fda=disk, order="a")
    m.floppy.drives[0].disk = None
    m.run(until="Ctrl-Alt-Del", timeout=20)

    m.floppy.insert("a", disk)
    m.reset()
    m.run(timeout=10)

    assert m.debug_text == "A0"


# -- where boot() stops --------------------------------------------------------------------------


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("drive", [0x00, 0x80])
def test_boot_stops_at_the_first_instruction(machine: MakeMachine, accel: str, drive: int) -> None:
    if accel == "kvm":
        on_kvm.need("kvm")
    disk = hard_disk(says("C")) if drive else floppy(says("A"))
    m = machine(disk, accel=accel)

    exit = m.boot()

    regs = m.vcpu.regs
    assert exit.reason is ExitReason.MATCH
    assert (regs.cs, regs.ip, regs.ss, regs.sp) == (0, 0x7C00, 0, 0x7C00)
    assert (regs.ax, regs.bx, regs.cx, regs.dx) == (0xAA55, 0, 0, drive)
    assert (regs.si, regs.di, regs.bp, regs.ds, regs.es) == (0, 0, 0, 0, 0)
    assert regs.flags & 0x200
    assert m.debug_text == ""
    regs.dx = 0x30
    m.run(timeout=1)
    assert m.debug_text[1] == "3"  # DL as set here


@pytest.mark.parametrize("stopped", [False, True])
def test_instructions_and_exits_count_from_the_boot_sector(
    machine: MakeMachine, stopped: bool
) -> None:
    m = machine(sector("ba1005 90 90 ee" + HALT))  # OUT 510h, where no device is
    assert m.instructions == 0
    if stopped:
        m.boot()
        assert m.instructions == 0

    m.run(timeout=10)

    assert m.instructions == 6  # HLT is the sixth
    assert m.stats.pio_exits == 1
    all_instructions = m.vcpu.instructions
    assert all_instructions is not None and all_instructions > 10_000
    m.reset()
    assert m.instructions == 0


def test_a_stop_changes_nothing_that_the_guest_sees(machine: MakeMachine) -> None:
    counts = []

    for stopped in (False, True):
        m = machine(says("A"))
        if stopped:
            m.boot()
        m.run(timeout=10)
        counts.append((m.vcpu.instructions, m.instructions, m.vm.time, m.vm.read(0, 0x8000)))

    assert counts[0] == counts[1]


def test_what_the_guest_writes_to_port_80h_changes_no_count(machine: MakeMachine) -> None:
    # OUT 510h; the code of the hand-over, then that of nothing to boot, to port 80h; OUT 510h
    m = machine(sector("ba1005 ee b009 e680 b00a e680 ee" + HALT))

    m.run(timeout=10)

    assert m.stats.pio_exits == 2
    assert m.boot_tried == ""


def test_int_19h_of_a_guest_counts_on(machine: MakeMachine) -> None:
    # the first time OUT 510h and INT 19h; the second time halt
    m = machine(sector("803e000500 7509 fe060005 ba1005 ee cd19" + HALT))

    m.run(timeout=10)

    assert m.vm.read(0x500, 1) == b"\x01"
    assert m.stats.pio_exits == 1
    assert m.booted


def test_boot_after_a_reset_stops_again(machine: MakeMachine) -> None:
    m = machine(says("A"))
    m.boot()
    m.run(timeout=1)

    m.reset()
    exit = m.boot()

    assert exit.reason is ExitReason.MATCH
    assert (m.vcpu.regs.cs, m.vcpu.regs.ip) == (0, 0x7C00)


def test_a_stop_during_the_hand_over_leaves_the_guest_at_its_first_instruction(
    machine: MakeMachine,
) -> None:
    m = machine(says("A"))
    m.post.on_code = lambda code: (m._post(code), m.stop() if code == 9 else None)

    m.boot()

    assert (m.vcpu.regs.cs, m.vcpu.regs.ip) == (0, 0x7C00)
    m.run(timeout=1)


# A BIOS of others: POST codes 01, 09 and 0A, as it likes; a boot sector in memory; start it.
OTHER_BIOS = bytes.fromhex(
    "b001 e680 b009 e680 b00a e680 31c0 8ed8 8ed0 bc007c c706007c b043 c706027c e6e9"
    "c706047c fa f4 b280 ea 007c0000"
).ljust(0xFFF0, b"\x90") + bytes.fromhex("ea000000f0").ljust(16, b"\0")


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_bios_of_others_hands_over_at_7c00(
    machine: MakeMachine, accel: str, stopped: bool
) -> None:
    on_kvm.need(accel)
    m = machine(bios=OTHER_BIOS, accel=accel)
    if stopped:
        assert m.boot().reason is ExitReason.MATCH
        assert (m.vcpu.regs.cs, m.vcpu.regs.ip, m.vcpu.regs.dl) == (0, 0x7C00, 0x80)
        assert (m.debug_text, m.instructions or 0) == ("", 0)

    m.run(timeout=1)

    assert (m.booted, m.boot_tried, m.debug_text) == (True, "", "C")
    assert m.instructions in (4, None)


# -- two runs are equal ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ata_transfer", "disk_chs", "disk_edd"])
def test_a_guest_on_a_hard_disk_sees_the_same_in_pieces(machine: MakeMachine, name: str) -> None:
    """Also where a run ends within a block of the data port."""
    image = (ROOT / "tests" / "guests" / f"{name}.bin").read_bytes().ljust(4 * 16 * 63 * 512, b"\0")
    seen = []

    for piece in (None, 7, 100):
        m = machine(hda=Disk(image, kind="hd"), order="c")
        while (exit := m.run(max_instructions=piece)).reason is ExitReason.BUDGET:
            pass
        disk = m.disks["hda"]
        seen.append(
            (
                exit.reason,
                m.exit_status,
                m.vcpu.instructions,
                m.vm.time,
                m.vm.read(0, 0xA0000),
                disk.read(0, disk.count),
            )
        )

    assert seen[0][:2] == (ExitReason.SHUTDOWN, 33)
    assert seen[0] == seen[1] == seen[2]


# -- the drives ----------------------------------------------------------------------------------


def test_one_drive_takes_one_disk() -> None:
    with pytest.raises(MachineError, match="leave one of them out"):
        Machine(says("A"), fda=says("B"))


def test_one_disk_goes_into_one_drive() -> None:
    disk = hard_disk(says("C"))

    with pytest.raises(MachineError, match="is in hda and in hdb"):
        Machine(hda=disk, hdb=disk)


def test_a_hard_disk_does_not_fit_a_floppy_drive() -> None:
    with pytest.raises(MachineError, match=r"is a hard disk .* fda is a floppy drive"):
        Machine(fda=hard_disk(says("C")))


@pytest.mark.parametrize("order", ["", "b", "aa", "cac", "A"])
def test_an_order_that_is_none_is_refused(order: str) -> None:
    with pytest.raises(MachineError, match=r"give a \(floppy drive A\), c"):
        Machine(order=order)


def test_an_order_is_text() -> None:
    with pytest.raises(TypeError, match="order must be text"):
        Machine(order=1)  # type: ignore[arg-type]


def test_disks_that_the_machine_opened_are_closed(tmp_path: object) -> None:
    own = floppy(says("A"))
    with Machine(own, hda=says("C").ljust(512 * 64, b"\0")) as m:
        opened = m.disks["hda"]
        assert opened.read(0, 1) == says("C")

    assert "closed" in repr(opened)
    assert own.read(0, 1) == says("A")
    own.close()


def test_nothing_stays_open_when_a_drive_is_refused(tmp_path: object) -> None:
    opened: list[Disk] = []

    class Counted(Disk):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            opened.append(self)

    from pyx86emu.pc import drives

    before, drives.Disk = drives.Disk, Counted  # type: ignore[misc]
    try:
        with pytest.raises(MachineError):
            Machine(hda=says("C"), fda=says("A"), boot=says("B"))
    finally:
        drives.Disk = before  # type: ignore[misc]

    assert len(opened) == 3
    assert all("closed" in repr(disk) for disk in opened)
