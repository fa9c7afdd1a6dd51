# Observers of a running guest will live here: block, access and interrupt events, in C buffers of a fixed size.
#
# Nothing yet. They will be switched on by a mask in the vCPU: while it is set, decoded blocks begin with an op that
# reports (cpu/decode asks for it), and the pages of a watchpoint are closed in the tables of base/granules, so that
# only accesses to them take the long way. While it is 0 no op does anything for them.
