"""What tells the CPU models apart: for each row of models.py guests of a few bytes that show it.

A case is a guest and what it shows on each model. The text begins with how the guest ended: HLT;
INTn, vector n was taken; MMIOaddr, an access to a hole. Then come values, as `AX=1234` or `CF=1`:
registers at the end; after INTn the flags and IP that were pushed, IP from the first byte of the
code. FLAGS shows CF PF AF ZF SF OF.

`source` says where the values come from. `vectors` names tests of real chips with the same code
and registers, "chip form index": they are compared where the vectors are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyx86emu import Exit, ExitReason
from tests.harness import Guest, program


def run(guest: Guest) -> Exit:
    """Run the guest to its end."""
    return guest.run()


def nmi_in_rep(guest: Guest) -> Exit:
    """Interrupt the guest after four instructions."""
    assert guest.run(4).reason is ExitReason.BUDGET
    guest.vcpu.nmi()
    return guest.run()


@dataclass(frozen=True)
class Case:
    """A guest, and what it shows on some models: `shows` has models, as "80386 80486", as keys."""

    row: str
    code: str
    shows: Mapping[str, str]
    source: str
    before: Mapping[str, int] = field(default_factory=dict)
    memory: Mapping[int, str] = field(default_factory=dict)
    vectors: tuple[str, ...] = ()
    act: Callable[[Guest], Exit] = run

    def __str__(self) -> str:
        return f"{self.row}-{program(self.code).hex()}"

    @property
    def wants(self) -> dict[str, str]:
        """What each model shows."""
        return {model: text for names, text in self.shows.items() for model in names.split()}


OLD, NEW = "8086 80186", "80286 80386 80486"
APPENDIX_C = "286 PRM appendix C"
PRM_14_7 = "386 PRM 14.7"
NO_486 = "the 80486: no source, taken as the 80286"
NO_186 = "the 80186: no source, taken as the"

CASES = (
    # -- opcodes, prefixes, addresses -------------------------------------------------------------
    Case(
        "level",
        "60 90  ; pusha; nop (8086: jo)",
        {"8086": "HLT SP=8000", "80186 " + NEW: "HLT SP=7FF0"},
        "vectors 60 of the 8086 and the 80286; 80186 data sheet, PUSHA",
    ),
    Case(
        "level",
        "0f01e0  ; smsw ax",
        {"80186": "INT6 IP=0", "80286": "HLT AX=FFF0"},
        "80186 data sheet, interrupt 6; 286 PRM, SMSW",
    ),
    Case(
        "level",
        "0fb6c3  ; movzx ax,bl",
        {"80286": "INT6 IP=0", "80386 80486": "HLT AX=0034"},
        "286 PRM appendix A; 386 PRM, MOVZX",
        {"bx": 0x1234},
    ),
    Case(
        "level",
        "0fc1d8  ; xadd ax,bx",
        {"80386": "INT6 IP=0", "80486": "HLT AX=0003 BX=0001"},
        "386 PRM appendix A; 486 PRM, XADD",
        {"ax": 1, "bx": 2},
    ),
    Case(
        "count_mask",
        "d3e1  ; shl cx,cl",
        {"8086": "HLT CX=0000", "80186 " + NEW: "HLT CX=0980"},
        f"80186 data sheet; {APPENDIX_C}; {PRM_14_7} item 5",
        {"cx": 0x9826},
        vectors=("8086 D3.4 2",),
    ),
    Case(
        "count_mask",
        "d3e0  ; shl ax,cl",
        {"8086": "HLT AX=0000", "80186 " + NEW: "HLT AX=2200"},
        f"80186 data sheet; {APPENDIX_C}; {PRM_14_7} item 5",
        {"ax": 0x0F11, "cx": 0x65C9},
        vectors=("80286 D3.4 185",),
    ),
    Case(
        "prefix_limit",
        "26" * 10 + "90  ; eleven bytes: es (ten times) nop",
        {OLD: "HLT", "80286": "INT13 IP=0", "80386 80486": "HLT"},
        f"286 PRM 9.3, interrupt 13; {PRM_14_7} item 6",
    ),
    Case(
        "prefix_limit",
        "26" * 15 + "90  ; sixteen bytes",
        {OLD: "HLT", NEW: "INT13 IP=0"},
        f"286 PRM 9.3, interrupt 13; {PRM_14_7} item 6",
    ),
    Case(
        "prefix_limit",
        "3e263e2e3e36 9a2c76549b  ; eleven bytes: six prefixes, call far",
        {"80286": "INT13 IP=0"},
        "the vector",
        vectors=("80286 9A 603",),
    ),
    Case(
        "wraps",
        "8b04  ; mov ax,[si]",
        {OLD: "HLT AX=1234", NEW: "INT13 IP=0"},
        f"{PRM_14_7} item 7; {APPENDIX_C}",
        {"si": 0xFFFF},
        {0xFFFF: "34", 0: "12"},
        vectors=("80286 8B 1127",),
    ),
    Case(
        "address_bits",
        "8a04  ; mov al,[si]",
        {OLD: "HLT AL=12", NEW: "MMIO100000"},
        "386 PRM 14.1: FFFF:0010 is 100000h, on an 8086 it is 0",
        {"ds": 0xFFFF, "si": 0x10},
        {0: "12"},
    ),
    Case(
        "port_wraps",
        "ef  ; out dx,ax",
        {"8086 80186": "IOffff/1", "80286 80386 80486": "IOffff/2"},
        "8086 Family User's Manual, I/O space: 64K ports; 386 PRM 8.1: bytes after FFFFh exist",
        {"dx": 0xFFFF},
    ),
    Case(
        "word_wraps",
        "c41efeff  ; les bx,[0xfffe]",
        {"8086 80186 80286": "HLT BX=3412 ES=7856", "80386 80486": "INT13 IP=0"},
        f"vectors C4 (4123) and C5 (4199) of the 80286; {PRM_14_7} item 7; the 8086 as row wraps",
        {},
        {0xFFFE: "1234", 0: "5678"},
    ),
    Case(
        "lock_ud",
        "f0fec6  ; lock inc dh",
        {"8086 80186 80286": "HLT DX=3E3A", "80386 80486": "INT6 IP=0"},
        f"386 PRM, LOCK; {PRM_14_7} item 9",
        {"dx": 0x3D3A},
        vectors=("80286 FE.0 2510",),
    ),
    # -- stack, FLAGS, CR0 ------------------------------------------------------------------------
    Case(
        "push_sp_new",
        "54 58  ; push sp; pop ax",
        {OLD: "HLT AX=7FFE", NEW: "HLT AX=8000"},
        f"vectors 54 of the 80286; {APPENDIX_C}; {PRM_14_7} item 4",
    ),
    Case(
        "flags_ones",
        "9c 58  ; pushf; pop ax",
        {OLD: "HLT AX=F002", NEW: "HLT AX=0002"},
        f"vectors 9C; {PRM_14_7} item 12",
    ),
    Case(
        "flags_writable",
        "b80270 50 9d 9c 58  ; mov ax,0x7002; push ax; popf; pushf; pop ax",
        {"80286": "HLT AX=0002", "80386 80486": "HLT AX=7002"},
        f"vectors 9D of the 80286; {PRM_14_7} item 12",
    ),
    Case(
        "eflags_writable",
        "66b802702400 6650 669d 669c 6658  ; mov eax,0x247002; push; popfd; pushfd; pop eax",
        {"80386": "HLT EAX=00007002", "80486": "HLT EAX=00247002"},
        "386 PRM, POPF; 486 PRM 2.3.3, AC and ID",
    ),
    Case(
        "eflags_writable",
        "9c 58  ; pushf; pop ax, with bits that the host has set",
        {"80286": "HLT AX=0002", "80386 80486": "HLT AX=7002"},
        f"vectors 9D of the 80286: these bits stay 0; {PRM_14_7} item 12",
        {"eflags": 0x7002},
    ),
    Case(
        "cr0_reset",
        "0f01e0  ; smsw ax",
        {"80286": "HLT AX=FFF0", "80386": "HLT AX=0000", "80486": "HLT AX=0010"},
        "286 PRM 10.2; 386 PRM 14.8 item 4; 486 PRM 10.1",
    ),
    Case(
        "cr0_reset",
        "0f20c0  ; mov eax,cr0",
        {"80386": "HLT EAX=00000000", "80486": "HLT EAX=60000010"},
        "386 PRM 14.8 item 4; 486 PRM 10.1",
    ),
    Case(
        "cr0_reset",
        "90  ; nop",
        {"80186": "HLT CR0=00000000"},
        "no such register in an 80186: the host reads 0",
    ),
    Case(
        "esc_nm",
        "d8d1  ; fcom, with EM from the host",
        {"8086 80186": "HLT", NEW: "INT7 IP=0"},
        "286 PRM 9.3, interrupt 7; 386 PRM 11.2; no such bit in an 80186",
        {"cr0": 4},
    ),
    Case(
        "esc_nm",
        "b80a00 0f01f0 9b  ; mov ax,0x0a; lmsw ax; wait",
        {NEW: "INT7 IP=6"},
        "286 PRM 9.3, interrupt 7; 386 PRM 11.2: MP and TS",
    ),
    # -- faults -----------------------------------------------------------------------------------
    Case(
        "ss_vector",
        "3b02  ; cmp ax,[bp+si]",
        {"80186": "HLT", "80286": "INT13 IP=0", "80386 80486": "INT12 IP=0"},
        f"{PRM_14_7} item 7; the 80186 as row wraps",
        {"bp": 0xFFFF, "si": 0},
        vectors=("80286 3B 3826",),
    ),
    Case(
        "pop_m_half",
        "8f02  ; pop word [bp+si]",
        {"80186": "HLT SP=5C10", "80286": "INT13 SP=5C0A", "80386 80486": "INT12 SP=5C08"},
        "386 PRM 9.8: a fault leaves the registers as they were",
        {"bp": 0, "si": 0xFFFF, "sp": 0x5C0E},
        vectors=("80286 8F 1891",),
    ),
    Case(
        "popa_ax_first",
        "b800d0 8ed0 bc0001 61  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; popa",
        {"80186 80386 80486": "MMIOd0100", "80286": "MMIOd010e"},
        "bus cycles of the 80286; the others: 386 PRM, POPA",
    ),
    Case(
        "string_half",
        "a5  ; movsw",
        {"80186": "HLT SI=0001", "80286": "INT13 SI=0001", "80386 80486": "INT13 SI=FFFF"},
        "386 PRM 9.8: a fault leaves the registers as they were",
        {"si": 0xFFFF, "di": 0x6342},
        vectors=("80286 A5 317",),
    ),
    Case(
        "string_half",
        "ab  ; stosw, downwards",
        {"80286": "INT13 DI=FFFD", "80386 80486": "INT13 DI=FFFF"},
        "386 PRM 9.8: a fault leaves the registers as they were",
        {"ax": 0x3025, "di": 0xFFFF, "eflags": 0x417},
        vectors=("80286 AB 2381",),
    ),
    Case(
        "de_next",
        "f6f0  ; div al",
        {OLD: "INT0 IP=2", NEW: "INT0 IP=0"},
        f"{PRM_14_7} item 2; {NO_186} 8086",
        {"ax": 0xAC5B},
        vectors=("8086 F6.6 277",),
    ),
    Case(
        "de_next",
        "f6f0  ; div al",
        {OLD: "INT0 IP=2", NEW: "INT0 IP=0"},
        f"{PRM_14_7} item 2; {NO_186} 8086",
        {"ax": 0},
        vectors=("80286 F6.6 106",),
    ),
    Case(
        "idiv_min_faults",
        "f6fb  ; idiv bl",
        {OLD: "INT0", NEW: "HLT AX=0080"},
        f"{APPENDIX_C}; {PRM_14_7} item 11; {NO_186} 8086",
        {"ax": 0xFF80, "bx": 1},
    ),
    Case(
        "idiv_min_faults",
        "f7fb  ; idiv bx",
        {OLD: "INT0", NEW: "HLT AX=8000 DX=0000"},
        f"{APPENDIX_C}; {PRM_14_7} item 11; {NO_186} 8086",
        {"dx": 0xFFFF, "ax": 0x8000, "bx": 1},
    ),
    Case(
        "idiv_misses",
        "f6fe  ; idiv dh",
        {"80186": "INT0", "80286": "HLT AX=E080", "80386 80486": "INT0"},
        "SingleStepTests/80286 F6.7; the others: 386 PRM, IDIV, interrupt 0 (but see UNSEEN)",
        {"ax": 0x8C60, "dx": 0x6700},
    ),
    # -- REP --------------------------------------------------------------------------------------
    Case(
        "rep_negates",
        "f2f7f8  ; repne idiv ax",
        {"8086": "HLT AX=8D4A DX=1DCF", "80186 " + NEW: "HLT AX=72B6 DX=1DCF"},
        f"286 PRM, REP: for string instructions only; {NO_186} 80286",
        {"ax": 0x330D, "dx": 0x16E0},
        vectors=("8086 F7.7 634",),
    ),
    Case(
        "rep_negates",
        "36f3f6fe  ; ss rep idiv dh",
        {"8086": "HLT AX=E02E", "80186 " + NEW: "HLT AX=E0D2"},
        f"286 PRM, REP: for string instructions only; {NO_186} 80286",
        {"ax": 0xEC4A, "dx": 0x6D44},
        vectors=("8086 F6.7 1578",),
    ),
    Case(
        "rep_forgets",
        "f326a4  ; rep es movsb, interrupted",
        {"8086": "INT2 IP=1", "80186 " + NEW: "INT2 IP=0"},
        "8086 Family User's Manual, repeat prefixes; Intel on the 80286's REP, October 1984; "
        + f"{NO_186} 80286",
        {"cx": 10, "si": 0x4000, "di": 0x5000},
        act=nmi_in_rep,
    ),
    # -- decimal adjustments ----------------------------------------------------------------------
    Case(
        "bcd_8086",
        "37  ; aaa",
        {OLD: "HLT AX=A405", NEW: "HLT AX=A505"},
        f"286 PRM, AAA; {NO_186} 8086",
        {"ax": 0xA3FF, "eflags": 0xF086},
        vectors=("8086 37 132",),
    ),
    Case(
        "bcd_8086",
        "37  ; aaa",
        {OLD: "HLT AX=E002", NEW: "HLT AX=E102"},
        f"286 PRM, AAA; {NO_186} 8086",
        {"ax": 0xDFFC, "eflags": 0xC07},
        vectors=("80286 37 2",),
    ),
    Case(
        "bcd_8086",
        "27  ; daa",
        {OLD: "HLT AX=45A1 CF=0", NEW: "HLT AX=4501 CF=1"},
        f"286 PRM, DAA; {NO_186} 8086",
        {"ax": 0x459B, "eflags": 0xF812},
        vectors=("8086 27 1028",),
    ),
    Case(
        "bcd_8086",
        "27  ; daa",
        {OLD: "HLT AX=79A1 CF=0", NEW: "HLT AX=7901 CF=1"},
        f"286 PRM, DAA; {NO_186} 8086",
        {"ax": 0x799B, "eflags": 0x8D6},
        vectors=("80286 27 1807",),
    ),
    Case(
        "aad_of_is_cf",
        "d5f0  ; aad 0xf0",
        {"80186": "HLT AX=000F CF=1 OF=0", "80286": "HLT AX=000F CF=1 OF=1"}
        | {"80386 80486": "HLT AX=000F CF=1 OF=0"},
        "the other models: no source, OF of the addition as on the 8086",
        {"ax": 0xFFFF, "eflags": 0x97},
        vectors=("80286 D5 124",),
    ),
    # -- flags that the manuals leave undefined ---------------------------------------------------
    Case(
        "shl_af",
        "d1e3  ; shl bx,1",
        {"8086 80186 80286": "HLT AF=0", "80386": "HLT AF=1", "80486": "HLT AF=0"},
        f"test386.asm issue 1; {NO_486}",
        {"bx": 0xB5C3, "eflags": 0x457},
        vectors=("80286 D1.4 48",),
    ),
    Case(
        "shl_af",
        "d1e2  ; shl dx,1",
        {"8086 80186 80286": "HLT AF=0", "80386": "HLT AF=1", "80486": "HLT AF=0"},
        f"test386.asm issue 1; {NO_486}",
        {"dx": 0x37C4, "eflags": 0xFC53},
        vectors=("8086 D1.4 264",),
    ),
    Case(
        "sar_af",
        "d1ef  ; shr di,1",
        {OLD: "HLT AF=0", "80286 80386": "HLT AF=1", "80486": "HLT AF=0"},
        f"test386.asm issue 1; {NO_186} 8086; the 80486: no source",
        {"di": 0xFC9F, "eflags": 0x4C2},
        vectors=("80286 D1.5 42",),
    ),
    Case(
        "sar_af",
        "d1e8  ; shr ax,1",
        {OLD: "HLT AF=0", "80286 80386": "HLT AF=1", "80486": "HLT AF=0"},
        f"test386.asm issue 1; {NO_186} 8086; the 80486: no source",
        {"ax": 0x7DE0, "eflags": 0xF897},
        vectors=("8086 D1.5 36",),
    ),
    Case(
        "sar_af",
        "d1fd  ; sar bp,1",
        {OLD: "HLT AF=0", "80286 80386": "HLT AF=1", "80486": "HLT AF=0"},
        f"the 80386: no source, as SHR; {NO_186} 8086; the 80486: no source",
        {"bp": 0, "eflags": 0xC82},
        vectors=("80286 D1.7 146",),
    ),
    Case(
        "shift8_again",
        "d2e7  ; shl bh,cl",
        {"80286": "HLT BX=00FF CF=0", "80386": "HLT BX=00FF CF=1", "80486": "HLT BX=00FF CF=0"},
        f"SingleStepTests/80386 issue 4; {NO_486}",
        {"bx": 0xFFFF, "cx": 0x3A50},
        vectors=("80286 D2.4 1036",),
    ),
    Case(
        "shift8_again",
        "d2e9  ; shr cl,cl",
        {"80286": "HLT CX=1400 CF=0", "80386": "HLT CX=1400 CF=1", "80486": "HLT CX=1400 CF=0"},
        f"SingleStepTests/80386 issue 4; {NO_486}",
        {"cx": 0x1490},
        vectors=("80286 D2.5 773",),
    ),
    Case(
        "shld_again",
        "0fa4d814  ; shld ax,bx,20",
        {"80286": "INT6", "80386": "HLT AX=BCDA", "80486": "HLT AX=BCD1"},
        "SingleStepTests/80386 issue 4: bits of operand 2 come in again; the 80486: no source",
        {"ax": 0x1234, "bx": 0xABCD},
    ),
    Case(
        "shld_again",
        "0facd814  ; shrd ax,bx,20",
        {"80286": "INT6", "80386": "HLT AX=DABC", "80486": "HLT AX=4ABC"},
        "SingleStepTests/80386 issue 4: bits of operand 2 come in again; the 80486: no source",
        {"ax": 0x1234, "bx": 0xABCD},
    ),
    Case(
        "bt_of",
        "0fa3d8  ; bt ax,bx",
        {"80286": "INT6", "80386": "HLT CF=0 OF=1", "80486": "HLT CF=0 OF=0"},
        "SingleStepTests/80386 issue 4, test386.asm issue 1; " + "the 80486: no source",
        {"ax": 0x8000, "bx": 0},
    ),
    Case(
        "mul_af",
        "f6e7  ; mul bh",
        {"80186": "HLT AX=4494 AF=0", "80286": "HLT AX=4494 AF=1"}
        | {"80386 80486": "HLT AX=4494 AF=0"},
        "the other models: no source, AF as on the 8086",
        {"ax": 0x4484, "bx": 0x852D, "eflags": 0x487},
        vectors=("80286 F6.4 11",),
    ),
    Case(
        "imul_adds",
        "f6ea  ; imul dl",
        {"8086": "HLT AX=EAE2 PF=1", "80186": "HLT AX=EAE2 PF=0"},
        f"{NO_186} 80286",
        {"ax": 0x9935, "dx": 0x259A},
        vectors=("8086 F6.5 30",),
    ),
    Case(
        "div_flags",
        "f6f6  ; div dh",
        {"8086": "HLT AX=8B90 FLAGS=0084", "80186": "HLT AX=8B90 FLAGS=0881"},
        "the 80186: no source, flags are kept",
        {"ax": 0x8DBB, "dx": 0xFBAA, "eflags": 0xF883},
        vectors=("8086 F6.6 392",),
    ),
    Case(
        "div_flags",
        "f6f2  ; div dl",
        {"80186": "HLT AX=3729 FLAGS=0054", "80286": "HLT AX=3729 FLAGS=0811"},
        "the 80186: no source, flags are kept",
        {"ax": 0x290E, "dx": 0xFFFF, "eflags": 0x456},
        vectors=("80286 F6.6 331",),
    ),
    Case(
        "de_flags",
        "f6f4  ; div ah",
        {"8086": "INT0 FLAGS=0044", "80186": "INT0 FLAGS=00C5"},
        "the 80186: no source, flags are kept",
        {"ax": 0x34D3, "eflags": 0xF4C7},
        vectors=("8086 F6.6 51",),
    ),
    Case(
        "de_flags",
        "f6f3  ; div bl",
        {"80186 80386 80486": "INT0 FLAGS=00D1", "80286": "INT0 FLAGS=0090"},
        "the other models: no source, flags are kept",
        {"ax": 0x1539, "bx": 0xAE02, "eflags": 0xD3},
        vectors=("80286 F6.6 138",),
    ),
    # -- of the 80486 -----------------------------------------------------------------------------
    Case(
        "cpuid",
        "31c0 0fa2  ; xor ax,ax; cpuid",
        {"80386": "INT6 IP=2", "80486": "HLT"},
        "386 PRM appendix A; 486 PRM, CPUID of later steppings",
    ),
    Case(
        "cpuid",
        "0f31  ; rdtsc",
        {"80386": "INT6 IP=0", "80486": "HLT"},
        "386 PRM appendix A; a liberty: RDTSC came with the Pentium",
    ),
)

#: A swap that cannot be seen on this model, and why. It is seen on the other model of the pair.
UNSEEN = {
    ("ss_vector", "80186"): "an operand that overruns its segment wraps (row wraps)",
    ("shld_again", "80286"): "no such instruction",
    ("bt_of", "80286"): "no such instruction",
    ("idiv_misses", "80186"): "the core looks at it only where row de_flags is 1",
    ("idiv_misses", "80386"): "the core looks at it only where row de_flags is 1. A 386EX misses "
    "it as the 80286 does: SingleStepTests/80386 issue 3, AX=9C71 CL=47 gives F180",
}
