# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic that is not Exchange's looks the same with the plugin and without it: no new match, no lost dissection."""

from __future__ import annotations

import pathlib
import struct
import sys

import pytest

import carrier
import rpc_streams
import rpch_streams as pdus
import tshark as tools

sys.path.append(str(tools.REPOSITORY / "bench"))

import traffic  # noqa: E402  # where the benchmark's generators are

EXAMPLES = pathlib.Path("/usr/share/doc/python3-dpkt/examples/data")


def generated() -> pathlib.Path:
    """HTTP, TLS, DNS, UDP and TCP as the benchmark makes them, a few frames of each."""
    path = tools.scratch() / "captures" / "foreign.pcap"
    traffic.write(path, [(maker, max(size // 30, 3)) for maker, size in traffic.FOREIGN.values()])
    path.chmod(0o644)
    return path


def owned() -> pathlib.Path:
    """X11 on ports that Exchange uses, too; a DCE/RPC call of another interface (SAMR, MS-SAMR 1.9), with and without bind."""
    capture = carrier.Capture()
    for port in (6001, 6004):
        stream = rpc_streams.Stream(capture, port=port)
        stream.up(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        stream.up(struct.pack("<BBHI", 5, 0, 2, 0x200001) + struct.pack("<BBH", 98, 0, 2) + struct.pack("<HH", 0, 0))
    samr = rpc_streams.uuid.UUID("12345778-1234-abcd-ef00-0123456789ac")
    for bound in (True, False):
        stream = rpc_streams.Stream(capture, port=49152 + bound, client_port=50100 + bound)
        if bound:
            stream.bound(samr)
        for opnum, stub in ((1, bytes(4) + b"\x01" * 16), (0, b"\x02" * 24), (11, b"\x03" * 60), (2, b"\x04" * 44)):
            stream.up(pdus.request(opnum + 2, opnum, stub))
            stream.down(pdus.response(opnum + 2, bytes(20) + struct.pack("<I", 0)))
    return capture.write("owned.pcap")


CAPTURES = {"generated": generated, "owned ports and other interfaces": owned}
for example in sorted(EXAMPLES.glob("*.pcap")):
    CAPTURES[example.stem] = lambda example=example: tools.readable(example)


def shown(capture: pathlib.Path, two_pass: bool, plugin: bool) -> str:
    args = [*(["-2"] if two_pass else []), "-n", "-V", "-r", str(capture)]
    # A file that is cut short, which tshark says in the end, is one of the examples.
    if not plugin:
        return tools.run(["WIRESHARK_PLUGIN_DIR=/nonexistent", "tshark", *args], check=False, program="env").stdout
    return tools.run(args, check=False).stdout


@pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])
@pytest.mark.parametrize("name", CAPTURES)
def test_foreign_traffic_looks_as_without_the_plugin(tshark, name: str, two_pass: bool):
    capture = CAPTURES[name]()
    with_it, without = shown(capture, two_pass, True), shown(capture, two_pass, False)
    assert without.count("\n") > 50
    assert with_it == without


def test_exchange_does_not_look_as_without_the_plugin(tshark):
    """The comparison above sees a difference where there is one."""
    capture = tools.readable(tools.REPOSITORY / "test-captures" / "gromox-mapihttp-errors.pcapng")
    assert shown(capture, False, True) != shown(capture, False, False)
