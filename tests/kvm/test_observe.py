"""KVM refuses observers and history by name."""

import errno

import pytest

from pyx86emu import Vm
from pyx86emu.observe import Observers
from tests import on_kvm


def test_kvm_has_no_observers_and_no_history():
    on_kvm.need("kvm")
    with Vm("kvm") as vm:
        vcpu = vm.create_vcpu()

        with pytest.raises(OSError, match="KVM has no observers") as error:
            Observers(vcpu)
        assert error.value.errno == errno.EOPNOTSUPP
        with pytest.raises(OSError, match="history") as error:
            vcpu.record_history = True
        assert error.value.errno == errno.EOPNOTSUPP
        with pytest.raises(OSError, match="history"):
            vcpu.history()
        assert vcpu.record_history is False
        vcpu.record_history = False
