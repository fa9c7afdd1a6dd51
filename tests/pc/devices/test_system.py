"""SystemControlA."""

from pyx86emu.pc.devices import SystemControlA


def test_bit_1_is_the_a20_gate():
    gate = []
    port = SystemControlA(a20=gate.append)

    port.pio_write(0, 1, 0x00)
    port.pio_write(0, 1, 0x02)

    assert gate == [True, False, True]
    assert port.pio_read(0, 1) == 0x02


def test_rising_bit_0_resets_once():
    resets = []
    port = SystemControlA(reset=lambda: resets.append(1))

    port.pio_write(0, 1, 0x03)
    port.pio_write(0, 1, 0x03)
    assert len(resets) == 1

    port.pio_write(0, 1, 0x02)
    port.pio_write(0, 1, 0x03)
    assert len(resets) == 2


def test_reset_while_resetting_leaves_the_gate_open():
    port = SystemControlA()
    port.reset_line = port.reset

    port.pio_write(0, 1, 0x01)

    assert port.pio_read(0, 1) == 0x02


def test_other_bits_are_kept():
    port = SystemControlA()

    port.pio_write(0, 1, 0xC8)

    assert port.pio_read(0, 1) == 0xC8
