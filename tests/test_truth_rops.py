# SPDX-License-Identifier: GPL-2.0-or-later
"""ROP buffers of every capture against the ground truth: which ROPs, in which
order, on which handles, with which result."""

import pytest
from observed import (PI_DISSECTOR_BUG, PI_MALFORMED, PI_UNDECODED, RESPONSE_FIELDS, assert_same,
                      differences, rop_field)
from test_truth_readers import ODD_REQUESTS

import truth
import truth_rops

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
    assert_same("rop.id", actual, expected, skip=odd(name))
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
    for rop_id, field in RESPONSE_FIELDS:
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
@pytest.mark.parametrize("at,field", enumerate(["version", "flags", "size", "size_actual"]))
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


@captures
def test_nothing_is_malformed(seen, name):
    """No capture here has a truncated packet or one that Wireshark cannot carry: what is wrong
    inside is named by the plugin, never left to an exception.  And only requests that are odd on
    purpose have anything wrong or undecoded inside."""
    frames = seen.frames(name)
    assert frames["_ws.malformed"] == {}
    messages = frames["_ws.expert.message"]
    excused = odd(name) | unknown_rops(name) | deviations(name)
    bad = {}
    for frame, groups in frames["_ws.expert.group"].items():
        wrong = {PI_DISSECTOR_BUG} if frame in excused else {
            PI_DISSECTOR_BUG, PI_MALFORMED, PI_UNDECODED}
        if wrong & set(groups):
            bad[frame] = messages[frame]
    assert not bad, bad


def deviations(name):
    """Responses in which a server leaves the specification, as the capture's description
    says; an expert item must name it (test_truth_notifications.py).
    gromox leaves ParentFolderId out of 0xC004 and 0xC008, and echoes Version 1 (frame 150)."""
    if not name.startswith("gromox"):
        return set()
    return {call.resp_frame for call, r in truth.load(name).notifications()
            if r.is_notify and r.fields["NotificationFlags"] in (0xC004, 0xC008)} | (
                {150} if name == "gromox-mapihttp-errors" else set())


@captures
def test_odd_requests_are_named(seen, name):
    """A broken ROP buffer has an expert item that says so."""
    experts = seen.frames(name)["_ws.expert.message"]
    # Without a body there is nothing to find wrong; RPC faults and unknown opnums are Wireshark's.
    bodiless = {"hermex-4-errors": {253, 256, 265, 268, 271}, "gromox-rpch-notify": {324}}
    silent = odd(name) - bodiless.get(name, set()) - set(experts)
    assert not silent, {frame: ODD_REQUESTS[name][frame] for frame in silent}
