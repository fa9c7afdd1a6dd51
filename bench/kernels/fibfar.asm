; fibfar: calls, returns, pushes and pops, with the stack on another page than the code.
STACK   equ 6000h
%include "fib.inc"
