# fork(): in a child, each Vm forgets what belongs to the parent: its threads, and what these held or had to do.

def _after_fork():
    cdef VmTables vm
    for each in live_vms:
        vm = each
        fork_vm(vm.vm, PyThread_get_thread_ident())
        iotable_reclaim(vm.vm.iotable)           # no other thread is here to look at it
        vm.closing = False
        if vm._irqfds is not None:               # their thread watches for the parent
            vm._irqfds.forked()
            vm._irqfds = None


os.register_at_fork(after_in_child=_after_fork)
