# fork(): in a child, free the Vms of the parent's threads, pending rings and held locks.

def _after_fork():
    """In a forked child: what was pending belongs to the parent, and its threads are not here."""
    cdef VmTables vm
    for each in live_vms:
        vm = each
        for i in range(vm.vm.ncpus):
            if vm.vm.cpu[i] != NULL:
                rings_forked(&vm.vm.cpu[i].rings)
                vm.vm.cpu[i].threads.in_core = 0
                vm.vm.cpu[i].threads.waiting = 0
                pthread_mutex_init(&vm.vm.cpu[i].threads.wait_lock, NULL)
                pthread_cond_init(&vm.vm.cpu[i].threads.wait_cond, NULL)
        iotable_reclaim(vm.vm.iotable)           # nobody else is here to look at it
        for vcpu in vm._vcpus:
            (<Vcpu>vcpu).forked()
        pthread_mutex_init(&vm.vm.writers, NULL)
        pthread_mutex_init(&vm.vm.chips.lock, NULL)
        vm.vm.stopping = 0
        vm.closing = False
        if vm._irqfds is not None:               # their thread watches for the parent
            vm._irqfds.forked()
            vm._irqfds = None


os.register_at_fork(after_in_child=_after_fork)
