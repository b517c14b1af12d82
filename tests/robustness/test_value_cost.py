# SPDX-License-Identifier: GPL-2.0-or-later
"""Values of properties that say more than they have: work and memory are bounded by the bytes that came."""

import struct

import carrier
import fasttransfer
import pytest
import test_robust_bounds as bounds
import tshark as tools
from mapihttp import ext, u32
from test_robust_bounds import nothing      # noqa: F401 (a fixture)

CONTACT = bytes.fromhex("00000000 FE42AA0A18C71A10E8850B651C240000 03000000 04000000 00000000")
WRAPPED = bytes.fromhex("00000000 C091ADD3519DCF11A4A900AA0047FAA4 C3")
MOST = 60000
LONG_NAME = ("x" * 120).encode("utf-16-le") + b"\0\0"


def properties(*tagged):
    """RopSetProperties with these values."""
    data = b"".join(tagged)
    return ext(bounds.rop_buffer(struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(data), len(tagged)) + data, 1))


def binary(tag, value):
    return struct.pack("<IH", tag, len(value)) + value


def nested(head, times):
    """EntryIDs in each other; those of contacts say how long the inner one is."""
    value = bytes(46)
    for _ in range(times):
        value = head + (u32(len(value)) if head is CONTACT else b"") + value
    return value


def rule(count, used):
    """A condition with that many names of a property, of which one is used again and again."""
    names = (b"\1" + bytes(15) + b"\1" + bytes([len(LONG_NAME)]) + LONG_NAME) * count
    head = struct.pack("<H", count) + struct.pack("<H", 0x8000) * count + u32(len(names)) + names
    return head + b"\0" + u32(used) + (b"\x08" + u32(0x8000001F)) * used


VALUES = {
    "pushes and pops": (binary(0x67E50102, b"\1\0" + b"\1\0\x50" * (MOST // 3)), "rop.too_much"),
    "bitmasks": (binary(0x67E50102, b"\1\0\5" + bytes(5) + b"\x42\0\xAA" * (MOST // 3)), "rop.too_much"),
    "whole GLOBCNTs": (binary(0x67E50102, b"\1\0" + (b"\6" + bytes(6)) * (MOST // 7)), None),
    "replicas without ids": (binary(0x67E50102, b"\1\0\0" * (MOST // 3)), None),
    "list of empty EntryIDs": (binary(0x004F0102, u32(MOST // 4, MOST // 4 * 4) + bytes(MOST // 4 * 4)), None),
    "list of headers": (binary(0x004F0102, u32(MOST // 24, MOST // 24 * 24) + (u32(20) + bytes(20)) * (MOST // 24)), None),
    "contacts 1,000 deep": (binary(0x0FFF0102, nested(CONTACT, 1000)), "rop.too_deep"),
    "wrapped 1,000 deep": (binary(0x0FFF0102, nested(WRAPPED, 1000)), "rop.too_deep"),
    "names of a rule": (binary(0x0E9A0102, rule(200, 1000)), None),
    "one long name used 10,000 times": (binary(0x0E9A0102, rule(1, 10000)), None),
}


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_value_costs_what_its_bytes_cost(nothing, what, passes):     # noqa: F811
    value, expert = VALUES[what]
    path = bounds.fetch((properties(value), bounds.NONE))
    cost = bounds.run(path, *passes, "-V")
    bounds.check_seconds(cost, nothing)
    bounds.check_memory(cost, nothing)
    if expert:
        assert tools.fields(path, ["rop.id"], expert, two_pass=bool(passes)), f"{expert} is not shown"


def test_many_rules_without_names(nothing):                          # noqa: F811
    path = bounds.fetch((properties(*[binary(0x0E9A0102, bytes(2))] * 7000), bounds.NONE))
    cost = bounds.run(path, "-V")
    bounds.check_seconds(cost, nothing)
    bounds.check_memory(cost, nothing)


def uploads(n):
    """States that come byte by byte, and go on beyond the size that was announced."""
    capture = carrier.Capture()
    opened = struct.pack("<BBBBB", 0x7E, 0, 0, 1, 1)
    capture.exchange("Execute", carrier.execute(opened, [1, 0xFFFFFFFF]), carrier.executed(struct.pack("<BBI", 0x7E, 1, 0), [1, 2]))
    begin = struct.pack("<BBBII", 0x75, 0, 0, 0x67960102, 500)
    one = struct.pack("<BBBIB", 0x76, 0, 0, 1, 0)
    for _ in range(n):
        capture.exchange("Execute", carrier.execute(begin + one * 1000, [2]), carrier.executed(b"", [2]))
    return capture.write("uploads.pcap")


def names(n):
    """A stream with the same named property again and again, in many pieces."""
    capture = carrier.Capture()
    fasttransfer.open_source(capture)
    value = u32(0x85040003) + bytes(16) + b"\1" + LONG_NAME + u32(1)
    for _ in range(n):
        fasttransfer.get_buffer(capture, value * 100)
    return capture.write("names.pcap")


def cut_sets(n):
    """IDSETs that are carried over from piece to piece and never end."""
    capture = carrier.Capture()
    for number in range(n):
        fasttransfer.open_source(capture, handle=number + 100)
        fasttransfer.get_buffer(capture, u32(0x67960102, 65000) + bytes(8000), handle=number + 100)
        for _ in range(5):
            fasttransfer.get_buffer(capture, bytes(8000), handle=number + 100)
    return capture.write("sets.pcap")


GROWING = {
    "state uploaded byte by byte": (uploads, 5, 50),
    "named properties of a stream": (names, 10, 100),
    "sets that are cut": (cut_sets, 10, 100),
}


@pytest.mark.parametrize("what", GROWING)
@pytest.mark.parametrize("passes", [(), ("-2",)], ids=["one pass", "two passes"])
def test_cost_is_linear(nothing, what, passes, monkeypatch):         # noqa: F811
    monkeypatch.setitem(bounds.GROWING, what, GROWING[what])
    bounds.test_cost_is_linear(nothing, what, passes)
