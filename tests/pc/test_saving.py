"""Saving a machine: run, save, run is restore, run. Here, in a fork, in another machine."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Device, Disk, ExitReason, Machine, PioDevice, State, StateError, Vm
from pyx86emu.pc.devices import Uart16550A
from tests.on_kvm import need

#: again: mov al,'A'... : out 0E9h,al; inc ax; jmp again
LETTERS = bytes.fromhex("b041 e6e9 40 ebfb")


class Dice(PioDevice):
    """A device of a user, with state."""

    value = 0

    def pio_read(self, offset: int, size: int) -> int:
        self.value = self.value * 5 + 1 & 0xFF
        return self.value

    def state(self) -> dict[str, Any]:
        return {"value": self.value}

    def load(self, values: dict[str, Any]) -> None:
        if type(values.get("value")) is not int:
            raise ValueError("dice have a value")
        self.value = values["value"]


class Stateless(PioDevice):
    """A device of a user, without."""


def letters(m: Machine, n: int = 9) -> str:
    m.run(max_instructions=n)
    return m.debug_text


@pytest.fixture
def m() -> Any:
    with Machine(LETTERS) as machine:
        machine.boot()
        yield machine


def test_a_machine_goes_back_any_number_of_times(m: Machine) -> None:
    state = m.save()
    time = m.time

    for _ in range(3):
        m.restore(state)
        assert (m.debug_text, m.time, m.instructions) == ("", time, 0)
        assert letters(m) == "ABC"


def test_another_machine_gets_a_state_as_bytes(m: Machine) -> None:
    letters(m)
    state = State.from_bytes(m.save().to_bytes())
    expected = letters(m)

    with Machine(LETTERS) as other:
        other.restore(state)

        assert other.booted
        assert letters(other) == expected


def test_a_fork_goes_on_as_its_machine_would(m: Machine) -> None:
    letters(m)
    with m.fork() as twin:
        assert letters(twin) == "ABCDEF"
        assert m.debug_text == "ABC"
        with twin.fork() as third:
            assert letters(third) == "ABCDEFGHI"
        assert letters(m, 18) == "ABCDEFGHI"


def test_two_states_are_restored_in_any_order(m: Machine) -> None:
    first = m.save()
    letters(m)
    second = m.save()
    letters(m)

    for state, text in (first, "ABC"), (second, "ABCDEF"), (first, "ABC"), (second, "ABCDEF"):
        m.restore(state)
        assert letters(m) == text


def test_keys_serial_text_and_logs_are_saved(m: Machine) -> None:
    m.keyboard.type("hello")
    m.uart.receive(b"from the line")
    m.serial_log.write(b"sent")
    m.keyboard.mouse.move(5)
    state = m.save()
    m.keyboard.reset()
    m.uart.reset()
    m.serial_log.write(b" more")
    m.debug.log.write(b"something")

    m.restore(state)

    assert len(m.keyboard.queue) + len(m.keyboard.buffer) + m.keyboard.typing > 5
    assert bytes(m.uart.queue).endswith(b"the line")
    assert m.serial == b"sent"
    assert m.debug_text == ""


def test_what_a_screen_was_searched_for_is_saved() -> None:
    code = bytes.fromhex("fa b04f e6e9 b04b e6e9 f4")  # cli; "OK" to port E9h; hlt
    with Machine(code) as m:
        m.expect("O")
        state = m.save()
        m.expect("K")

        m.restore(state)

        assert m.expect("[A-Z]").match.group() == "K"


def test_exit_status_resets_and_counts_are_saved() -> None:
    code = bytes.fromhex("b003 e6f4 ba9903 ec ebfd")  # out 0F4h,3; again: in al,399h; jmp again
    with Machine(code) as m:
        m.boot()
        before = m.save()
        assert m.run().reason is ExitReason.SHUTDOWN
        after = m.save()
        m.run(max_instructions=9)

        m.restore(before)
        assert (m.exit_status, m.stats.pio_exits) == (None, 0)
        m.restore(after)

        assert m.exit_status == 7
        assert m.run(max_instructions=5).reason is ExitReason.BUDGET


def test_a_stop_of_the_host_is_not_lost_by_a_restore(m: Machine) -> None:
    state = m.save()
    m.stop()
    m.restore(state)
    assert m.run(timeout=1).reason is ExitReason.INTR

    m.restore(state)
    assert m.run(timeout=1).reason is ExitReason.DEADLINE


# -- devices of users ------------------------------------------------------------------------------


def test_a_device_of_a_user_is_saved_by_its_own_state(m: Machine) -> None:
    dice = Dice()
    m.attach(dice, port=0x300)
    dice.pio_read(0, 1)
    state = m.save()
    as_bytes = State.from_bytes(state.to_bytes())

    for each in state, as_bytes:
        dice.value = 77
        m.restore(each)
        assert dice.value == 1


def test_a_device_without_state_is_named(m: Machine) -> None:
    state = m.save()
    m.attach(Stateless(), port=0x300)

    with pytest.raises(StateError, match=r"'stateless' cannot be saved, Stateless has no state"):
        m.save()
    with pytest.raises(StateError, match="this machine has a device 'stateless'"):
        m.restore(state)
    assert letters(m) == "ABC"


def test_a_device_with_a_timer_without_a_name_is_named(m: Machine) -> None:
    class Late(Dice):
        def state(self) -> dict[str, Any]:
            return {"timer": self.clock.call_after(5, print).state()}

    m.attach(Late(), port=0x300)
    with pytest.raises(StateError, match=r"'late' cannot be saved: .* has no name"):
        m.save()


def test_a_subclass_of_our_device_is_saved_by_its_own_state(m: Machine) -> None:
    class Counted(Uart16550A):
        seen = 0

        def state(self) -> Any:
            return {**super().state(), "seen": self.seen}

        def load(self, values: Any) -> None:
            super().load(values)
            self.seen = values["seen"]

    uart = Counted()
    m.attach(uart, port=0x300)
    state = m.save()
    uart.seen = 5

    m.restore(state)

    assert uart.seen == 0


def test_two_devices_of_one_name_are_told_apart(m: Machine) -> None:
    one, two = Dice(), Dice()
    m.attach(one, port=0x300)
    m.attach(two, port=0x310)
    two.value = 5
    state = m.save()
    one.value, two.value = 8, 9

    m.restore(State.from_bytes(state.to_bytes()))

    assert (one.value, two.value) == (0, 5)
    assert {"dice", "dice#2"} < set(state.devices)


def test_a_device_elsewhere_is_refused(m: Machine) -> None:
    dice = Dice()
    place = m.attach(dice, port=0x300)
    state = m.save()
    place.detach()
    with pytest.raises(StateError, match="the state has a device 'dice', this machine has none"):
        m.restore(state)
    m.attach(dice, port=0x310)

    with pytest.raises(StateError, match="'dice' is at "):
        m.restore(state)


def test_a_device_that_refuses_its_values_changes_nothing(m: Machine) -> None:
    dice = Dice()
    m.attach(dice, port=0x300)
    letters(m)
    state = State.from_bytes(m.save().to_bytes())
    state.devices["dice"] = {"value": "wrong"}
    letters(m)
    dice.value = 3

    with pytest.raises(StateError, match="dice have a value"):
        m.restore(state)

    assert (m.debug_text, dice.value) == ("ABCDEF", 3)
    assert letters(m) == "ABCDEFGHI"


def test_a_fork_has_no_devices_of_users(m: Machine) -> None:
    m.attach(Dice(), port=0x300)
    with pytest.raises(StateError, match="'dice' is no device of a PC"):
        m.fork()


# -- other machines --------------------------------------------------------------------------------

OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "memory": ({"memory": 1 << 21}, "other bytes of memory, 1048576 instead of 2097152"),
    "model": ({"model": "8086"}, "another model, 80486, than this machine, 8086"),
    "rom": ({"option_roms": [b"\x55\xaa\x01" + bytes(508) + b"\0"]}, "other ROMs"),
    "shift": ({"shift": 3}, "shift"),
    "clock": ({"clock": "host"}, "clock"),
    "hard disk": ({"hda": bytes(1 << 20)}, "hda has a disk here"),
    "image": ({"boot": b"another"}, "another image"),
    "empty": ({"boot": None}, "fda is empty: insert the disk"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_machine_that_differs_is_refused_in_a_sentence(m: Machine, other: str) -> None:
    state = State.from_bytes(m.save().to_bytes())
    options, text = OTHERS[other]

    with Machine(**{"boot": LETTERS, **options}) as different:
        before = different.time
        with pytest.raises(StateError, match=text):
            different.restore(state)
        assert different.time == before or other == "clock"
        different.boot()


def test_the_state_of_a_vm_is_not_one_of_a_machine(m: Machine) -> None:
    with pytest.raises(StateError, match=r"without a machine: restore it with m\.vm\.restore"):
        m.restore(m.vm.save())
    with pytest.raises(TypeError, match="not from bytes"):
        m.restore(m.save().to_bytes())  # type: ignore[arg-type]


@pytest.mark.parametrize("accel", ["interp", "kvm"])
def test_a_machine_of_kvm_is_not_saved(accel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter stands in for a KVM where there is none."""
    need(accel)
    with Machine(LETTERS, accel=accel) as m, Machine(LETTERS) as other:
        state = other.save()
        lacking = m.vm.capabilities._replace(save=False)
        monkeypatch.setattr(Vm, "capabilities", lacking)
        for method in m.save, m.fork, lambda: m.restore(state):
            with pytest.raises(OSError, match="cannot be saved, restored or forked") as error:
                method()
            assert error.value.errno == errno.EOPNOTSUPP


def test_a_guest_that_runs_is_not_saved(m: Machine) -> None:
    class Saver(PioDevice):
        failure: Exception | None = None

        def state(self) -> dict[str, Any]:
            return {}

        def load(self, values: dict[str, Any]) -> None:
            pass

        def pio_write(self, offset: int, size: int, value: int) -> None:
            for call in m.save, lambda: m.restore(state):
                with pytest.raises(RuntimeError, match=r"a vCPU is in run"):
                    call()
            self.failure = None

    m.part(type(m.debug))
    place = next(each for each in m.pio.attachments if each.device is m.debug)
    saver = Saver()
    place.detach()
    m.attach(saver, port=0xE9)
    state = m.save()

    m.run(max_instructions=3)

    assert saver.failure is None


# -- disks -----------------------------------------------------------------------------------------


def test_what_was_written_to_disks_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1440 << 10))
    with Machine(LETTERS, fdb=path) as m:
        disk = m.disks["fdb"]
        disk.write(5, b"1" * 512)
        state = m.save()
        disk.write(5, b"2" * 512)
        disk.write(6, b"2" * 512)

        m.restore(state)
        assert disk.read(5, 2) == b"1" * 512 + bytes(512)
        disk.write(6, b"3" * 512)
        m.restore(State.from_bytes(state.to_bytes()))

        assert disk.read(5, 2) == b"1" * 512 + bytes(512)
    assert not any(path.read_bytes())


def test_disks_that_were_changed_are_put_back(m: Machine) -> None:
    one, two = m.disks["fda"], Disk(b"two")
    m.floppy.insert("b", two)
    state = m.save()
    m.floppy.eject("a")
    m.floppy.insert("b", Disk(b"three"))

    for each in state, State.from_bytes(state.to_bytes()):
        if each is not state:
            m.floppy.insert("b", one)
            m.floppy.insert("a", two)
        m.restore(each)
        assert m.disks["fda"] is one
        assert m.disks["fdb"] is two

    two.write(1, bytes(512))
    m.floppy.eject("b")
    m.restore(state)
    assert m.disks["fdb"] is two
    assert two.changed == 0


def test_a_drive_that_was_empty_is_empty_again(m: Machine) -> None:
    state = m.save()
    m.floppy.insert("b", Disk(b"two"))

    m.restore(state)

    assert m.disks["fdb"] is None


def test_a_state_from_before_a_commit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1440 << 10))
    with Disk(path, write_back=True) as disk, Machine(LETTERS, fdb=disk) as m:
        disk.write(1, b"1" * 512)
        state = m.save()
        disk.commit()

        with pytest.raises(StateError, match=r"fdb: .* was written after the state was saved"):
            m.restore(state)
        with pytest.raises(StateError, match="write_back=True"):
            m.fork()
        with pytest.raises(StateError, match="written after this state"):
            state.to_bytes()


def test_a_disk_that_is_closed_is_named() -> None:
    disk = Disk(b"two")
    with Machine(LETTERS, fdb=disk) as m:
        state = m.save()
        disk.close()

        with pytest.raises(StateError, match=r"fdb: .* is closed"):
            m.restore(state)


def test_a_disk_of_another_kind_is_named(m: Machine) -> None:
    class Own:
        count, geometry, readonly = 2880, (80, 2, 18), True

        def read(self, lba: int, n: int = 1) -> bytes:
            return bytes(512 * n)

        def write(self, lba: int, data: bytes) -> None: ...
        def flush(self) -> None: ...

    m.floppy.insert("b", Own())
    with pytest.raises(StateError, match="the disk in fdb cannot be saved, it is a Own"):
        m.save()


def test_a_fork_writes_to_its_own_disks(tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(1440 << 10))
    with Machine(path, hda=bytes(1 << 20)) as m:
        m.disks["fda"].write(5, b"1" * 512)
        with m.fork() as twin:
            for name in "fda", "hda":
                twin.disks[name].write(6, b"2" * 512)
                m.disks[name].write(7, b"3" * 512)
            assert twin.disks["fda"].read(5, 3) == b"1" * 512 + b"2" * 512 + bytes(512)
            assert twin.drives.changed == 3
        assert m.disks["fda"].read(5, 3) == b"1" * 512 + bytes(512) + b"3" * 512
        assert m.disks["hda"].read(6) == bytes(512)


# -- bytes of anybody ------------------------------------------------------------------------------

DAMAGE: list[Callable[[State], object]] = [
    lambda s: s.machine.pop("identity"),
    lambda s: s.machine.update(identity={}),
    lambda s: s.machine.update(places=5),
    lambda s: s.machine.update(timers=(("x", -1),)),
    lambda s: s.machine.update(timers=5),
    lambda s: s.machine.update(timers=(({}, 5),)),
    lambda s: s.machine.update(resets=()),
    lambda s: s.machine.update(resets=(1, (5, 0, 0, 0.0, None))),
    lambda s: s.machine.update(stops=("NOTHING",)),
    lambda s: s.machine.update(stats=(1, 2, "x")),
    lambda s: s.machine.update(serial={"data": b"x", "total": 0}),
    lambda s: s.machine.update(texts={}),
    lambda s: s.machine.update(booted=1),
    lambda s: s.machine.update(exit_status=-1),
    lambda s: s.devices.pop("rtc"),
    lambda s: s.devices.update(rtc={}),
    lambda s: s.devices["keyboard"].pop("mouse"),
    lambda s: s.devices["floppycontroller"].update(drives=()),
    lambda s: s.disks.update(fdc={}),
    lambda s: s.disks.update(fda={}),
    lambda s: s.disks.pop("fda") and s.disks.update(hda={}),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=map(str, range(len(DAMAGE))))
def test_a_damaged_state_is_refused_and_nothing_changes(
    m: Machine, damage: Callable[[State], object]
) -> None:
    letters(m)
    state = State.from_bytes(m.save().to_bytes())
    letters(m)
    before = m.save().to_bytes()
    damage(state)

    with pytest.raises(ValueError, match=r".") as error:
        m.restore(state)

    assert isinstance(error.value, StateError)
    assert m.save().to_bytes() == before
    assert letters(m) == "ABCDEFGHI"


def test_no_path_is_in_a_state(tmp_path: Path) -> None:
    path = tmp_path / "secret-name.img"
    path.write_bytes(bytes(1440 << 10))
    with Machine(LETTERS, fdb=path) as m:
        assert b"secret" not in m.save().to_bytes(compression="none")


def test_every_device_of_the_board_can_be_saved(m: Machine) -> None:
    state = m.save()

    names = {part.name for part in m._wires.parts} - {"vga"}
    assert set(state.devices) == names
    assert all(isinstance(part, Device) for part in m._wires.parts)
