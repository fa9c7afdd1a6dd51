"""Hostile packets: whatever comes, the stub answers and the server lives."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Machine, Vm
from pyx86emu.tools.gdb.packets import MOST, packet
from pyx86emu.tools.gdb.stub import LONG, SHORT, Stub, close
from pyx86emu.tools.gdb.target import MachineTarget, VmTarget
from tests.harness import Running
from tests.tools.gdb.client import Client, served
from tests.tools.gdb.test_stub import Calls

SPIN = bytes.fromhex("ebfe")
M = Machine(SPIN)
M.boot()
VM = Vm()
VM.add_memory(0, 0x10000)
for _ in range(2):
    VM.create_vcpu()

MONITOR = [
    *(b"help", b"bt", b"frames off", b"frames on", b"info pic", b"info pit", b"info io", b"reset"),
    *(b"info registers", b"info history 9", b"info ioeventfds", b"snapshot x", b"restore x"),
]

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


#: Of each handler at least one packet that it takes.
VALID = [
    *(
        b"?",
        b"!",
        b"bs",
        b"bc",
        b"c",
        b"c7c00",
        b"C05;7c00",
        b"D",
        b"g",
        b"Hg1",
        b"Hc-1",
        b"k",
        b"s",
    ),
    *(
        b"m7c00,40",
        b"mfffff000,10",
        b"mffffef00,100",
        b"m10fff0,20",
        b"M9000,2:abcd",
        b"X9000,2:ab",
    ),
    *(b"p4", b"p23", b"P8=007c0000", b"P4=00f0ffff", b"P23=00700000", b"G" + b"00" * 190, b"R00"),
    *(b"S05;7c00", b"T1", b"z0,7c00,1", b"Z0,7c00,1", b"Z1,7c00,1", b"Z2,9000,4", b"Z3,9000,1"),
    *(
        b"Z4,9000,100000",
        b"z4,9000,100000",
        b"QStartNoAckMode",
        b"qAttached",
        b"qC",
        b"qSupported:x",
    ),
    *(b"qSymbol::", b"qSymbol:7c00:5f7374617274", b"qThreadExtraInfo,1", b"qfThreadInfo"),
    *(b"qsThreadInfo", b"vCont;c", b"vCont;s:1;c", b"vCont;r7c00,7d00:1", b"vCont?", b"vKill;1"),
    *(b"qXfer:features:read:target.xml:0,100", b"qXfer:memory-map:read::0,fff"),
    *(b"qRcmd," + line.hex().encode() for line in MONITOR),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid packet with some bytes replaced, taken out or doubled."""
    packet = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 3))):
        if packet:
            at = draw(st.integers(0, len(packet) - 1))
            packet[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    return bytes(packet)


def test_each_handler_has_a_valid_packet() -> None:
    assert {each[:1] for each in VALID} >= set(SHORT)
    assert {name for name in LONG if not any(each.startswith(name) for each in VALID)} == set()


@settings(max_examples=500, deadline=None)
@given(st.lists(HOSTILE | damaged(), max_size=12), st.sampled_from(["machine", "vm"]))
def test_every_packet_gets_a_reply_of_bounded_size_or_none(packets: list[bytes], of: str) -> None:
    stub = Stub(MachineTarget(M) if of == "machine" else VmTarget(VM), Calls())

    for each in packets:
        reply = stub.handle(each)

        assert reply is None or len(reply) <= MOST
    close(stub)


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
