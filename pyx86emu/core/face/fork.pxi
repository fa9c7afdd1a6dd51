# fork(): reset each Vm in the child, which has neither the parent's threads nor their locks and pending work.

def _after_fork():
    cdef VmTables vm
    irq_forget_process()
    for each in live_vms:
        vm = each
        fork_vm(vm.vm, PyThread_get_thread_ident())
        iotable_reclaim(vm.vm.iotable)           # the child has no other thread that could use it
        vm.closing = False
        for vcpu in vm._vcpus:
            (<Vcpu>vcpu).waiters = 0             # the threads that waited are not here
        irq_forked(vm.vm, vm.vm.iotable)


os.register_at_fork(after_in_child=_after_fork)
