"""`disasm`: print a file of 16-bit code as assembly."""

import json
import sys

from .. import models
from ..address import linear
from . import output
from .parser import Parser
from .status import OK, HostError, UsageError, reason
from .values import model, whole

EPILOG = """\
exit statuses: 0; 2 usage; 74 a file cannot be read or standard output not written; 130 Ctrl-C

A file is taken as it is, from its first byte. A boot sector is at 7C00h: --org 0000:7c00, which is
the default for 512 bytes that end with 55 AA. A .COM file is at --org 0:100.
Needs capstone: pip install 'pyx86emu[asm]'.
"""
#: The largest file, in bytes.
LARGEST = 16 << 20
BOOT_SECTOR = 512


def main(args: list[str]) -> int:
    """`pyx86emu disasm`."""
    options = _parser().parse(args)
    if options.symbols is not None:
        options.symbols = _symbols(options.symbols, options.base)
    code = _read(options.file)
    org = options.org
    if org is None:
        boots = len(code) == BOOT_SECTOR and code.endswith(b"\x55\xaa")
        org = "0000:7c00" if boots else "0000:0000"
    try:
        start = linear(org, symbols=options.symbols, what="--org")
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        from ..tools.disasm import disassemble

        lines = disassemble(
            lambda at, size: code[max(at - start, 0) : max(at - start + size, 0)],
            org,
            len(code) if options.count is None else options.count,
            model=options.model,
            syntax=options.syntax,
            symbols=options.symbols,
            end=start + len(code),
        )
    except ImportError as error:
        raise UsageError(str(error)) from None
    if options.json:
        rows = [line._asdict() | {"code": line.code.hex()} for line in lines]
        output.say(json.dumps(rows))
    elif lines:
        output.say(str(lines))
    return OK


def _parser() -> Parser:
    parser = Parser("disasm", "Print a file of 16-bit code as assembly.", EPILOG)
    add = parser.add_argument
    add("file", metavar="FILE", help="the code; -: standard input")
    add("--org", metavar="ADDR", help="where it is in memory: SEG:OFF, 0x7c00, 7c00h or a label")
    choices = f"one of {', '.join(models.MODELS)} (default 80486)"
    add("--model", metavar="MODEL", type=model, default="80486", help=choices)
    words = "nasm, masm or att (default nasm)"
    add("--syntax", choices=["nasm", "masm", "att"], default="nasm", help=words)
    names = "names of addresses: a listing of nasm -l, a map, or an ELF file"
    add("--symbols", metavar="FILE", help=names)
    added = "what is added to the addresses of --symbols (default 0)"
    add("--base", metavar="ADDR", default="0x0", help=added)
    add("--count", metavar="N", type=whole(), help="so many instructions (default: all)")
    add("--json", action="store_true", help="print JSON instead of text")
    return parser


def _symbols(path: str, base: str) -> object:
    from ..symbols import Symbols

    try:
        return Symbols.load(path, at=base)
    except OSError as error:
        raise HostError(f"cannot read --symbols {path}: {reason(error)}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None


def _read(path: str) -> bytes:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(LARGEST + 1)
    except OSError as error:
        raise HostError(f"cannot read {path}: {reason(error)}") from None
    if len(data) > LARGEST:
        raise UsageError(f"{path} is larger than {LARGEST >> 20} MiB: cut out the part to show")
    return data
