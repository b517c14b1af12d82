# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls of every capture against the ground truth: request types, results,
waits, links between request and response, session contexts."""

import pytest
from observed import assert_same

import truth


def captures(names):
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in names])


# MAPI/HTTP, also where it shares the capture with RPC over HTTP.
WITH_MAPIHTTP = [n for n in truth.CAPTURES
                 if any(c.transport == "mapihttp" for c in truth.load(n).calls)]
WITH_RPC = [n for n in truth.CAPTURES
            if any(c.transport != "mapihttp" for c in truth.load(n).calls)]


def http_calls(name):
    return [c for c in truth.load(name).calls if c.transport == "mapihttp"]


def rpc_calls(name, transport=("emsmdb", "asyncemsmdb")):
    return [c for c in truth.load(name).calls if c.transport in transport]


def one(calls, frame, value):
    """frame -> [value], for the calls that have both."""
    return {getattr(c, frame): [getattr(c, value)] for c in calls
            if getattr(c, frame) is not None and getattr(c, value) is not None}


# --- MAPI/HTTP ------------------------------------------------------------------

# Not requests of the protocol, though they carry its headers: a GET, and one to a path that the
# server does not serve ([MS-OXCMAPIHTTP] 3.2.5.1: POST to the endpoint's path).  A dissector may
# name them or not.
NOT_MAPIHTTP = {"hermex-4-errors": {265, 268}}


@captures(WITH_MAPIHTTP)
def test_request_types(seen, name):
    calls = http_calls(name)
    actual = seen.frames(name)["mapihttp.request_type"]
    # A response names its type as well, unless the server left the header out; then it is
    # known from the request.
    inferred = {c.resp_frame for c in calls if c.resp_frame and c.response_type is None}
    expected = one(calls, "req_frame", "request_type") | one(calls, "resp_frame", "response_type")
    assert_same("mapihttp.request_type", actual, expected,
                skip=inferred | NOT_MAPIHTTP.get(name, set()))
    by_response = {c.resp_frame: c.request_type for c in calls}
    for frame in inferred & set(actual):
        assert actual[frame] == [by_response[frame]]


@captures(WITH_MAPIHTTP)
@pytest.mark.parametrize("field", ["response_code", "status_code", "error_code", "event_pending"])
def test_results(seen, name, field):
    assert_same(f"mapihttp.{field}", seen.frames(name)[f"mapihttp.{field}"],
                one(http_calls(name), "resp_frame", field))


@captures(WITH_MAPIHTTP)
def test_waits_that_were_never_answered(seen, name):
    """Their requests are there, and nothing claims an answer."""
    for call in http_calls(name):
        if call.resp_frame is None:
            assert seen.frames(name)["mapihttp.request_type"][call.req_frame] == [call.request_type]
            assert call.req_frame not in seen.frames(name, two_pass=True)["rop.response_in"]


@captures(WITH_MAPIHTTP)
def test_meta_tags(seen, name):
    """PROCESSING, each PENDING and DONE of every response."""
    assert_same("mapihttp.meta_tag", seen.frames(name)["mapihttp.meta_tag"],
                {c.resp_frame: c.meta_tags for c in http_calls(name) if c.meta_tags})


# Connects that failed answer with the same fields, whose values are not in the truth.
@captures(truth.CAPTURES)
@pytest.mark.parametrize("field", truth.FACTS)
def test_what_connect_answers(seen, name, field):
    calls = truth.load(name).calls
    assert_same(field, seen.frames(name)[field],
                {c.resp_frame: [c.facts[field]] for c in calls if field in c.facts},
                skip={c.resp_frame for c in calls if not c.facts and c.request_type == "Connect"})


# --- RPC ------------------------------------------------------------------------

@captures(WITH_RPC)
@pytest.mark.parametrize("transport", ["emsmdb", "asyncemsmdb"])
def test_opnums(seen, name, transport):
    calls = rpc_calls(name, (transport,))
    # Whether a fault names the opnum of its call is Wireshark's own affair.
    faults = {c.resp_frame for c in calls if c.fault}
    assert_same(f"{transport}.opnum", seen.frames(name)[f"{transport}.opnum"],
                one(calls, "req_frame", "opnum") |
                one([c for c in calls if not c.fault], "resp_frame", "opnum"), skip=faults)


@captures(WITH_RPC)
def test_context_handles(seen, name):
    frames = seen.frames(name)
    emsmdb = rpc_calls(name, ("emsmdb",))
    # EcDoAsyncConnectEx answers with an ACXH, the other calls with the CXH.
    acxh = {c.resp_frame for c in emsmdb if c.opnum == 14}
    if name == "outlook2007":
        assert set(frames["emsmdb.cxh"]) == {8, 10}
        return
    assert_same("emsmdb.cxh", frames["emsmdb.cxh"],
                one(emsmdb, "req_frame", "cxh_in") |
                one([c for c in emsmdb if c.opnum != 14], "resp_frame", "cxh_out"),
                skip=acxh | {c.req_frame for c in rpc_calls(name) if c.malformed})
    assert_same("asyncemsmdb.acxh", frames["asyncemsmdb.acxh"],
                one(rpc_calls(name, ("asyncemsmdb",)), "req_frame", "cxh_in"), skip=acxh)


@captures(WITH_RPC)
def test_async_waits(seen, name):
    assert_same("asyncemsmdb.pul_flags_out", seen.frames(name)["asyncemsmdb.pul_flags_out"],
                one(rpc_calls(name, ("asyncemsmdb",)), "resp_frame", "flags_out"))


@captures(WITH_RPC)
@pytest.mark.parametrize("transport", ["emsmdb", "asyncemsmdb"])
def test_return_values(seen, name, transport):
    """What each RPC method returns.  The reader takes it from the end of the stub."""
    assert_same(f"{transport}.return_value", seen.frames(name)[f"{transport}.return_value"],
                one(rpc_calls(name, (transport,)), "resp_frame", "error_code"))


# --- links and sessions -----------------------------------------------------------

@captures(truth.CAPTURES)
def test_links(seen, name):
    """The request knows its response (after a full first pass) and the response its request."""
    calls = truth.load(name).calls
    answered = [c for c in calls if c.resp_frame is not None]
    sure = [c for c in answered if c.response_code == 0 or c.is_execute and c.transport != "mapihttp"
            and not c.fault and not c.malformed]
    # A refusal or a fault, or an RPC call without ROPs: a link may be missing, never wrong.
    unsure = [c for c in answered if c not in sure]
    frames = seen.frames(name, two_pass=True)
    for field, here, there in (("rop.response_in", "req_frame", "resp_frame"),
                               ("rop.request_in", "resp_frame", "req_frame")):
        expected = one(sure, here, there)
        for call in unsure:
            if getattr(call, here) in frames[field]:
                expected[getattr(call, here)] = [getattr(call, there)]
        assert_same(field, frames[field], expected)
    assert_same("rop.request_in in one pass", seen.frames(name)["rop.request_in"],
                frames["rop.request_in"])


@captures(truth.CAPTURES)
def test_sessions(seen, name):
    """One number for all frames of a session context, another for each other context."""
    shown = seen.frames(name)["oxcnotif.session"]
    contexts = {}
    for call in truth.load(name).calls:
        if call.context is None:
            continue
        for frame in (call.req_frame, call.resp_frame):
            # A Connect request comes before the context; a fault is no part of one.
            if frame is None or call.fault or frame not in shown and frame == call.req_frame and (
                    call.request_type == "Connect" or call.opnum == 10):
                continue
            # It may stand in the tree of the transport and in that of the ROPs.
            assert len(set(shown.get(frame, []))) == 1, f"frame {frame}: {shown.get(frame)}"
            contexts.setdefault(call.context, {}).setdefault(shown[frame][0], []).append(frame)
    assert all(len(numbers) == 1 for numbers in contexts.values()), contexts
    numbers = [next(iter(numbers)) for numbers in contexts.values()]
    assert len(numbers) == len(set(numbers)), contexts
