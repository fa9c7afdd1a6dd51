"""The CPU models: one row per difference. Data only; the decoder and slow paths read it."""

from typing import NamedTuple

MODELS = ("8086", "80186", "80286", "80386", "80486")
"""The models, oldest first. The index is the *level*: an opcode exists from some level on."""

ALIASES = {"8088": "8086", "80188": "80186", "286": "80286", "386": "80386", "486": "80486"}


class Difference(NamedTuple):
    """One field of the core's model struct: its value per model and where that comes from."""

    field: str
    values: tuple[int, int, int, int, int]
    what: str
    source: str


# fmt: off
DIFFERENCES = (
    Difference("level", (0, 1, 2, 3, 4),
               "first model an opcode needs",
               "opcode maps of the manuals"),
    Difference("count_mask", (255, 31, 31, 31, 31), "bits of a shift count that count",
               "80186 data sheet; 286 PRM, SAL/SAR/SHL/SHR"),
    Difference("prefix_limit", (0, 0, 10, 15, 15), "longest instruction in bytes, 0: no limit",
               "286 PRM 9.3 (interrupt 13); 386 PRM 14.7"),
    Difference("wraps", (1, 1, 0, 0, 0), "a word at offset FFFFh wraps instead of faulting",
               "386 PRM 14.7, differences from the 8086, item 7"),
    Difference("port_wraps", (1, 1, 0, 0, 0),
               "the second byte of a word at port FFFFh is at port 0",
               "8086 Family User's Manual: 16 bits of I/O address; 386 PRM 8.1: 64K + 3 bytes"),
    Difference("address_bits", (20, 20, 21, 21, 21),
               "bits of an address in real mode: FFFF:0010 is 100000h, or with 20 bits 0",
               "386 PRM 14.1; vectors of the 80286"),
    Difference("push_sp_new", (1, 1, 0, 0, 0), "PUSH SP stores the decremented value",
               "286 PRM appendix C; 386 PRM, PUSH"),
    Difference("flags_ones", (0xF002, 0xF002, 2, 2, 2), "FLAGS bits that always read 1",
               "286 PRM appendix C; 386 PRM 14.7"),
    Difference("flags_writable", (0xFD5, 0xFD5, 0xFD5, 0x7FD5, 0x7FD5),
               "FLAGS bits that POPF and IRET load in real mode", "286 PRM 5.2; 386 PRM, POPF"),
    Difference("eflags_writable", (0, 0, 0, 0x7FD5, 0x247FD5),
               "EFLAGS bits that POPFD and IRETD load", "386 PRM, POPF; 486 PRM 2.3.3, AC and ID"),
    Difference("de_next", (1, 1, 0, 0, 0), "#DE pushes the address of the next instruction",
               "286 PRM appendix C; vectors F6.6, F7.6"),
    Difference("idiv_min_faults", (1, 1, 0, 0, 0), "IDIV with quotient -128 or -32768 faults",
               "vectors F6.7, F7.7"),
    Difference("rep_negates", (1, 0, 0, 0, 0), "REP before IDIV or IMUL negates the result",
               "vectors F6.7, F7.7"),
    Difference("rep_forgets", (1, 0, 0, 0, 0),
               "an interrupted REP goes on with its last prefix only",
               "8086 Family User's Manual, repeat prefixes"),
    Difference("bcd_8086", (1, 1, 0, 0, 0), "AAA AAS DAA DAS as on the 8086",
               "vectors 27, 2F, 37, 3F"),
    Difference("lock_ud", (0, 0, 0, 1, 1),
               "LOCK before an instruction that cannot be locked is #UD",
               "386 PRM, LOCK"),
    Difference("esc_nm", (0, 0, 1, 1, 1),
               "ESC without a coprocessor is #NM if CR0.EM or TS; WAIT if MP and TS",
               "286 PRM 9.3 (interrupt 7); 386 PRM 11.2"),
    Difference("cr0_reset", (0, 0, 0xFFF0, 0, 0x60000010),
               "CR0, or MSW, after RESET; bits 4-15 of the 80286's always read 1",
               "286 PRM 10.2; 486 PRM 10.1"),
    Difference("ss_vector", (12, 12, 13, 12, 12), "vector of a stack segment overrun",
               "vectors of the 80286; 386 PRM 14.7"),
    Difference("string_half", (0, 0, 1, 0, 0),
               "a string instruction that faults has moved its pointers",
               "vectors 6D 6F A5 A7 AB AD AF of the 80286"),
    Difference("pop_m_half", (0, 0, 1, 0, 0), "POP m that faults leaves SP incremented",
               "vectors 8F of the 80286"),
    Difference("popa_ax_first", (0, 0, 1, 0, 0),
               "POPA reads AX's place before DI's and the others",
               "bus cycles of the 80286; 386 PRM, POPA"),
    Difference("word_wraps", (1, 1, 1, 0, 0),
               "the second word of an operand at FFFEh is at offset 0",
               "vectors C4 C5 of the 80286"),
    Difference("shl_af", (0, 0, 0, 1, 0), "SHL with a nonzero count sets AF, else AF is bit 4",
               "vectors; test386.asm issue 1"),
    Difference("sar_af", (0, 0, 1, 1, 0), "SHR and SAR with a nonzero count set AF",
               "vectors of the 80286; test386.asm issue 1"),
    Difference("shift8_again", (0, 0, 0, 1, 0), "SHL, SHR of a byte by 16 or 24 set CF as by 8",
               "SingleStepTests/80386 issue 4; test386.asm issue 1"),
    Difference("shld_again", (0, 0, 0, 1, 0), "SHLD, SHRD of a word by over 16 repeat operand 2",
               "SingleStepTests/80386 issue 4"),
    Difference("bt_of", (0, 0, 0, 1, 0), "BT and its kin set OF as a rotation to the bit does",
               "SingleStepTests/80386 issue 4; test386.asm issue 1"),
    Difference("mul_af", (0, 0, 1, 0, 0), "MUL and IMUL set AF",
               "vectors 69 6B F6.4 F6.5 F7.4 F7.5 of the 80286"),
    Difference("imul_adds", (1, 0, 0, 0, 0), "SF ZF AF PF of IMUL: upper half + sign of the lower",
               "vectors F6.5 F7.5 of the 8086; its microcode"),
    Difference("div_flags", (1, 0, 2, 2, 2),
               "flags after DIV and IDIV: 0 kept, 1 of the 8086's compares, 2 of the remainder",
               "vectors F6.6 F6.7 F7.6 F7.7; on a 386 and 486 known to change, how is a guess"),
    Difference("de_flags", (1, 0, 1, 0, 0), "#DE pushes flags that the division has changed",
               "vectors F6.6 F6.7 F7.6 F7.7 D4"),
    Difference("idiv_misses", (0, 0, 1, 0, 0),
               "IDIV takes an overflow for -128 or -32768 if a bit lost on the way has it so",
               "SingleStepTests/80286 F6.7: f6 fe with AX 8C60, DH 67"),
    Difference("aad_of_is_cf", (0, 0, 1, 0, 0), "OF after AAD is CF", "vectors D5 of the 80286"),
    Difference("cpuid", (0, 0, 0, 0, 1), "CPUID and RDTSC exist (a documented liberty)",
               "486 PRM, CPUID of later steppings"),
)
# fmt: on


def canonical(name: str) -> str:
    """The name in MODELS of a model or alias. ValueError: there is none; the message lists them."""
    model = ALIASES.get(name, name)
    if model not in MODELS:
        raise ValueError(
            f"unknown CPU model {name!r}: choose one of {', '.join(MODELS)} "
            f"(or {', '.join(ALIASES)})"
        )
    return model


def fields(name: str) -> dict[str, int]:
    """The fields of the core's model struct for `name`. ValueError as for `canonical`."""
    at = MODELS.index(canonical(name))
    return {d.field: d.values[at] for d in DIFFERENCES}


def aliases_of(model: str) -> str:
    """The other names of a model, as text."""
    return ", ".join(alias for alias, name in ALIASES.items() if name == model) or "none"


def cells(d: Difference) -> list[str]:
    """The field's name, then its value for each model; masks in hexadecimal."""
    return [d.field, *(str(v) if v < 256 else f"{v:X}h" for v in d.values)]


def text() -> str:
    """The models and their differences for a terminal: what `-cpu help` prints."""
    rows = [["model", *MODELS, ""], ["aliases", *map(aliases_of, MODELS), ""]]
    rows += [[*cells(d), f"{d.what} ({d.source})"] for d in DIFFERENCES]
    lines = (
        f"{name:<17}{' '.join(f'{value:>7}' for value in values)}  {what}".rstrip()
        for name, *values, what in rows
    )
    return "\n".join(lines) + "\n"
