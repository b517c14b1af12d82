# SPDX-License-Identifier: GPL-2.0-or-later
"""The ground truth itself: is it read as its writers meant it?  No tshark here."""

import collections
import re

import pytest

import truth
import truth_sessions


@pytest.mark.parametrize("name", truth.CAPTURES)
def test_every_capture_is_readable(name):
    capture = truth.load(name)
    assert capture.path.stat().st_size > 0
    assert capture.calls
    for call in capture.calls:
        assert call.resp_frame is None or call.resp_frame > call.req_frame


# Counts of the captures' own descriptions: RopNotify, RopPending.
COUNTS = {
    "gromox-mapihttp-notify": (366, 3),         # "369 notification ROPs"
    "gromox-mapihttp-wait-timeout": (2, 0),
    "gromox-mapihttp-errors": (0, 0),
    "hermex-1-mapihttp": (62, 0),
    "hermex-2-mapihttp-tls": (62, 0),
    "outlook2007": (0, 0),
}


@pytest.mark.parametrize("name", COUNTS)
def test_number_of_notifications(name):
    notifications = truth.load(name).notifications()
    ids = collections.Counter(response.rop_id for _, response in notifications)
    assert (ids[0x2A], ids[0x6E]) == COUNTS[name]


def test_many_notifications_in_one_response():
    """hermex-4-buffers: 1,260 RopNotify and a RopPending in one response."""
    per_frame = collections.Counter(
        call.resp_frame for call, r in truth.load("hermex-4-buffers").notifications() if r.is_notify)
    pending = [call.resp_frame for call, r in truth.load("hermex-4-buffers").notifications()
               if not r.is_notify]
    assert [per_frame[frame] for frame in pending] == [1260]


@pytest.mark.parametrize("name", [n for n in truth.CAPTURES if n.startswith("gromox") and
                                  n != "gromox-mapihttp-errors"])
def test_kinds_of_notifications(name):
    """The table of NotificationFlags and events in the description agrees with the records."""
    events = {1: "TableChanged", 3: "RowAdded", 4: "RowDeleted", 5: "RowModified"}
    types = {0x02: "NewMail", 0x04: "ObjectCreated", 0x08: "ObjectDeleted", 0x10: "ObjectModified",
             0x20: "ObjectMoved", 0x40: "ObjectCopied", 0x80: "SearchComplete"}
    described = collections.Counter()
    path = truth.capture_dir() / (name + ".md")
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| (0x[0-9a-f]{4} \w+|RopPending) *\| (\d+) \|", line)
        if match:
            described[match[1]] = int(match[2])
    read = collections.Counter()
    for _, r in truth.load(name).notifications():
        if not r.is_notify:
            read["RopPending"] += 1
            continue
        flags = r.fields["NotificationFlags"]
        kind = events.get(r.fields.get("TableEventType")) or types[flags & 0x0FFF]
        read[f"0x{flags:04x} {kind}"] += 1
    assert described and read == described


@pytest.mark.parametrize("name", [n for n in truth.CAPTURES if n != "outlook2007"])
def test_every_notification_has_its_subscription(name):
    """In these captures each subscription and table was opened in front of its
    notifications, so the truth can say where."""
    made = truth_sessions.subscriptions(truth.load(name).calls)
    assert all(frame is not None for frames in made.values() for frame in frames)
    assert sum(map(len, made.values())) == sum(
        r.is_notify for _, r in truth.load(name).notifications())


@pytest.mark.parametrize("name", [n for n in truth.CAPTURES if n != "outlook2007"])
def test_rows_encode_to_their_bytes(name):
    """The decoded rows of the truth, written again by [MS-OXCDATA] 2.8.1, are the bytes that were
    on the wire: so they are decoded right, columns in their order."""
    for _, r in truth.load(name).notifications():
        for row in r.rows:
            assert truth.encode_row(row, bool(r.row_data[0])) == r.row_data
            assert len(r.row_data) == r.fields["TableRowDataSize"]


def test_identifiers():
    """Both writers' forms of one identifier mean the same eight bytes:
    ReplId 1, GlobalCounter 0x00000000000d, read little-endian."""
    assert truth._hermex_id("0001-00000000000d") == 0x0D00000000000001
    notifications = truth.load("gromox-mapihttp-notify").notifications()
    assert notifications[0][1].fields["FolderId"] == 0x0D00000000000001


# Requests whose ROP buffer, or the envelope around it, is broken or unusual on purpose, so that
# what a reader makes of it is not a fact of the capture.  (Frame of the request; the reasons are
# the captures' own notes.)  A request that is not in this list must be readable whole.
ODD_REQUESTS = {
    "gromox-mapihttp-errors": {
        75: "RopBufferSize larger than the body",
        123: "NotificationTypes 0x07FF without the Reserved byte that it asks for",
        133: "reserved RopId 0x28", 135: "RopId 0xA0", 137: "RopId 0x9A", 139: "RopId 0x83",
        141: "RopId 0x00", 143: "RopUpdateDeferredActionMessages truncated",
        145: "RopId 0xA3 without its fields behind a good ROP",
        147: "no Last flag", 149: "Version 1", 151: "Size larger than the data", 153: "Size 0",
        155: "RopSize larger than the payload", 157: "RopSize 0", 159: "RopSize 1",
        161: "Compressed flag on data which is not compressed", 163: "two payloads",
        165: "8 bytes of zero", 167: "RopBufferSize 4",
    },
    "gromox-rpch-notify": {324: "unknown opnum 99", 328: "truncated stub"},
    "hermex-3-rpchttp": {322: "unknown RopId 0xEF", 334: "no Last flag"},
    "hermex-4-errors": {
        111: "unknown RopId 0xEF", 116: "unknown RopId 0xEF in front of another ROP",
        151: "truncated ROP (2 bytes)", 156: "truncated RopRegisterNotification",
        186: "two payloads", 189: "no Last flag", 192: "Size larger than the buffer",
        195: "SizeActual larger than Size without compression",
        198: "Compressed flag on data that is not LZ77", 201: "Version 1",
        205: "handle table not a multiple of 4", 208: "RopSize beyond the payload",
        211: "3-byte ROP buffer", 214: "bytes after the last payload",
        218: "RopBufferSize larger than the body", 253: "no body", 256: "no body", 265: "GET",
        268: "another path", 271: "no body",
    },
}


@pytest.mark.parametrize("name", truth.CAPTURES)
def test_odd_requests_are_the_known_ones(name):
    odd = {call.req_frame for call in truth.load(name).calls if call.malformed}
    assert odd == set(ODD_REQUESTS.get(name, ()))
