; mode_0f: planar mode 0fh has 640 x 350 dots, of planes 0 and 2.
; qemu: its BIOS has other colours in this mode
; Run: python -m pyx86emu tests/guests/mode_0f.bin

%define MODE    0fh
%define WIDTH   640
%define HEIGHT  350
%define HALF_X  1
%define HALF_Y  1
%include "mode_planar.inc"
