; fib: calls, returns, pushes and pops, with the stack on the same page as the code.
STACK   equ 7C00h
%include "fib.inc"
