# Observers of a running guest will live here: they record blocks, accesses and interrupts in C buffers of a fixed size.
#
# The file is empty so far. A mask in the vCPU will switch observers on. While it is set, a decoded block begins with an
# op that records it (cpu/decode emits the op), and the pages of a watchpoint have 0 in the tables of base/granules, so
# that only accesses to these pages take the slow path. While the mask is 0, observers cost no op anything.
