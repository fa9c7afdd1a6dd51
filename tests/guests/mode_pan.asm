; mode_pan: as mode_split, moved by five dots; the panel is not moved.
; qemu: it does not move the picture by dots (QEMU 7.2)
; Run: python -m pyx86emu tests/guests/mode_pan.bin

%define PAN     5
%include "mode_split.inc"
