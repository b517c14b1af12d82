# SPDX-License-Identifier: GPL-2.0-or-later
"""Random values of every structure, written by an encoder of their own, are shown as what they mean."""

import collections
import random
import struct

import carrier
import fasttransfer
import pytest
import values

EACH = 10_000           # values of each type
PER_FRAME = 100
HANDLE = 0x11
ERRORS = ["rop.malformed", "rop.truncated", "rop.not_terminated", "rop.too_much", "rop.undecoded", "rop.entry_id.offset",
          "rop.entry_id.trailing", "rop.entry_id.data", "_ws.malformed"]
ENTRY_ID, REPLY_RECIPIENT_ENTRIES, CNSET_SEEN, IDSET_DELETED = 0x0FFF0102, 0x004F0102, 0x67960102, 0x67E50102
RULE_ACTIONS, RULE_CONDITION = 0x0E990102, 0x0E9A0102
PROGRESS_MODE, GROUP_INFO, NEW_FX_FOLDER = 0x4074000B, 0x407B0102, 0x40110102


def plain(text):
    text = {"True": "1", "False": "0"}.get(text, text)
    try:
        return int(text, 0)
    except ValueError:
        return text


def set_properties(capture, tag, data):
    """RopSetProperties ([MS-OXCROPS] 2.2.8.6) with all the values; the frame."""
    tagged = b"".join(struct.pack("<IH", tag, len(value)) + value for value in data)
    request = struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(tagged), len(data)) + tagged
    return capture.exchange("Execute", carrier.execute(request, [HANDLE]),
                            carrier.executed(struct.pack("<BBIH", 0x0A, 0, 0, 0), [HANDLE]))


def get_property_ids(capture, data):
    """RopGetPropertyIdsFromNames ([MS-OXCROPS] 2.2.8.1); the frame."""
    request = struct.pack("<BBBBH", 0x56, 0, 0, 2, len(data)) + b"".join(data)
    response = struct.pack("<BBIH", 0x56, 0, 0, len(data)) + b"".join(struct.pack("<H", 0x8001 + i) for i in range(len(data)))
    return capture.exchange("Execute", carrier.execute(request, [HANDLE]), carrier.executed(response, [HANDLE]))


def streamed(capture, prefix, data):
    """All in one piece of a FastTransfer stream of its own; the frame."""
    fasttransfer.open_source(capture)
    return fasttransfer.get_buffer(capture, b"".join(prefix + fasttransfer.sized(value) for value in data))


def shown(tshark, capture, name, fields):
    return {row["frame"]: row for row in tshark.fields(capture.write(name), [*fields, *ERRORS])}


def check(tshark, name, frames):
    """frames: frame -> values in it; every field of theirs has exactly their meanings, in order."""
    capture, wanted = frames
    fields = sorted({field for some in wanted.values() for value in some for field, _ in value.fields})
    rows = shown(tshark, capture, f"{name}.pcap", fields)
    for frame, some in wanted.items():
        expected = collections.defaultdict(list)
        for value in some:
            for field, meaning in value.fields:
                expected[field].append(meaning)
        for field in fields:
            assert [plain(text) for text in rows[frame][field]] == [plain(str(m)) for m in expected[field]], (frame, field)
        assert not [error for error in ERRORS if rows[frame][error]]


def batches(make, seed, each=EACH):
    rng = random.Random(seed)
    for _ in range(each // PER_FRAME):
        yield [make(rng) for _ in range(PER_FRAME)]


def carried(make, seed, carry):
    capture, wanted = carrier.Capture(), {}
    for some in batches(make, seed):
        wanted[carry(capture, [value.data for value in some])] = some
    return capture, wanted


@pytest.mark.parametrize("make", values.ENTRY_IDS, ids=lambda make: make.__name__)
def test_entry_ids(tshark, make):
    check(tshark, f"entry-id-{make.__name__}",
          carried(make, 1, lambda capture, data: set_properties(capture, ENTRY_ID, data)))


def test_flat_entry_lists(tshark):
    check(tshark, "flat-entry-list",
          carried(values.entry_list, 2, lambda capture, data: set_properties(capture, REPLY_RECIPIENT_ENTRIES, data)))


def test_property_names(tshark):
    check(tshark, "property-name", carried(values.property_name, 3, get_property_ids))


@pytest.mark.parametrize("make, tag", [(values.extended_condition, RULE_CONDITION), (values.extended_actions, RULE_ACTIONS)],
                         ids=["condition", "actions"])
def test_extended_rules(tshark, make, tag):
    check(tshark, make.__name__, carried(make, 7, lambda capture, data: set_properties(capture, tag, data)))


@pytest.mark.parametrize("make, prefix", [
    (values.progress, struct.pack("<II", PROGRESS_MODE, 0x102)), (values.group_info, struct.pack("<II", GROUP_INFO, 0x102)),
    (values.replica_info, struct.pack("<I", NEW_FX_FOLDER))], ids=lambda p: getattr(p, "__name__", ""))
def test_structures_of_streams(tshark, make, prefix):
    check(tshark, f"stream-{make.__name__}", carried(make, 4, lambda capture, data: streamed(capture, prefix, data)))


# ---- sets: of each frame the union, since every set of it has a window of ids of its own ----

def window(n):
    return (n + 1) << 32, ((n + 2) << 32) - 10


def sets_are_equal(row, sets, replica):
    ranges = list(zip((int(low, 0) for low in row["rop.globset.low_value"]),
                      (int(high, 0) for high in row["rop.globset.high_value"])))
    assert values.merged(ranges) == values.merged([r for s in sets for r in s.ranges])
    assert [plain(text) for text in row[replica]] == [r for s in sets for r in s.replicas]
    assert not [error for error in ERRORS if row[error]]


@pytest.mark.parametrize("tag, replica", [(CNSET_SEEN, "rop.idset.replguid"), (IDSET_DELETED, "rop.idset.replid")],
                         ids=["REPLGUID", "REPLID"])
def test_idsets(tshark, tag, replica):
    rng = random.Random(5)
    capture, wanted = carrier.Capture(), {}
    for _ in range(EACH // PER_FRAME):
        sets = [values.idset(rng, *window(n), tag == CNSET_SEEN) for n in range(PER_FRAME)]
        wanted[set_properties(capture, tag, [s.data for s in sets])] = sets
    rows = shown(tshark, capture, f"idset-{tag:x}.pcap", [replica, "rop.globset.low_value", "rop.globset.high_value"])
    for frame, sets in wanted.items():
        sets_are_equal(rows[frame], sets, replica)


def test_uploaded_state_in_pieces(tshark):
    """The set is shown where its last bytes arrive, also if several states are uploaded to one object."""
    rng = random.Random(6)
    capture, wanted, parts = carrier.Capture(), {}, []
    opened = struct.pack("<BBBBB", 0x7E, 0, 0, 1, 1)            # RopSynchronizationOpenCollector (2.2.13.7)
    capture.exchange("Execute", carrier.execute(opened, [0x10, 0xFFFFFFFF]),
                     carrier.executed(struct.pack("<BBI", 0x7E, 1, 0), [0x10, HANDLE]))
    for n in range(200):
        state = values.idset(rng, *window(n), True)
        begin = struct.pack("<BBBII", 0x75, 0, 0, rng.choice([0x40170003, CNSET_SEEN, 0x67DA0102, 0x67D20102]), len(state.data))
        capture.exchange("Execute", carrier.execute(begin, [HANDLE]), carrier.executed(b"\x75\0\0\0\0\0", [HANDLE]))
        rest = state.data
        while rest:
            size = rng.choice([len(rest), rng.randint(1, len(rest))])
            request = struct.pack("<BBBI", 0x76, 0, 0, size) + rest[:size]
            frame = capture.exchange("Execute", carrier.execute(request, [HANDLE]), carrier.executed(b"\x76\0\0\0\0\0", [HANDLE]))
            rest = rest[size:]
            if rest:
                parts.append(frame)
        wanted[frame] = [state]
        capture.exchange("Execute", carrier.execute(b"\x77\0\0", [HANDLE]), carrier.executed(b"\x77\0\0\0\0\0", [HANDLE]))
    path = capture.write("upload.pcap")
    for two_pass in (False, True):
        rows = {row["frame"]: row for row in tshark.fields(path, [
            "rop.idset.replguid", "rop.globset.low_value", "rop.globset.high_value", *ERRORS], two_pass=two_pass)}
        for frame, sets in wanted.items():
            sets_are_equal(rows[frame], sets, "rop.idset.replguid")
        assert parts and not [frame for frame in parts if rows[frame]["rop.idset.replguid"]]


def test_range_of_all_ids_is_one_range(tshark):
    """2^48 ids are a range, and cost what a range costs."""
    capture = carrier.Capture()
    whole = b"\1\0" + b"\x52" + bytes(6) + b"\xff" * 6 + b"\0"
    frame = set_properties(capture, IDSET_DELETED, [whole] * 1000)
    row = shown(tshark, capture, "idset-whole.pcap", ["rop.globset.low_value", "rop.globset.high_value"])[frame]
    assert [int(low, 0) for low in row["rop.globset.low_value"]] == [0] * 1000
    assert [int(high, 0) for high in row["rop.globset.high_value"]] == [(1 << 48) - 1] * 1000
