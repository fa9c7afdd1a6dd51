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
cHl4ODZzdAoBAAEAGjoAAAAAAAAmnd0KeAHtmL9uIzcQxlf7T5LlO18uVbp7hEMSHK48uBAgQDIOGLte0LuUxIja3ZBc6XyV
X+P6vESapMh7pMoDBEiKdM43XMk2khTpghg0BJFDkcPhb77hLpzdvvo+i36I3v0Yvf/tu18+DX76PQp/gUAgEAgEAoFAIBAI
BAKBQCAQCAQCgUAg8OQI3L5aS62bJ3eucKBAIBAIBAKBQCAQCAQCgUAgEAgEAoFAIBB4TID/A/DYDv1AIBAIBAKBQCAQCAQC
gUAgEAgEAoFAIBB4igRe/O1Qi5TSsjFycUqZXaulmw2GlJW6KTc03CnjOqFpqMy35Vq1l5SIL19fUurUVs7i25gyp8qNnQ0y
yrdy25ib+WCRUyqqyswGEaVWfZSzJLqNaGSkqJpa30wpt2thZDWlRDerC8pasZJ2nlzFs8HgPOImPR9wk51jh13ZdhZuP6ds
21RSU/b29Vdv39DYyJWyTho7H2Gv2SDx38NZHHk7jt/N4vg9xaqdxeMXlC21WCHUmEZWrraydnae+yVY+/Ch3IlrjXhSHk3u
7vxP8V1CcWnm2eOp6FNcmcP2Dy54TvbrGS+No5Ri989T/KY0NNIp0GCGqaq0ZK/5XijHY+huQJhh4fQ7Wc37U/JmlMsdn2Lx
knJVfyNL5O6OxvJDKVunmpqnJPVWTekE38VWWO8nXwsN31NKK2RkSpOuBlW1kz6IO5qo2plir+qq2WPp4TdVr5C4HTZpfGY5
h5hwQRNnRFscrZG3qs6fAilvCy1ZUxnnH4awrk9GKYyBFMa+LZAQjvZgYSZbGSvGQpgsk3lEQzRF2yCFh74TUM9Q1HYPEfgV
/oiPEQ1bWVd97EtVK7vGifykooSWzhMa91bvysildCXmJKqGIOHSfwY0gl1UwonzlDL5QUE6XtGuM3WfpqyS191qMaETi+2g
H9cfIgEL+KvMGw5wco0zbdoGiNlDbqTtUEl8oL3AzpAdcrZWIAb/aItjJeXe8OOpdY0HNObO/YyMK9Sino/VukhQlAAuzeIz
GjH6QhmfvOS+3R5s69vT1qjGKHfDTn0IKPziWlgf4hnno0DVIV0aQoCC2kbrKZ3aVpZKaC8xAAZoV1gnXK8C0bmmkA10+NI0
PFo0dfEw+MVx9bLT+qaoGV1VcKlD8+zqa2wkdekjHHPH7zOL/wBAVbcdKiBDVipcIhxz3nbaHmrHarHjUWRNo1gQa96nB679
b0+TzM//ngzK7K9k8srgNqiv7vUPSbbKQU6jci3qWmp7lSye4ynRdLXD7R4N6Jn28q1QVjyGNDzzPVQ8y9qL6TlLorPHIc6F
H+DZJ15bB80kNNlDhfKooXvbO+PpQ7P3CsGlTylLhTvJdcm32goKu6Szw/YNJOufVrzKj6EcJpT6a8mHnjSdu6RMmK2/FDVW
IDRuehss+AaFOPvDXdL9DZo0Fc9dmuaj9NdtZpT1Kgx4AOb/imf6X6uHhrgTxUYaCG8pIDx+HbDQtunq/kGJ67TQCnclV0Oy
W4kLvDNwzfADJHNYW8/xAuVfE4aV3KlS2gUqYCvwlKglulml7AZjfwKHCBqN
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
