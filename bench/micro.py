"""Measure the hot paths of the core in nanoseconds: python bench/micro.py [--json]

It needs pyx86emu._micro. `make bench` builds it by
`PYX86EMU_BENCH=1 python setup.py build_ext --inplace`.
"""

import json
import sys
from statistics import median

from pyx86emu import _micro

ROUNDS = 7
MANY = 5_000_000
FEW = 50_000
PATHS = {
    "table_probe": MANY,
    "eventfd_flush": FEW,
    "heavy_exit": FEW,
    "load": MANY,
    "store": MANY,
    "block_entry": MANY,
    "flag_read": MANY,
}


def main(args: list[str]) -> int:
    """Measure each path once a round, print the medians."""
    bed = _micro.Bed()
    times: dict[str, list[float]] = {name: [] for name in PATHS}
    for _ in range(ROUNDS):
        for name, n in PATHS.items():
            times[name].append(getattr(bed, name)(n))
    bed.close()
    rows = [{"name": name, "ns": round(median(values), 3)} for name, values in times.items()]
    if "--json" in args:
        print(json.dumps({"micro": {"rows": rows}}, indent=1))
    else:
        print(f"{'hot path':<16}{'ns':>9}")
        for row in rows:
            what = getattr(bed, row["name"]).__doc__.splitlines()[
                -1
            ]  # Cython puts a signature first
            print(f"{row['name']:<16}{row['ns']:>9.2f}  {what}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
