; fibfar: calls, returns, pushes and pops, with the stack on a page of its own.
STACK   equ 6000h
%include "fib.inc"
