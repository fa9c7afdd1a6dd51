"""Test a routine: 10,000 inputs from one saved state on all processors; debug one that fails.

python -m pyx86emu.examples.inputs          # which inputs fail, and how many jumps were made
python -m pyx86emu.examples.inputs gdb      # the first of them waits for gdb, on port 1234
"""

import random
import sys
from concurrent.futures import Executor
from time import perf_counter

from pyx86emu import Machine
from pyx86emu.tools import batch

# The CRC-16 of the CX bytes at 2000h, to BX; then 100 divided by the first byte, to AL:
# mov si,2000h; xor bx,bx; next: lodsb; xor bl,al; mov dl,8; bit: shr bx,1; jnc no; xor bx,0A001h
# no: dec dl; jnz bit; loop next; mov ax,100; div byte [2000h]; cli; hlt
ROUTINE = bytes.fromhex(
    "be0020 31db ac 30c3 b208 d1eb 7304 81f301a0 feca 75f4 e2ed b86400 f6360020 fa f4"
)


def case() -> batch.Case:
    """The machine before the first instruction of the routine. An input is at most 64 bytes."""
    with Machine(ROUTINE) as m:
        m.boot()
        return batch.Case(
            batch.Job("crc", batch.Content.of(ROUTINE)),
            batch.Content.of(m.save().to_bytes()),
            at=0x2000,
            length="cx",
            registers=("bx", "al"),
            max_instructions=10_000,
            edges=True,
        )


def inputs(count: int) -> list[bytes]:
    """Random ones, always the same."""
    rng = random.Random(1)
    return [rng.randbytes(rng.randrange(1, 65)) for _ in range(count)]


def main(count: int = 10_000, executor: Executor | None = None) -> list[batch.Ran]:
    """Run them; return those that did not end. `executor`: of dask, for a cluster (FLEET.md)."""
    tested, data, start = case(), inputs(count), perf_counter()
    runs = list(batch.map_inputs(tested, data, executor))
    speed = len(runs) / (perf_counter() - start)
    jumps = {run.edges[at : at + 2] for run in runs for at in range(0, len(run.edges), 2)}
    failed = [run for run in runs if run.reason != "HLT"]
    print(f"{len(runs):,} runs, {speed:,.0f} a second; {len(jumps)} jumps; {len(failed)} failed")
    for run in failed[:3]:
        print(f"{run.reason} at {run.cs:04x}:{run.ip:04x}: {data[run.number].hex()}")
    return failed


if __name__ == "__main__":
    failed = main()
    if sys.argv[1:] == ["gdb"]:
        with case().opened(inputs(10_000)[failed[0].number]) as m:
            assert isinstance(m, Machine)
            with m.gdbserver(stopped=True):
                print("gdb -ex 'target remote 127.0.0.1:1234'")
                m.run()
