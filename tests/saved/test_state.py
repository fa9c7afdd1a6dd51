"""State: the value that Vm.save returns, in a file, in another build, in another process."""

from __future__ import annotations

import base64
import copy
import gc
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import ExitReason, State, StateError, Vm, _core
from pyx86emu.saved import codec
from tests.harness import CODE, descriptors, program

#: mov cx,5; mov si,4000h; mov di,5000h; rep movsb; in al,99h; add bx,ax; hlt
GUEST = "b90500 be0040 bf0050 f3a4 e499 01c3 f4"

#: After five instructions of GUEST, in the middle of its REP. Written by the first build that
#: could; each later one must read it.
GOLDEN = """
cHl4ODZzdAoBAAEAPToAAAAAAACShUHdeAHtmL1uIzcQx1f7JcnynS+HNOnuEQ5JcLjy4EKAAMk4YOx6Qe9SEiNqd0NypfNV
fo3r8xJpkiLvkSoPECAp0jn/4Uq2kaRIF8SgIYgfIjmc3/xnduHs9tX3WfRD9O7H6P1v3/3yafDT71H4CwQCgUAgEAgEAoFA
IBAIBAKBQCAQCAQCgSdH4PbVWmrdPDm/gkOBQCAQCAQCgUAgEAgEAoFAIBAIBAKBQCDwmAD/B+DxOPQDgUAgEAgEAoFAIBAI
BAKBQCAQCAQCgUDgKRJ48TenFimlZWPk4pQyu1ZLNxsMKSt1U25ouFPGdULTUJlvy7VqLykRX76+pNSprZzFtzFlTpUbOxtk
lG/ltjE388Eip1RUlZkNIkqt+ihnSXQb0chIUTW1vplSbtfCyGpKiW5WF5S1YiXtPLmKZ4PBecRNej7gJjuHhV3ZdhbHfk7Z
tqmkpuzt66/evqGxkStlnTR2PoKt2SDx38NZHPlxHL+bxfF7ilU7i8cvKFtqscJVYxpZudrK2tl57rdg78OHcieuNe6T8mxy
d+d/iu8Sikszzx4vRZ/iyhzMPxzBa7Jfz3hrHKUUu39e4o3S0EinQIMZpqrSkk/N90I5nkN3A8IMC97vZDXvvWRjlMsde7F4
Sbmqv5ElYndHY/mhlK1TTc1LknqrpnSC72IrrD8nXwuNs6eUVojIlCZdDapqJ/0l7miiameKvaqrZo+th99UvULgdjDS+Mhy
DLHggibOiLY4jkZ+VHXeC4S8LbRkTWUcfwyEdX0wSmEMpDD2bYGA8G0PI6zkUcaKsRAmy2Qe0RBN0TYI4aHvBNQzFLXdQwR+
h3fxMaJhK+uqv/tS1cqu4ZFfVJTQ0nlC437UH2XkUroSaxJVQ5A40n8GNMK4qIQT5yll8oOCdLyiXWfqPkxZJa+71WJCJxbm
oB/XO5GABc6rzBu+4OQaPm3aBoj5hNxI2yGT2KG9gGXIDjFbKxDD+WiLYyblfuDnU+saD2jMnfsVyX59s0ggc2UAGfuzpRFb
GM+XotPeXsZJbJHyx4TG+hy6QBItPqMRR6dQxsc3uW+3h7H17WlrVGOUu2G7/paoDcW1sN6LMw5ZgcRERDW0ApG1jdZTOrWt
LJXQXoWIAWLhCuuE64UiOtcUsoFUX5qGZ4umLh4mvzjuXnZa3xQ1060KrgZICz7qaxiSuvQ3HHPH25nFf4CxqtsOSZIhcBXq
DN85bzttD+lltdjxLAKrkU+4a95HEEf7354mmZ//PRko6a9k8sqgYNRX9ykC1bbKQU6jci3qWmp7lSye40HSdLXDAyAa0DPt
FV4h83gOYXjmeygKrHwvpucsic4epzgWfoJXn3htHTST0GQPFcqjhu7H/jBePjR7rxA8FyhlqXAnuS658K2gsEs6O5hvIFn/
QONdfg7pMKHUVy5/9aTp3CVlwmx93dTYgatx04/BgossxNk7d0n3RTZpKl67NM1H6StyZpT1Kgx4AOb/imf6X6uHhqiJYiMN
hLcUEB6/MVho23R1/yxFOS20Qq3kbEh2K3GB1wrOGX7GZA576znesfybxLCSO1VKu0AGbAWeErVEN6uU3WDuT2YcJTM=
"""


def made() -> Vm:
    vm = Vm(irqchip=True)
    ram = vm.add_memory(0, 0x8000)
    ram[CODE : CODE + 16] = program(GUEST)
    ram[0x4000:0x4005] = b"hello"
    vcpu = vm.create_vcpu("80386")
    regs = vcpu.regs
    regs.cs, regs.ip, regs.bx, regs.sp = 0, CODE, 7, 0x800
    return vm


def finish(vm: Vm) -> tuple[Any, ...]:
    vcpu = vm.vcpus[0]
    assert vcpu.run().reason is ExitReason.IO
    assert vcpu.pending is not None
    vcpu.pending.reply(0x30)
    assert vcpu.run().reason is ExitReason.HLT
    return vm.read(0x5000, 5), vcpu.regs.bx, vcpu.regs.cx, vcpu.instructions, vm.time


def test_a_state_of_an_earlier_build_goes_on_here() -> None:
    with made() as vm:
        vm.restore(State.from_bytes(base64.b64decode(GOLDEN)))

        assert (vm.read(0x5000, 5), vm.vcpus[0].regs.cx) == (b"he\0\0\0", 3)
        assert finish(vm) == (b"hello", 0x37, 0, 11, 1408)


def test_the_bytes_of_a_state_are_those_of_an_earlier_build() -> None:
    """If this fails, the format has changed: raise codec.VERSION."""
    with made() as vm:
        vm.vcpus[0].run(5)
        now = codec.load(vm.save().to_bytes())

    assert now == codec.load(base64.b64decode(GOLDEN))


def test_a_file_holds_a_state(tmp_path: Path) -> None:
    path = tmp_path / "a.state"
    with made() as vm:
        vm.vcpus[0].run(5)
        vm.save().save(path)
        State.load(str(path)).save(path, compression="none")
        wanted = finish(vm)

    with made() as other:
        other.restore(State.load(path))
        assert finish(other) == wanted
    assert path.stat().st_size > 2 * 4096
    with pytest.raises(StateError, match="limit"):
        State.load(path, limit=1000)
    with pytest.raises(FileNotFoundError):
        State.load(tmp_path / "none")


def test_a_large_file_is_not_read_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(StateError, match="no state of pyx86emu"):
        State.load(path, limit=1 << 16)


def test_copies_and_pickles_are_states() -> None:
    with made() as vm:
        vm.vcpus[0].run(5)
        state = vm.save()
        wanted = finish(vm)
        for each in (copy.copy(state), pickle.loads(pickle.dumps(state))):
            vm.restore(each)
            assert finish(vm) == wanted
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copy.copy(state.core)


def test_zstd_is_named_where_python_lacks_it() -> None:
    state = Vm().save()
    if sys.version_info >= (3, 14):
        assert State.from_bytes(state.to_bytes(compression="zstd"))
    else:
        with pytest.raises(StateError, match=r"Python 3\.14"):
            state.to_bytes(compression="zstd")


def test_what_a_snapshot_says_of_itself() -> None:
    with made() as vm:
        vm.vcpus[0].run(5)
        core = vm.save().core

    assert (core.time, core.models, core.instructions) == (640, ("80386",), (5,))
    assert (core.irqchip, core.shift, core.clock, core.vga) == (True, 7, "virtual", False)
    assert repr(State(core)) == "<State: <Snapshot at 640 ns: 1 slots, 80386>>"
    assert repr(State(core, devices={"uart": {}})).endswith(", 1 devices>")


def test_a_state_with_a_device_that_is_not_plain_is_refused() -> None:
    state = Vm().save()
    state.devices["dice"] = {"rng": object()}  # type: ignore[dict-item]

    with pytest.raises(StateError, match="plain values only, not object"):
        state.to_bytes()


def test_another_thread_that_runs_is_an_error_not_a_wait() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x1000)[0:2] = b"\xeb\xfe"
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.ip = 0, 0
        state = vm.save()
        entered = threading.Event()
        vm.set_timer(1, entered.set)
        thread = threading.Thread(target=vcpu.run)
        thread.start()
        try:
            assert entered.wait(30)
            for act in (vm.save, vm.fork, lambda: vm.restore(state)):
                with pytest.raises(RuntimeError, match="is in run"):
                    act()
        finally:
            vcpu.kick()
            thread.join()
        vm.restore(state)
        assert vcpu.run(3).reason is ExitReason.BUDGET


def test_many_states_and_copies_leave_nothing_open() -> None:
    before = descriptors()
    with made() as vm:
        states = []
        for n in range(50):
            vm.write(0x6000, bytes([n]) * 64)
            states.append(vm.save())
            vm.fork().close()
        assert descriptors() - before < 5
        for n, state in enumerate(states):
            vm.restore(state)
            assert vm.read(0x6000, 1) == bytes([n])
    del vm, states, state
    gc.collect()
    assert descriptors() == before


@pytest.mark.forks
def test_a_forked_process_has_states_and_copies_of_its_own() -> None:
    with made() as vm:
        vm.vcpus[0].run(5)
        state = vm.save()
        wanted = finish(vm)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                vm.restore(state)
                with vm.fork() as twin:
                    status = finish(vm) != wanted or finish(twin) != wanted
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        vm.restore(state)
        assert finish(vm) == wanted


def test_a_vm_that_has_something_cannot_be_populated() -> None:
    with made() as vm, pytest.raises(ValueError, match="has slots or vCPUs"):
        vm._backend.populate(vm.save().core, vm._backend)
    with Vm() as vm, pytest.raises(TypeError, match="Snapshot of a Vm"):
        vm._backend.populate(_core.snapshot_values(vm.save().core), vm._backend)
