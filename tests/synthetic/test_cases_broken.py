# SPDX-License-Identifier: GPL-2.0-or-later
"""Each case of test-captures/*.cases cut short at every byte, and with bytes that are wrong: the tree stays truthful.

OXCNOTIF_LONG=1 makes every byte of every case wrong in several ways, instead of a sample in one."""

import os

import pytest

import carrier
import cases as reader
from test_cases_rops import Shown, leaves

CASES, BY_NAME = reader.read_all()
LONG = bool(os.environ.get("OXCNOTIF_LONG"))
# One of these says that bytes are missing, or wrong, or that what is missing was inferred.
SAID = ["rop.truncated", "rop.malformed", "rop.not_terminated", "rop.undecoded", "rop.chain_lost", "rop.id.undefined",
        "rop.deviation", "rop.store_unknown", "rop.too_deep", "mapihttp.body_truncated", "mapihttp.size_wrong",
        "mapihttp.trailing_data"]
# What is left of these is complete, too: in another form, or because the last field takes whatever comes. By bytes left.
WHOLE_AGAIN = {
    "RopBufferTooSmall": range(17, 22),                 # RequestBuffers are all bytes to the end (MS-OXCROPS 2.2.15.1)
    "RopTransportSend no properties, a count of none": (7,),            # without the count
    "RopNotify 0x0200 IcsNotification with change numbers": (35,),      # without change numbers
    "RopDeleteFolder fails and the server leaves PartialCompletion out": (7,),          # the next RopId is PartialCompletion
    "RopMoveCopyMessages fails and the server leaves PartialCompletion out": (7,),
    "RopWriteStream fails and the server leaves WrittenSize out": (8,),                 # ... WrittenSize
    "RopFastTransferDestinationPutBuffer fails and the server leaves its status out": (15,),    # ... TransferStatus to its end
    "RopGetValidAttachments count of 4 bytes": (16,),                   # with a count of 2 bytes
    "RopRegisterNotification with the Extended bit, of a message": (23,),       # as before 2015, without Reserved
    "RopRegisterNotification of 22 bytes": (7,),                        # of the whole store
    "RopRegisterNotification of 22 bytes and RopRelease": (7,),
    # No GUID where there is no name; some GUIDs begin like another ROP.
    "RopGetNamesFromPropertyIds": (66, 72),
    "RopGetNamesFromPropertyIds with a GUID that begins like a ROP": (9, 19),
    "RopQueryNamedProperties with a warning": (11, 17),
}
EXCEPTIONS = ("Malformed Packet (Exception occurred)", "Dissector bug", "Unreassembled", "Packet size limited")
BATCH = 4000        # exchanges a capture: ports must not repeat


def all_sides():
    for case in CASES:
        for number, call in enumerate(case.calls):
            for direction in (0, 1):
                yield case, number, direction, call[direction].data


def with_bytes(case, number, direction, data):
    """The calls of a case up to this one, in which one side has other bytes."""
    calls = reader.calls_of(case, BY_NAME)
    last = len(calls) - len(case.calls) + number
    pairs = [[q.data, a.data] for q, a in calls[:last + 1]]
    pairs[last][direction] = data
    return [reader.bodies(case, *pair) for pair in pairs]     # what is given is of the same kind


class Batches:
    """Captures with at most BATCH exchanges each; key -> frame in which its side stands."""

    def __init__(self, name):
        self.name, self.captures, self.frames = name, [], []
        self.serial = 0

    def add(self, key, calls, direction):
        if not self.captures or len(self.captures[-1].records) >= 2 * BATCH:
            self.captures.append(carrier.Capture())
            self.frames.append({})
        self.serial += 1
        for kind, request, response in calls:
            frame = self.captures[-1].exchange(kind, request, response, session=f"{self.name}{self.serial}")
        self.frames[-1][frame + direction] = key

    def paths(self):
        for number, (capture, frames) in enumerate(zip(self.captures, self.frames)):
            yield capture.write(f"{self.name}{number}.pcap"), frames


def test_every_truncation_is_said(tshark):
    batches, boundaries = Batches("cut"), {}
    for case, number, direction, data in all_sides():
        # A request without a body has nothing to dissect.
        for cut in range(0 if case.is_rop else 1, len(data) + 1):
            batches.add((case.name, number, direction, cut, len(data)),
                        with_bytes(case, number, direction, data[:cut]), direction)
    unsaid, failed, complete = set(), [], {}
    for path, frames in batches.paths():
        for row in tshark.fields(path, ["rop.id", "_ws.expert.message", *SAID]):
            key = frames.get(row["frame"])
            if key is None:
                continue
            if any(text.startswith(EXCEPTIONS) for text in row["_ws.expert.message"]):
                failed.append((key, row["_ws.expert.message"]))
            if not any(row[name] for name in SAID):
                unsaid.add(key)
    assert not failed
    # A list that ends behind one of its ROPs is a shorter list.
    for case, number, direction, data in all_sides():
        if case.is_rop:
            complete[case.name, number, direction] = set(ends_of_rops(tshark, case, number, direction, data, boundaries))
    whole = {(name, cut) for name, cuts in WHOLE_AGAIN.items() for cut in cuts}
    assert not [key for key in sorted(unsaid) if key[3] != key[4] and (key[0], key[3]) not in whole and
                key[3] not in complete.get(key[:3], ())]


def ends_of_rops(tshark, case, number, direction, data, cache):
    """Where the ROPs of the whole side begin: asked of tshark once for all cases."""
    if not cache:
        batches = Batches("whole")
        for key in all_sides():
            batches.add((key[0].name, key[1], key[2]), with_bytes(*key), key[2])
        for path, frames in batches.paths():
            for packet in tshark.pdml(path):
                frame = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "num"))
                if frame in frames:
                    shown = Shown(packet)
                    size = shown.fields.get("rop.size", [None])[0]
                    cache[frames[frame]] = [int(f.get("pos")) - int(size.get("pos")) - 2
                                            for f in shown.fields.get("rop.id", ())] if size is not None else []
    return cache[case.name, number, direction]


def wrong_bytes(data, serial):
    for index in range(len(data)):
        if LONG:
            for value in {data[index] ^ 0x01, data[index] ^ 0x80, data[index] ^ 0xFF, 0x00} - {data[index]}:
                yield data[:index] + bytes([value]) + data[index + 1:]
        elif (index + serial) % 5 == 0:
            yield data[:index] + bytes([data[index] ^ (0xFF, 0x01, 0x80)[(index // 5 + serial) % 3]]) + data[index + 1:]


def test_wrong_bytes_leave_a_truthful_tree(tshark):
    batches = Batches("wrong")
    for serial, (case, number, direction, data) in enumerate(all_sides()):
        for other in wrong_bytes(data, serial):
            batches.add((case.name, number, direction, other.hex()), with_bytes(case, number, direction, other), direction)
    failed, uncovered = [], []
    for path, frames in batches.paths():
        for packet in tshark.pdml(path):
            frame = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "num"))
            if frame not in frames:
                continue
            shown = Shown(packet)
            if shown.broken:
                failed.append((frames[frame], shown.broken))
            uncovered += [(frames[frame], left) for left in bytes_in_no_field(packet) if left]
    assert not failed
    assert not uncovered


def bytes_in_no_field(packet):
    for proto in packet.iter("proto"):
        if proto.get("name") == "rop":
            left = set(range(int(proto.get("pos")), int(proto.get("pos")) + int(proto.get("size"))))
            for pos, size in leaves(proto):
                left -= set(range(pos, pos + size))
            yield sorted(left)


@pytest.mark.skipif(not LONG, reason="OXCNOTIF_LONG is not set")
def test_truncations_leave_no_byte_out(tshark):
    batches = Batches("rest")
    for case, number, direction, data in all_sides():
        for cut in range(len(data)):
            batches.add((case.name, number, direction, cut), with_bytes(case, number, direction, data[:cut]), direction)
    uncovered = []
    for path, frames in batches.paths():
        for packet in tshark.pdml(path):
            frame = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "num"))
            if frame in frames:
                uncovered += [(frames[frame], left) for left in bytes_in_no_field(packet) if left]
    assert not uncovered
