"""The classes of the KVM back end have the public names and signatures of the core's."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Vm, _core
from pyx86emu.kvm.ioeventfd import Entry
from pyx86emu.kvm.registers import Registers
from pyx86emu.kvm.slots import Slot
from pyx86emu.kvm.vcpu import Vcpu
from pyx86emu.kvm.vm import Vm as Kvm

Kvm_ = Callable[..., Vm]
STUB = Path(_core.__file__).parent / "_core.pyi"
PAIRS = {"Vcpu": Vcpu, "MemorySlot": Slot, "IoEventFd": Entry, "Registers": Registers, "Vm": Kvm}
#: What KVM's objects inherit from the core's, as it is: memory, tables, and what only reads them.
INHERITED = {
    "MemorySlot": "vm addr size fileno array writing dirty_pages",
    "IoEventFd": "vm addr length bus datamatch coalesce registered doorbell fileno read close",
    "Vm": "slots read write code_changed device_line ranges accel slot_class entry_class",
}
#: Classes whose objects the users of a Vm have in hand without making them.
BASES = {"Vm": ("_VmMethods",)}


def stub() -> dict[str, dict[str, ast.FunctionDef]]:
    """The methods and properties of each class of the stub, those of its bases too."""
    found: dict[str, dict[str, ast.FunctionDef]] = {}
    for node in ast.parse(STUB.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            functions = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            own = {part.name: part for part in reversed(functions)}  # the first of overloads
            for base in BASES.get(node.name, ()):
                own = found[base] | own
            found[node.name] = own
    return found


def arguments(node: ast.FunctionDef) -> list[tuple[str, str, bool]]:
    """Name and kind of each argument, and whether it has a default."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    first = len(plain) - len(given.defaults)
    kinds = [("positional" if a in given.posonlyargs else "plain") for a in plain]
    out = [(a.arg, kind, i >= first) for i, (a, kind) in enumerate(zip(plain, kinds, strict=True))]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return [*out[1:], *((a.arg, "named", default is not None) for a, default in named)]


def signature(function: Callable[..., object]) -> list[tuple[str, str, bool]]:
    """The same of a function of Python."""
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: "positional",
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "plain",
        inspect.Parameter.KEYWORD_ONLY: "named",
    }
    found = list(inspect.signature(function).parameters.values())[1:]
    return [(p.name, kinds[p.kind], p.default is not inspect.Parameter.empty) for p in found]


def public(names: dict[str, ast.FunctionDef]) -> list[str]:
    special = {"__len__", "__getitem__", "__setitem__", "__buffer__", "__getattr__", "__setattr__"}
    return [name for name in names if not name.startswith("_") or name in special]


CASES = [(kind, name) for kind in PAIRS for name in public(stub()[kind])]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[".".join(case) for case in CASES])
def test_a_public_name_of_the_core_is_one_of_kvms(kind: str, name: str) -> None:
    theirs, ours = stub()[kind][name], PAIRS[kind]
    core = getattr(_core, kind)
    if name == "__buffer__" and not hasattr(core, name):
        pytest.skip("this Python shows no __buffer__ of classes in C")
    assert hasattr(ours, name), f"{ours.__name__} has no {name}"
    inherited = getattr(ours, name) is getattr(core, name, None)
    if inherited:
        allowed = INHERITED[kind].split()
        assert name in allowed or name.startswith("__"), f"{name} is the interpreter's: override it"
        return
    value = inspect.getattr_static(ours, name)
    if isinstance(value, property):
        assert any(
            "property" in ast.unparse(d) or "setter" in ast.unparse(d)
            for d in theirs.decorator_list
        ), f"{name} is no property"
    elif not callable(value):
        assert "property" in ast.unparse(theirs.decorator_list[0])
    elif name not in ("__getattr__", "__setattr__", "__getitem__", "__setitem__", "__buffer__"):
        assert signature(value) == arguments(theirs)


@pytest.mark.parametrize("kind", INHERITED)
def test_the_list_of_inherited_names_is_true(kind: str) -> None:
    names = stub()[kind]

    assert [n for n in INHERITED[kind].split() if n not in names and not hasattr(Kvm, n)] == []


@pytest.mark.parametrize("kind", ["Vcpu", "Registers"])
def test_kvm_adds_no_public_name(kind: str) -> None:
    ours = {name for name in dir(PAIRS[kind]) if not name.startswith("_")}

    assert ours <= set(stub()[kind])


def test_its_objects_are_what_a_program_expects(kvm: Kvm_) -> None:
    machine = kvm(irqchip=True)
    ram = machine.add_memory(0, 0x1000)
    entry = machine.ioeventfd(0x80)
    cpu = machine.create_vcpu()

    assert isinstance(ram, _core.MemorySlot)
    assert isinstance(entry, _core.IoEventFd)
    assert (ram.vm, entry.vm, cpu.vm) == (machine, machine, machine)
    assert (machine.accel, cpu.model) == ("kvm", "host")
    assert machine.vcpus == (cpu,)
    assert machine.slots == (ram,)
    assert machine.ioeventfds == (entry,)
    assert (entry.hits, entry.last_value, cpu.instructions, cpu.spent) == (None,) * 4
    assert "KVM" in repr(machine)
    for each in (cpu, cpu.regs, ram, entry):
        with pytest.raises(TypeError, match="cannot be copied"):
            __import__("copy").copy(each)


def test_memory_is_a_buffer_and_code_that_the_host_changes_is_seen(kvm: Kvm_) -> None:
    machine = kvm()
    ram = machine.add_memory(0, 0x1000)
    cpu = machine.create_vcpu()
    view = memoryview(ram)
    for code in (b"\x90\xf4", b"\xf4\xf4"):
        view[0x100:0x102] = code
        cpu.regs.cs, cpu.regs.ip = 0, 0x100
        assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == 0x101
