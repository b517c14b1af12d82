# SPDX-License-Identifier: GPL-2.0-or-later
"""FastTransfer streams ([MS-OXCFXICS] 2.2.4): cut into buffers anywhere, they show what they hold as if they came in
one piece, on every visit; what cannot be known is said."""

import random
import struct

import carrier
import pytest
from fasttransfer import (CLIENT_FOLDER, CONTEXT, ENDS, INCR_SYNC_CHG, INCR_SYNC_END, INCR_SYNC_MESSAGE, LARGE,
                          MARKERS, START_MESSAGE, STATE_BEGIN, STATE_END, STREAM, get_buffer, open_source, put_buffer,
                          u32)

EXPECTED = {
    "rop.fast_transfer.marker": MARKERS,
    "rop.fast_transfer.end_marker": ENDS,
    "rop.property.value.string": ["Top", "first message", "named", "Uni"],
    "rop.property.value.string8": ["Müller"],
    "rop.property.value.boolean": [1, 1],
    "rop.property.value.integer32": [1, 2, 3, 7, *range(3000)],
    "rop.property.name": ["Keywords"],
    "rop.property.dispid": [0x8503, 0x8505, 0x8506],
}
TROUBLE = ["rop.malformed", "rop.truncated", "rop.fast_transfer.lost", "rop.fast_transfer.start_unknown", "_ws.malformed"]


def cut(stream, sizes):
    pieces = []
    while stream:
        size = next(sizes)
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


def sizes_up_to(most, seed):
    rng = random.Random(seed)
    while True:
        yield rng.randint(1, most)


def number_or_text(text):
    text = {"True": "1", "False": "0"}.get(text, text)
    try:
        return int(text, 0)
    except ValueError:
        return text


def facts(rows, frames):
    return {name: [number_or_text(value) for row in rows if row["frame"] in frames for value in row[name]]
            for name in EXPECTED}


def trouble(rows, frames):
    return {name for row in rows if row["frame"] in frames for name in TROUBLE if row[name]}


@pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])
@pytest.mark.parametrize("most", [60, 700, 9000, 30000])
def test_cut_anywhere(tshark, most, two_pass):
    capture = carrier.Capture()
    open_source(capture)
    frames = [get_buffer(capture, piece) for piece in cut(STREAM, sizes_up_to(most, most))]
    rows = tshark.fields(capture.write(f"cut-{most}.pcap"), [*EXPECTED, *TROUBLE], two_pass=two_pass)
    assert facts(rows, frames) == EXPECTED
    assert trouble(rows, frames) == set()


def test_visited_in_any_order(tshark):
    capture = carrier.Capture()
    open_source(capture)
    frames = [get_buffer(capture, piece) for piece in cut(STREAM, sizes_up_to(700, 2))]
    path = capture.write("order.pcap")
    with tshark.Sharkd(path) as sharkd:
        in_order = {frame: sharkd.frame(frame)["tree"] for frame in frames}
        random.Random(3).shuffle(frames)
        for frame in frames:
            assert sharkd.frame(frame)["tree"] == in_order[frame]
    assert "StartMessage, begun in frame" in str(in_order)


def test_large_value_in_parts(tshark):
    capture = carrier.Capture()
    open_source(capture)
    for piece in cut(STREAM, sizes_up_to(3000, 1)):
        get_buffer(capture, piece)
    rows = tshark.fields(capture.write("parts.pcap"), ["rop.fast_transfer.value_part", "rop.fast_transfer.value_offset",
                                                        "rop.fast_transfer.value_size"])
    parts = [(int(offset), bytes.fromhex(part)) for row in rows
             for part, offset in zip(row["rop.fast_transfer.value_part"], row["rop.fast_transfer.value_offset"])]
    assert b"".join(part for _, part in parts) == LARGE
    assert [offset for offset, _ in parts] == [sum(len(p) for _, p in parts[:i]) for i in range(len(parts))]
    assert {size for row in rows for size in row["rop.fast_transfer.value_size"]} == {str(len(LARGE))}


def test_put_buffer_and_get_buffer_side_by_side(tshark):
    """Two streams, one in each direction, piece by piece in turn."""
    capture = carrier.Capture()
    open_source(capture, CONTEXT)
    request = struct.pack("<BBBBBB", 0x53, 0, 0, 1, 1, 0)      # RopFastTransferDestinationConfigure (2.2.12.1)
    capture.exchange("Execute", carrier.execute(request, [CLIENT_FOLDER, 0xFFFFFFFF]),
                     carrier.executed(struct.pack("<BBI", 0x53, 1, 0), [CLIENT_FOLDER, CONTEXT + 1]))
    down, up = [], []
    for left, right in zip(cut(STREAM, iter([997] * 1000)), cut(STREAM, iter([997] * 1000))):
        down.append(get_buffer(capture, left, CONTEXT))
        up.append(put_buffer(capture, right, CONTEXT + 1))
    rows = tshark.fields(capture.write("both.pcap"), [*EXPECTED, *TROUBLE])
    for frames in (down, up):
        assert facts(rows, frames) == EXPECTED
        assert trouble(rows, frames) == set()


def test_same_handle_again_is_a_new_stream(tshark):
    capture = carrier.Capture()
    for _ in range(2):
        open_source(capture)
        last = get_buffer(capture, STREAM[:100])
    rows = tshark.fields(capture.write("again.pcap"), ["rop.property.value.string", *TROUBLE])
    assert rows[last - 1]["rop.property.value.string"] == ["Top", "first message"]
    assert trouble(rows, [last]) == set()


def test_start_not_captured(tshark):
    capture = carrier.Capture()
    frame = get_buffer(capture, STREAM[:100])
    rows = tshark.fields(capture.write("late.pcap"), ["rop.fast_transfer.data", *TROUBLE])
    assert trouble(rows, [frame]) == {"rop.fast_transfer.start_unknown"}
    assert rows[frame - 1]["rop.fast_transfer.data"] == [STREAM[:100].hex()]


def test_lost(tshark):
    """A property of no known type has no known end: the rest is bytes, in this buffer and the next."""
    bad = u32(START_MESSAGE) + u32(0x12340099) + STREAM
    capture = carrier.Capture()
    open_source(capture)
    first, second = get_buffer(capture, bad), get_buffer(capture, STREAM[:50])
    rows = tshark.fields(capture.write("lost.pcap"), ["rop.fast_transfer.marker", "rop.fast_transfer.data", *TROUBLE])
    assert trouble(rows, [first]) == trouble(rows, [second]) == {"rop.fast_transfer.lost"}
    assert rows[first - 1]["rop.fast_transfer.marker"] == [f"0x{START_MESSAGE:08x}"]
    assert rows[first - 1]["rop.fast_transfer.data"] == [bad[4:].hex()]
    assert rows[second - 1]["rop.fast_transfer.data"] == [STREAM[:50].hex()]


def test_sections_stand_side_by_side(tshark):
    """IncrSyncChg and IncrSyncMessage have no end of their own; each lasts until the next ([MS-OXCFXICS] 2.2.4.4)."""
    stream = b"".join([u32(INCR_SYNC_CHG), u32(0x67A40014), struct.pack("<Q", 0x0100000000000001), u32(INCR_SYNC_MESSAGE),
                       u32(0x0E070003), u32(1), u32(INCR_SYNC_CHG), u32(0x0E070003), u32(2), u32(STATE_BEGIN), u32(STATE_END),
                       u32(INCR_SYNC_END)])
    capture = carrier.Capture()
    open_source(capture)
    frame = get_buffer(capture, stream)
    packet = tshark.pdml(capture.write("sections.pcap"))[frame - 1]
    top = next(f for f in packet.iter("field") if f.get("name") == "rop.fast_transfer_source_get_buffer.transfer_buffer")
    names = [(int(f.get("show"), 0), [c.get("name") for c in f]) for f in top if f.get("name", "").startswith("rop.fast_transfer")]
    assert names == [(INCR_SYNC_CHG, ["rop.property"]), (INCR_SYNC_MESSAGE, ["rop.property"]), (INCR_SYNC_CHG, ["rop.property"]),
                     (STATE_BEGIN, ["rop.fast_transfer.end_marker"]), (INCR_SYNC_END, [])]
