"""Mnemonics: name and print instructions, by capstone. Knows no guest."""

from typing import Any

from .problems import GuestFailed

#: Other names of the same instruction.
SAME = {
    "jz": "je",
    "jnz": "jne",
    "jc": "jb",
    "jnae": "jb",
    "jnc": "jae",
    "jnb": "jae",
    "jna": "jbe",
    "jnbe": "ja",
    "jnge": "jl",
    "jnl": "jge",
    "jng": "jle",
    "jnle": "jg",
    "jpe": "jp",
    "jpo": "jnp",
    "loopz": "loope",
    "loopnz": "loopne",
    "sal": "shl",
    "repz": "repe",
    "repnz": "repne",
    "xlat": "xlatb",
    "retn": "ret",
    "wait": "fwait",
    "pushaw": "pusha",
    "popaw": "popa",
    "pushal": "pushad",
    "popal": "popad",
}
STRINGS = ("movs", "cmps", "stos", "lods", "scas", "ins", "outs")
PREFIXES = ("rep", "repe", "repne", "lock")


def available() -> bool:
    """Is capstone installed?"""
    try:
        import capstone  # noqa: F401
    except ImportError:
        return False
    return True


def decoder() -> Any:
    """A capstone decoder of 16-bit code. GuestFailed: capstone is missing."""
    try:
        import capstone
    except ImportError:
        raise GuestFailed(
            "the names of instructions need capstone: pip install 'pyx86emu[asm]'"
        ) from None
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16)


def words(decode: Any, code: bytes, ip: int) -> tuple[str, str]:
    """Mnemonic with its prefixes, and operands, of the first instruction in `code`."""
    for _, _, mnemonic, operands in decode.disasm_lite(code, ip, 1):
        return str(mnemonic), str(operands)
    return "db", f"{code[:1].hex()}h"


def names(mnemonic: str) -> set[str]:
    """The names that an instruction goes by, prefixes among them.

    >>> sorted(names("repz cmpsb"))
    ['cmps', 'cmpsb', 'repe']
    """
    found = {SAME.get(word, word) for word in mnemonic.lower().split()}
    return found | {word[:-1] for word in found if word[:-1] in STRINGS}


def known(decode: Any) -> set[str]:
    """Every name that `names` may give."""
    number, found = 1, {*STRINGS, *PREFIXES, *SAME.values()}
    while (name := decode.insn_name(number)) is not None:
        found |= names(name)
        number += 1
    return found
