# SPDX-License-Identifier: GPL-2.0-or-later
"""Values that end early: each beginning of each structure has an expert item, and what stands behind it is read."""

import random
import struct

import carrier
import fasttransfer
import pytest
import values

HANDLE = 0x11
EXPERTS = ["rop.malformed", "rop.truncated", "rop.not_terminated"]
BUGS = ["_ws.malformed", "rop.too_much"]
SUBJECT = "behind it"
AFTER = struct.pack("<I", 0x0037001F) + values.Value().z16("", SUBJECT).data
PROGRESS, GROUPS = struct.pack("<II", 0x4074000B, 0x102), struct.pack("<II", 0x407B0102, 0x102)

# tag -> what makes values of it, and in how many samples
PROPERTIES = [
    *((0x0FFF0102, make) for make in values.ENTRY_IDS), (0x004F0102, values.entry_list),
    (0x67960102, lambda rng: values.idset(rng, 0, 1 << 40, True)), (0x67E50102, lambda rng: values.idset(rng, 0, 1 << 40, False)),
    (0x0E990102, values.extended_actions), (0x0E9A0102, values.extended_condition)]
NAMES = [*(make.__name__ for make in values.ENTRY_IDS), "entry_list", "REPLGUID", "REPLID", "rule_actions", "rule_condition"]
SAMPLES = 4


def beginnings(make, seed):
    """(bytes that end early, are they whole nevertheless)"""
    rng = random.Random(seed)
    for _ in range(SAMPLES):
        value = make(rng)
        for size in range(1, len(value.data)):
            yield value.data[:size], size in value.ends


@pytest.mark.parametrize("tag, make", PROPERTIES, ids=NAMES)
def test_property_that_ends_early(tshark, tag, make):
    capture, wanted = carrier.Capture(), {}
    for data, whole in beginnings(make, tag):
        tagged = struct.pack("<IH", tag, len(data)) + data + AFTER
        request = struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(tagged), 2) + tagged
        frame = capture.exchange("Execute", carrier.execute(request, [HANDLE]),
                                 carrier.executed(struct.pack("<BBIH", 0x0A, 0, 0, 0), [HANDLE]))
        wanted[frame] = (data, whole)
    check(tshark, capture, f"early-{tag:x}-{len(wanted)}.pcap", wanted)


@pytest.mark.parametrize("prefix, make", [(PROGRESS, values.progress), (GROUPS, values.group_info),
                                          (struct.pack("<I", 0x40110102), values.replica_info)],
                         ids=["progress", "group_info", "replica_info"])
def test_stream_value_that_ends_early(tshark, prefix, make):
    capture, wanted = carrier.Capture(), {}
    for data, whole in beginnings(make, 1):
        fasttransfer.open_source(capture)
        piece = prefix + fasttransfer.sized(data) + struct.pack("<I", 0x0037001F) + fasttransfer.sized(AFTER[4:])
        wanted[fasttransfer.get_buffer(capture, piece)] = (data, whole)
    check(tshark, capture, f"early-{make.__name__}.pcap", wanted)


def check(tshark, capture, name, wanted):
    rows = {row["frame"]: row for row in tshark.fields(capture.write(name), ["rop.property.value.string", *EXPERTS, *BUGS])}
    for frame, (data, whole) in wanted.items():
        row = rows[frame]
        assert row["rop.property.value.string"] == [SUBJECT], data.hex()
        assert any(row[expert] for expert in EXPERTS) != whole, (data.hex(), whole)
        # Expert items of the group Malformed leave the field's own name.
        assert set(row["_ws.malformed"]) <= {"_ws.malformed"} and not row["rop.too_much"], data.hex()
