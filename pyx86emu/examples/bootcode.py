"""Analyse boot code: who hooks INT 13h, from where, and what does it do on another day?"""

from tempfile import TemporaryDirectory

from pyx86emu import Machine
from pyx86emu.observe import How

# An MBR that copies itself to the top of memory, hooks INT 13h, and on 6 March writes to the disk:
#   xor ax,ax; mov ds,ax; mov ss,ax; mov sp,7C00h; dec word [413h]; mov ax,[413h]; shl ax,6
#   mov es,ax; mov si,sp; xor di,di; mov cx,256; rep movsw
#   mov ax,[4Ch]; mov es:[65h],ax; mov ax,[4Eh]; mov es:[67h],ax    the old INT 13h
#   mov word [4Ch],5Eh; mov [4Eh],es                                the hook
#   mov ah,4; int 1Ah; cmp dx,306h; jne quiet                       the date
#   mov ax,301h; mov cx,1; mov dx,80h; mov bx,7C00h; int 13h        write the MBR
#   quiet: mov ax,201h; mov bx,7E00h; mov cx,2; mov dx,80h; int 13h; cli; hlt
#   hook: push ax; mov al,'h'; out 0E9h,al; pop ax; jmp far old
MBR = bytes.fromhex(
    "31c08ed88ed0bc007c ff0e1304 a11304 c1e006 8ec0 89e6 31ff b90001 f3a5"
    "a14c00 26a36500 a14e00 26a36700 c7064c005e00 8c064e00"
    "b404 cd1a 81fa0603 750e b80103 b90100 ba8000 bb007c cd13"
    "b80102 bb007e b90200 ba8000 cd13 fa f4 50 b068 e6e9 58 ea00000000"
)
HOOK, DATE_READ = "9fc0:005e", "0:7c3a"


def main() -> dict[str, list[str]]:
    """Look at it; return which functions of INT 13h it calls, by day."""
    with Machine(hda=MBR.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20)) as m:
        m.boot()
        with (
            TemporaryDirectory() as directory,
            m.record(f"{directory}/boot.rec"),
            m.on_write("0:4c", 4),
        ):
            print(m.run().message)
            m.step_back()
            print(f"INT 13h led to {m.read_u16('0:4e'):04x}:{m.read_u16('0:4c'):04x}")
            m.run()  # forwards again
            print(m.run().message)
        print(m.disassemble(HOOK, 5))

        ports, found = m.on_io(), {}
        with m.on_exec(DATE_READ):
            m.run()
        state = m.save()
        for name, date in (("another day", m.vcpu.regs.dx), ("6 March", 0x0306)):  # two futures
            m.restore(state)
            m.vcpu.regs.dx = date
            with m.on_interrupt(0x13) as calls:
                m.run()
            begun = [call for call in calls if call.how is How.SOFTWARE]
            found[name] = [f"AH={call.ah:02x} at {call.cs:04x}:{call.ip:04x}" for call in begun]
            print(f"on {name} it calls INT 13h with", ", ".join(found[name]))

        print("port    out     in  first at")
        for port in sorted(set(ports.events["addr"])):
            rows = ports.events[ports.events["addr"] == port]
            out, where = int(rows["write"].sum()), f"{rows['cs'][0]:04x}:{rows['ip'][0]:04x}"
            print(f"{port:04x} {out:6} {len(rows) - out:6}  {where}")
    return found


if __name__ == "__main__":
    main()
