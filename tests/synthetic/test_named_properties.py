# SPDX-License-Identifier: GPL-2.0-or-later
"""Named properties are shown by their canonical names ([MS-OXPROPS] 2) wherever their id stands, on every line of theirs."""

import re
import struct

import carrier
import fasttransfer
import pytest
import values
from fasttransfer import CONTEXT, sized, u32, z16

HANDLE = 0x11
COMMON, APPOINTMENT = values.SETS["PSETID_Common"].bytes_le, values.SETS["PSETID_Appointment"].bytes_le
REMINDER_SET = "PidLidReminderSet (PSETID_Common 0x8503)"
BUSY_STATUS = "PidLidBusyStatus (PSETID_Appointment 0x8205)"
FOREIGN = bytes(range(16))
FOREIGN_NAME = "03020100-0504-0706-0809-0a0b0c0d0e0f 0x8503"


def lines(tshark, capture, name, frame):
    return [line.strip() for line in tshark.text(capture.write(name), f"frame.number == {frame}").splitlines()]


def named_tags(shown):
    """The names behind tags of named properties."""
    found = [re.fullmatch(r"\[?[\w.]+: 0x[89a-f][0-9a-f]{7} \((.*) \(\w+\)\)\]?", line) for line in shown]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("name, shown", [
    (b"\0" + COMMON + u32(0x8503), REMINDER_SET), (b"\0" + APPOINTMENT + u32(0x8205), BUSY_STATUS),
    (b"\0" + FOREIGN + u32(0x8503), FOREIGN_NAME), (b"\0" + COMMON + u32(0x12345), "PSETID_Common 0x12345"),
    (b"\1" + COMMON + b"\x08" + "abc\0".encode("utf-16-le"), "PSETID_Common abc")],
    ids=["reminder", "busy", "foreign set", "LID without name", "string"])
def test_property_of_a_row_is_named(tshark, name, shown):
    capture = carrier.Capture()
    capture.exchange("Execute", carrier.execute(struct.pack("<BBBBH", 0x56, 0, 0, 2, 1) + name, [HANDLE]),
                     carrier.executed(struct.pack("<BBIHH", 0x56, 0, 0, 1, 0x8001), [HANDLE]))
    request = struct.pack("<BBBHHHI", 0x07, 0, 0, 0, 1, 1, 0x80010003)
    frame = capture.exchange("Execute", carrier.execute(request, [HANDLE]),
                             carrier.executed(struct.pack("<BBIBI", 0x07, 0, 0, 0, 2), [HANDLE]))
    tree = lines(tshark, capture, "named.pcap", frame + 1)
    assert f"{shown}: 2" in tree
    assert named_tags(tree) == [shown]
    assert named_tags(lines(tshark, capture, "named.pcap", frame)) == [shown]


def test_lid_of_a_property_name_is_named(tshark):
    capture = carrier.Capture()
    frame = capture.exchange("Execute", carrier.execute(struct.pack("<BBBBH", 0x56, 0, 0, 2, 1) + b"\0" + COMMON + u32(0x8503), [HANDLE]),
                             carrier.executed(struct.pack("<BBIHH", 0x56, 0, 0, 1, 0x8001), [HANDLE]))
    tree = lines(tshark, capture, "lid.pcap", frame)
    assert "LID: 0x00008503 (PidLidReminderSet)" in tree
    assert "PropertyNames: PSETID_Common 0x8503 (PidLidReminderSet)" in tree


def test_property_of_a_stream_is_named_as_the_stream_says(tshark):
    """Also in later pieces of a value, and whatever the session called the id."""
    capture = carrier.Capture()
    capture.exchange("Execute", carrier.execute(struct.pack("<BBBBH", 0x56, 0, 0, 2, 1) + b"\0" + APPOINTMENT + u32(0x8205), [HANDLE]),
                     carrier.executed(struct.pack("<BBIHH", 0x56, 0, 0, 1, 0x8503), [HANDLE]))
    fasttransfer.open_source(capture)
    stream = u32(0x8503000B) + COMMON + b"\0" + u32(0x8503) + b"\1\0" + \
        u32(0x8504001F) + COMMON + b"\1" + z16("Keywords") + sized(z16("x" * 20000))
    first = fasttransfer.get_buffer(capture, stream[:9000], CONTEXT)
    second = fasttransfer.get_buffer(capture, stream[9000:], CONTEXT)
    tree = lines(tshark, capture, "stream.pcap", first)
    assert f"{REMINDER_SET}: True" in tree
    assert "Dispid: 0x00008503 (PidLidReminderSet)" in tree
    assert named_tags(tree) == [REMINDER_SET, *["PSETID_Common Keywords"] * 2]       # its header, and its first part
    later = lines(tshark, capture, "stream.pcap", second)
    assert named_tags(later) == ["PSETID_Common Keywords"]
    assert any(line.startswith("PSETID_Common Keywords: bytes ") for line in later)


def test_property_of_a_rule_is_named_as_the_rule_says(tshark):
    """The ids of an extended rule mean what its NamedPropertyInformation says, and nothing of the session."""
    capture = carrier.Capture()
    capture.exchange("Execute", carrier.execute(struct.pack("<BBBBH", 0x56, 0, 0, 2, 2) + (b"\0" + APPOINTMENT + u32(0x8205)) * 2, [HANDLE]),
                     carrier.executed(struct.pack("<BBIHHH", 0x56, 0, 0, 2, 0x8001, 0x8002), [HANDLE]))
    rule = struct.pack("<HHI", 1, 0x8001, 21) + b"\0" + COMMON + u32(0x8503)
    rule += b"\0" + u32(2) + b"\x08" + u32(0x8001000B) + b"\x08" + u32(0x8002000B)
    tagged = struct.pack("<IH", 0x0E9A0102, len(rule)) + rule
    request = struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(tagged), 1) + tagged
    frame = capture.exchange("Execute", carrier.execute(request, [HANDLE]),
                             carrier.executed(struct.pack("<BBIH", 0x0A, 0, 0, 0), [HANDLE]))
    assert named_tags(lines(tshark, capture, "rule.pcap", frame)) == [REMINDER_SET, "Named property 0x8002"]


@pytest.mark.parametrize("restriction", [
    b"\x08" + u32(0x001A001F), b"\x07\0" + u32(0x001A001F, ) + u32(1), b"\x06\0" + u32(0x001A001F) + u32(1),
    b"\x05\0" + u32(0x0037001F) + u32(0x001A001F), b"\x02\x08" + u32(0x001A001F)], ids=["exist", "size", "bitmask", "compare", "not"])
def test_filter_for_a_tag_finds_restrictions(tshark, restriction):
    capture = carrier.Capture()
    request = struct.pack("<BBBBH", 0x14, 0, 0, 0, len(restriction)) + restriction
    frame = capture.exchange("Execute", carrier.execute(request, [HANDLE]), carrier.executed(b"\x14\0" + bytes(5), [HANDLE]))
    path = capture.write("filter.pcap")
    assert [row["frame"] for row in tshark.fields(path, ["rop.id"], "rop.property.tag == 0x001a001f")] == [frame]
    assert tshark.fields(path, ["rop.id"], "rop.property.tag == 0x3001001f") == []


@pytest.mark.parametrize("request_rops, response_rops, in_response", [
    (struct.pack("<BBBBHHHIB", 0x13, 0, 0, 0, 1, 0, 0, 0x001A001F, 1), b"\x13\0" + bytes(5), 0),
    (struct.pack("<BBBBHI", 0x12, 0, 0, 0, 1, 0x001A001F), b"\x12\0" + bytes(5), 0),
    (struct.pack("<BBBHI", 0x0B, 0, 0, 1, 0x0037001F), struct.pack("<BBIHHII", 0x0B, 0, 0, 1, 0, 0x001A001F, 0x80070005), 1)],
    ids=["sort order", "columns", "problem"])
def test_filter_for_a_tag_finds_it_in_rops(tshark, request_rops, response_rops, in_response):
    capture = carrier.Capture()
    frame = capture.exchange("Execute", carrier.execute(request_rops, [HANDLE]), carrier.executed(response_rops, [HANDLE]))
    path = capture.write("tags.pcap")
    assert [row["frame"] for row in tshark.fields(path, ["rop.id"], "rop.property.tag == 0x001a001f")] == [frame + in_response]
