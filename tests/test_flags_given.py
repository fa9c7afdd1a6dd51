"""The flags of the interface: look at each with a value that is neither true nor false."""

from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import Machine, Vm
from pyx86emu.pc.devices.keyboard.keys import keystrokes


class Endless:
    """bool() of it overflows."""

    def __len__(self) -> int:
        return 1 << 70


FLAGS: dict[str, Callable[[Vm, Machine, Any], object]] = {
    "interrupt(queue=)": lambda vm, m, flag: vm.vcpus[0].interrupt(8, queue=flag),
    "picture(blink=)": lambda vm, m, flag: m.screen.picture(blink=flag),
    "indexed(blink=)": lambda vm, m, flag: m.screen.indexed(blink=flag),
    "Range.open(pull)": lambda vm, m, flag: m.vm._backend.ranges("pio").items[0].open(flag),
}


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_without_a_truth_value_is_a_value_error(name: str) -> None:
    with Vm(irqchip=True) as vm, Machine() as m:
        vm.create_vcpu()
        with pytest.raises(ValueError, match="is neither true nor false"):
            FLAGS[name](vm, m, Endless())


def test_only_text_is_typed() -> None:
    with pytest.raises(TypeError, match="what is typed is text"):
        keystrokes(Endless())  # type: ignore[arg-type]
