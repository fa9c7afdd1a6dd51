"""A coverage-guided fuzzer: find an input that breaks a COM program, and make it small.

Each run restores a saved state, writes an input, and looks at the map of edges; an input that makes
a new jump is kept, and changed further. hypothesis chooses the changes, and shrinks what it finds.
"""

from contextlib import suppress

from pyx86emu import ExitReason, Vm
from pyx86emu.tools.coverage import Coverage

# It reads 'C' 'F' 'G' 1 at 2000h, then items: '#' length comment, 'n' length name. A name is copied
# to a buffer of 16 bytes on the stack, and nothing compares its length with that: this is the bug.
COM = bytes.fromhex(
    "be0020 ac 3c43 7534 ac 3c46 752f ac 3c47 752a ac 3c01 7525"  # the four bytes, else end
    "ac 3c23 7409 3c6e 751c e80900 ebf2"  # item: lodsb; '#': note; 'n': call name; else end
    "ac b400 01c6 ebeb"  # note: lodsb; mov ah,0; add si,ax; jmp item
    "83ec10 89e7 ac 88c1 b500 f3a4 83c410 c3"  # name: sub sp,16; mov di,sp; copy; add sp,16; ret
    "cd20"  # end: int 20h
)
SEGMENT, INPUT, BUDGET = 0x1000, 0x2000, 2000
END = 0x600  # INT 20h leads to a HLT here: the program has ended as it should


class Target:
    """The program in a Vm, before its first instruction."""

    def __init__(self) -> None:
        self.vm = Vm()
        self.vm.add_memory(0, 0x20000)
        self.vm.write((SEGMENT << 4) + 0x100, COM)
        self.vm.write(END, b"\xf4")
        self.vm.write(4 * 0x20, END.to_bytes(4, "little"))
        self.vcpu = self.vm.create_vcpu()
        regs = self.vcpu.regs
        regs.cs = regs.ds = regs.es = regs.ss = SEGMENT
        regs.ip, regs.sp = 0x100, 0x8000
        self.state = self.vm.save()
        self.edges = Coverage(self.vcpu, edges=True).edges
        self.seen = self.edges > 0
        self.runs = 0

    def run(self, data: bytes) -> tuple[bool, str]:
        """Run with an input. Has it made a new jump? How did it break; "" if it did not."""
        self.vm.restore(self.state)
        self.vm.write((SEGMENT << 4) + INPUT, data)
        self.edges[:] = 0
        exit = self.vcpu.run(BUDGET)
        self.runs += 1
        made = self.edges > 0
        new = bool((made > self.seen).any())
        self.seen |= made
        good = exit.reason is ExitReason.HLT and (exit.cs, exit.ip) == (0, END + 1)
        return new, "" if good else f"{exit.reason.name} at {exit.cs:04x}:{exit.ip:04x}"


def fuzz(target: Target, examples: int = 20_000) -> tuple[bytes, str]:
    """The smallest input found that breaks the program, and how it breaks it."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    corpus, broken = [bytes(4)], [(b"", "")]
    quiet = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))

    @settings(quiet, max_examples=examples, derandomize=True)
    @given(st.integers(0, 99), st.integers(0, 9), st.binary(max_size=8))
    def change(parent: int, at: int, tail: bytes) -> None:
        start, found = corpus[-1 - parent % len(corpus)], []  # often the newest
        for value in range(256):  # each value of one byte: a run takes microseconds
            data = start[:at].ljust(at, b"\0") + bytes([value]) + start[at + 1 :] + tail
            new, how = target.run(data[:256])
            if how:
                broken.append((data, how))
                raise AssertionError(how)  # hypothesis makes it smaller
            if new:
                found.append(data)
        if len(broken) == 1:  # else the corpus stays, so that hypothesis can repeat each try
            corpus.extend(found)

    with suppress(AssertionError):
        change()
    return broken[-1]


if __name__ == "__main__":
    data, how = fuzz(target := Target())
    print(f"{data!r}: {how or 'nothing found'}; {target.runs:,} runs")
