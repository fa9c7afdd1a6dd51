"""Hostile packets: whatever comes, the stub answers and the server lives."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Machine
from pyx86emu.tools.gdb.packets import MOST, packet
from pyx86emu.tools.gdb.stub import LONG, SHORT, Stub
from pyx86emu.tools.gdb.target import MachineTarget
from tests.harness import Running
from tests.tools.gdb.client import Client, served
from tests.tools.gdb.test_stub import Calls

SPIN = bytes.fromhex("ebfe")
M = Machine(SPIN)
M.boot()

NAMES = [*SHORT, *LONG]
NUMBER = st.sampled_from(
    [b"", b"0", b"1", b"-1", b"7c00", b"ffffffff", b"f" * 16, b"f" * 40, b"g", b"\xff", b"00" * 99]
)
PARTS = st.lists(st.sampled_from([b",", b":", b";", b"=", b"s", b"c", b"r"]) | NUMBER, max_size=8)
HOSTILE = st.builds(
    lambda name, parts, rest: name + b"".join(parts) + rest,
    st.sampled_from(NAMES) | st.binary(max_size=3),
    PARTS,
    st.binary(max_size=20),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(HOSTILE, max_size=6))
def test_every_packet_gets_a_reply_of_bounded_size_or_none(packets: list[bytes]) -> None:
    stub = Stub(MachineTarget(M), Calls())

    for each in packets:
        reply = stub.handle(each)

        assert reply is None or len(reply) <= MOST


@pytest.mark.parametrize("seed", range(4))
def test_a_server_lives_through_garbage(seed: int) -> None:
    rng = Random(seed)
    over = Event()
    with Machine(SPIN) as m, m.gdbserver("127.0.0.1:0") as server:

        def run() -> None:
            while not over.is_set():  # garbage may jump to a HLT
                m.run(wall=60)

        guest = Running(run)
        for _ in range(5):
            with Client(server.address) as client:
                for _ in range(40):
                    body = rng.choice(NAMES) + rng.randbytes(rng.randrange(12))
                    whole = packet(body) if rng.random() < 0.8 else body
                    with suppress(OSError):  # it was a kill
                        client.socket.sendall(whole[: rng.randrange(1, len(whole) + 8)])

        with Client(server.address) as client:
            client.socket.sendall(b"+")
            assert client.ask("qC") == b"QC1"
            assert server.connected
        over.set()
        m.stop()
        guest.result()


def test_a_packet_without_end_takes_no_memory() -> None:
    with served(SPIN, stopped=False) as (_, address, _), Client(address) as client:
        client.socket.sendall(b"$" + b"m" * (1 << 20))

        client.socket.sendall(b"#00" + packet(b"qC"))

        assert client.reply() == b"QC1"
