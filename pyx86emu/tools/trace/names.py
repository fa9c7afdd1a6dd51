"""What a trace calls places, ports and code: labels, owners, disassembly. Write nothing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...pc.machine import Machine
    from ..disasm import Syntax

#: So many instructions are remembered with their text.
REMEMBERED = 1 << 16


def plain(text: str) -> str:
    """A name of somebody else's file, without control characters."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]


class Names:
    """Names of a machine. Labels are those of when the trace begins."""

    def __init__(self, m: "Machine", syntax: "Syntax" = "nasm") -> None:
        self._m = m
        self._syntax: Syntax = syntax
        self._symbols = m.labels()
        self._model = m.vcpu.model
        self._owners: dict[int, str] = {}
        self._table: object = None
        try:
            import capstone  # noqa: F401

            self.disassembles = True
        except ImportError:
            self.disassembles = False

    def label(self, at: int) -> str | None:
        """The label at a linear address, or the one before it with the distance."""
        found = None if self._symbols is None else self._symbols.label(at)
        return None if found is None else plain(str(found))

    def code(self, cs: int, ip: int, code: bytes) -> str:
        """The instruction in words; "" without capstone."""
        if not self.disassembles or not code:
            return ""
        from ..disasm import disassemble

        at, known = (cs << 4) + ip, self._symbols

        def read(address: int, size: int) -> bytes:
            return code if address == at else b""

        lines = disassemble(
            read, (cs, ip), 1, model=self._model, syntax=self._syntax, symbols=known
        )
        if not lines or len(lines[0].code) != len(code):
            return f"db {', '.join(f'{byte:#04x}' for byte in code)}"
        return plain(lines[0].text)

    def owner(self, port: int) -> str:
        """Who answers a port; "nobody"."""
        table = self._m.vm.pio.table
        if table is not self._table:
            self._table = table
            self._owners.clear()
        found = self._owners.get(port)
        if found is None:
            found = self._owners[port] = self._owner(port)
        return found

    def _owner(self, port: int) -> str:
        for each in self._m.vm.pio._table.items:
            if each.start <= port < each.end:
                return plain(each.name.strip("'")) or "a device"
        for bell in self._m.vm.ioeventfds:
            if bell.bus == "pio" and bell.addr <= port < bell.addr + max(bell.length, 1):
                return "an ioeventfd"
        return "nobody"
