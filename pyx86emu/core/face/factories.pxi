# Factories: refuse calls of classes that only the core makes. The TypeError says what to call instead.
#
# An object made by Python would be full of NULL pointers. __init__ cannot prevent that, because `C.__new__(C)` and
# copy.copy() do not call it. So tp_new is replaced, and tp_vectorcall, which would bypass it, is cleared. The core's
# own `C.__new__(C)` calls the C function directly and is not affected.
#
# Exit can be called. Its tp_new is replaced too: it makes a complete Exit or raises.

cdef dict MADE_BY = {
    CoalescedRing: "Vm(), as Vm.coalesced",
    CoalescedZone: "Vm.coalesce()",
    IoEventFd: "Vm.ioeventfd()",
    MemorySlot: "Vm.add_memory()",
    Registers: "Vm.create_vcpu(), as Vcpu.regs",
    SlotBuffer: "MemorySlot.writing()",
    Snapshot: "Vm.save(), as State.core",
    Vcpu: "Vm.create_vcpu()",
}


cdef object refuse_new(type cls, PyObject* args, PyObject* kwargs):
    """tp_new of these classes, and of their subclasses."""
    for base in cls.__mro__:
        if base in MADE_BY:
            raise TypeError(f"{base.__name__} objects are made by {MADE_BY[base]}")


cdef object new_exit(type cls, PyObject* args, PyObject* kwargs):
    """tp_new of Exit, which can be made by hand. An Exit is complete, or the call raises."""
    return exit_by_hand(<tuple>args, {} if kwargs == NULL else dict(<dict>kwargs))


for _class in MADE_BY:
    (<PyTypeObject*><PyObject*>_class).tp_new = refuse_new
    (<PyTypeObject*><PyObject*>_class).tp_vectorcall = NULL
    PyType_Modified(_class)
del _class
(<PyTypeObject*><PyObject*>Exit).tp_new = new_exit
(<PyTypeObject*><PyObject*>Exit).tp_vectorcall = NULL
PyType_Modified(Exit)
