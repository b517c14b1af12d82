# SPDX-License-Identifier: GPL-2.0-or-later
"""ROP buffers of every capture against the ground truth: which ROPs, in which
order, on which handles, with which result."""

import pytest
from observed import (PI_DISSECTOR_BUG, PI_MALFORMED, PI_UNDECODED, RESPONSE_FIELDS, assert_same,
                      differences, rop_field)
from test_truth_readers import ODD_REQUESTS
from tshark import PI_CHAT

import truth
import truth_rops
import truth_sessions

captures = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in truth.CAPTURES])


def odd(name):
    """Frames of requests that are odd on purpose; see test_truth_readers.py."""
    return set(ODD_REQUESTS.get(name, ()))


def executes(name):
    return [c for c in truth.load(name).calls if c.is_execute]


@captures
def test_rop_ids(seen, name):
    expected = {}
    for call in executes(name):
        if call.requests:
            expected[call.req_frame] = [r.rop_id for r in call.requests]
        if call.responses:
            expected[call.resp_frame] = [r.rop_id for r in call.responses]
    actual = seen.frames(name)["rop.id"]
    # Whether an undefined RopId is a rop.id, or only said to be undefined, is not the truth's.
    assert_same("rop.id", actual, expected, skip=odd(name) | unknown_rops(name))
    # Of a buffer that breaks off, what is in front of the break is still there.
    for call in executes(name):
        if call.malformed:
            shown = actual.get(call.req_frame, [])
            assert shown[:len(call.readable)] == call.readable, call


@captures
def test_logon_ids(seen, name):
    # The truth of outlook2007 has ids and lengths only.  RopGetSearchCriteria answers with a
    # LogonId of its own ([MS-OXCROPS] 2.2.4.5.2), whose value is not in the truth.
    if name == "outlook2007":
        assert set(seen.frames(name)["rop.logon_id"]) == {8, 10}
        return
    skip = odd(name) | {c.resp_frame for c in executes(name)
                        if any(r.rop_id == 0x31 for r in c.responses or [])}
    expected = {}
    for call in executes(name):
        expected[call.req_frame] = [r.logon_id for r in call.requests or []]
        expected[call.resp_frame] = [r.fields["LogonId"] for r in call.responses or []
                                     if r.is_notify]
    expected.pop(None, None)
    assert_same("rop.logon_id", seen.frames(name)["rop.logon_id"], expected, skip)


@captures
@pytest.mark.parametrize("letter", "IOSDR")
def test_handle_indexes(seen, name, letter):
    field = truth_rops.INDEX_FIELD[letter]
    actual = seen.frames(name)[field]
    if name == "outlook2007":
        # Its truth does not say which index a ROP has, but the specification which kind.
        for call in executes(name):
            wanted = sum(letter in truth_rops.ROPS[r.rop_id][1] for r in call.requests)
            assert len(actual.get(call.req_frame, [])) == wanted
        return
    expected = {}
    for call in executes(name):
        expected[call.req_frame] = [index for r in call.requests or []
                                    for kind, index in r.indexes if kind == letter]
        indexes = expected.setdefault(call.resp_frame, [])
        for r in call.responses or []:
            if r.rop_id not in truth_rops.ROPS:
                continue                    # 0xEF: whose index it is cannot be known
            if r.handle_index is not None and truth_rops.response_index(r.rop_id) == letter:
                indexes.append(r.handle_index)
            if r.rop_id == 0x0C and letter == "I" and not r.return_value:
                # RopSaveChangesMessage echoes its input index behind the ReturnValue
                # ([MS-OXCROPS] 2.2.6.3.2).
                indexes.append(next(q for q in call.requests if q.rop_id == 0x0C
                                    and q.index("R") == r.handle_index).index("I"))
    expected.pop(None, None)
    assert_same(field, actual, expected, skip=odd(name) | unknown_rops(name))


def unknown_rops(name):
    """Frames of responses with a RopId that the specification does not know."""
    return {c.resp_frame for c in executes(name)
            if any(r.rop_id not in truth_rops.ROPS for r in c.responses or [])}


@captures
def test_return_values(seen, name):
    expected = {c.resp_frame: [r.return_value for r in c.responses if r.return_value is not None]
                for c in executes(name) if c.responses}
    assert_same("rop.return_value", seen.frames(name)["rop.return_value"], expected,
                skip=unknown_rops(name))


@captures
def test_handle_tables(seen, name):
    expected = {}
    for call in executes(name):
        expected[call.req_frame] = call.req_handles
        if call.responses is not None:
            expected[call.resp_frame] = call.resp_handles
    assert_same("rop.handle", seen.frames(name)["rop.handle"], expected, skip=odd(name))


@captures
def test_response_fields(seen, name):
    """Counts, flags, identifiers in the responses of single ROPs."""
    frames = seen.frames(name)
    problems = []
    stated = {(r.rop_id, field) for c in executes(name) for r in c.responses or []
              for field in r.fields}
    for rop_id, field in RESPONSE_FIELDS:
        if (rop_id, field) not in stated:
            continue                        # the writer of this truth leaves it out
        expected = {}
        for call in executes(name):
            for r in call.responses or []:
                if r.rop_id == rop_id and field in r.fields:
                    found = r.fields[field]
                    expected.setdefault(call.resp_frame, []).extend(
                        found if isinstance(found, list) else [found])
        # A request may have a field of the same name; only the responses are in the truth.
        actual = {f: v for f, v in frames[rop_field(rop_id, field)].items()
                  if f not in {c.req_frame for c in executes(name)}}
        problems += [f"{rop_field(rop_id, field)} {problem}"
                     for problem in differences(actual, expected, unknown_rops(name))]
    assert not problems, "\n".join(problems[:12])


@captures
@pytest.mark.parametrize("at,field", list(enumerate(["version", "flags", "size", "size_actual"])))
def test_extended_buffer_headers(seen, name, at, field):
    expected = {}
    for call in executes(name):
        expected[call.req_frame] = [header[at] for header in call.req_ext]
        if call.resp_frame is not None:
            expected[call.resp_frame] = [header[at] for header in call.resp_ext]
    # Auxiliary buffers have the same header; the truth lists those of Execute only.
    others = {frame for call in truth.load(name).calls if not call.is_execute
              for frame in (call.req_frame, call.resp_frame)}
    assert_same(f"rop.ext.{field}", seen.frames(name)[f"rop.ext.{field}"], expected,
                skip=odd(name) | others)


# PDUs that are too short for their kind by the server's doing: hermEX's faults lack the four
# reserved bytes at their end, which Wireshark's own DCE/RPC dissector misses.
SHORT_FAULTS = {"hermex-3-rpchttp": {328, 336, 340}, "hermex-3-rpctcp-bridged": {157}}


@captures
def test_nothing_is_malformed(seen, name):
    """What is wrong inside is named by the plugin, never left to an exception, and only requests
    that are odd on purpose have anything wrong or undecoded inside."""
    frames = seen.frames(name)
    exceptions = {frame for frame, shown in frames["_ws.malformed"].items()
                  if any(text.startswith("[Malformed Packet") for text in shown)}
    assert exceptions <= SHORT_FAULTS.get(name, set())
    messages = frames["_ws.expert.message"]
    excused = odd(name) | unknown_rops(name) | deviations(name) | exceptions
    bad = {}
    for frame, groups in frames["_ws.expert.group"].items():
        wrong = {PI_DISSECTOR_BUG} if frame in excused else {
            PI_DISSECTOR_BUG, PI_MALFORMED, PI_UNDECODED}
        if wrong & set(groups):
            bad[frame] = messages[frame]
    assert not bad, bad


# Frames in which a server leaves the specification (or the driver sends a body that no call has),
# beyond what deviations() finds.
DEVIATIONS = {
    "gromox-mapihttp-errors": {
        # Requests without a ROP buffer that are odd on purpose, by their notes.
        15: "no X-RequestType", 35: "Connect body truncated",
        89: "NotificationWait body truncated", 91: "PING with a body", 93: "Disconnect with an empty body",
        150: "Version 1 echoed",
    },
    "hermex-4-errors": {221: "truncated Connect body"},
    # hermEX leaves RecipientRowSize out of RopOpenMessage's rows ([MS-OXCROPS] 2.2.6.1.2.1).
    "hermex-1-mapihttp": {188: "RecipientRow without its size"},
    "hermex-2-mapihttp-tls": {203: "RecipientRow without its size"},
}


def deviations(name):
    """Responses in which gromox leaves ParentFolderId out of 0xC004 and 0xC008 (the expert item
    that names it is the matter of test_truth_notifications.py), those with a notification whose
    LogonId has no logon, and DEVIATIONS."""
    found = set(DEVIATIONS.get(name, ()))
    found |= {frame for frame, odd in truth_sessions.without_logon(truth.load(name).calls).items() if any(odd)}
    if name.startswith("gromox"):
        found |= {call.resp_frame for call, r in truth.load(name).notifications()
                  if r.is_notify and r.fields["NotificationFlags"] in (0xC004, 0xC008)}
    return found


@captures
def test_odd_requests_are_named(seen, name):
    """A broken ROP buffer has an expert item that says so."""
    complaints = {frame for frame, found in seen.frames(name)["_ws.expert.severity"].items() if max(found) > PI_CHAT}
    # Without a body there is nothing to find wrong; RPC faults and unknown opnums are Wireshark's. Types 0x07FF without
    # a Reserved byte are what texts of before 2015 have ([MS-OXCROPS] 2.2.14.1.1); two payloads are as good as one
    # ([MS-OXCRPC] 2.2.2.1).
    regular = {"hermex-4-errors": {186, 253, 256, 265, 268, 271}, "gromox-rpch-notify": {324},
               "gromox-mapihttp-errors": {93, 123}}
    reasons = ODD_REQUESTS.get(name, {}) | DEVIATIONS.get(name, {})
    silent = set(reasons) - regular.get(name, set()) - complaints
    assert not silent, {frame: reasons[frame] for frame in silent}
