; mode_split: in mode 0Dh the memory is wider and higher than the screen, which starts in it; below
; the line compare is a panel from address 0.
; Run: python -m pyx86emu tests/guests/mode_split.bin

%define PAN     0
%include "mode_split.inc"
