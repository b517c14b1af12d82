# SPDX-License-Identifier: GPL-2.0-or-later
"""RPC over HTTP as captured from servers: every PDU of the ground truth is shown once, in its frame, and matched."""

from __future__ import annotations

import collections
import dataclasses
import gzip
import json
import pathlib
import random
import struct

import pytest
import tshark as tools

CAPTURES = pathlib.Path(__file__).resolve().parents[2] / "test-captures"
REQUEST, RESPONSE, FAULT, RTS = 0, 2, 3, 20


@dataclasses.dataclass
class Pdu:
    frame: int              # where its last byte is
    data: bytes
    virtual: str            # the virtual connection

    kind = property(lambda self: self.data[2])
    call = property(lambda self: struct.unpack_from("<I", self.data, 12)[0])
    length = property(lambda self: struct.unpack_from("<H", self.data, 8)[0])
    first = property(lambda self: bool(self.data[3] & 1))
    last = property(lambda self: bool(self.data[3] & 2))
    opnum = property(lambda self: struct.unpack_from("<H", self.data, 22)[0])


def load(name: str) -> dict:
    packed = CAPTURES / f"{name}.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads((CAPTURES / f"{name}.json").read_text())


def truth(name: str) -> tuple[list[Pdu], set[int], set[int]]:
    """PDUs, frames with an HTTP request and frames with an HTTP response of a channel."""
    pdus, requests, responses = [], set(), set()
    data = load(name)
    if name.startswith("gromox"):
        for item in data["items"]:
            if "kind" not in item:              # MAPI/HTTP
                continue
            up = item["dir"] == "c2s"
            frames = item["frames_req"] if up else item["frames_resp"]
            if item["kind"] == "http":
                responses.add(frames[-1])
                continue
            body = bytes.fromhex(item["req_body" if up else "resp_body"])
            if body.startswith(b"RPC_"):
                requests.add(frames[-1])
            else:
                pdus.append(Pdu(frames[-1], body, item["sess"]))
        return pdus, requests, responses
    for item in data["pdus"]:
        body, frame = bytes.fromhex(item["hex"]), item["frames"][-1]
        if not item["desc"].startswith("HTTP "):
            pdus.append(Pdu(frame, body, item["vc"]))
        elif item["dir"] == "c2s":
            requests.add(frame)
        else:
            responses.add(frame)
    return pdus, requests, responses


REAL = ["gromox-rpch-notify", "hermex-3-rpchttp"]
LAB = ["rpch-plain", "rpch-chunked", "rpch-recycle", "rpch-tls"]
PASSES = pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])


@pytest.mark.parametrize("name", REAL)
@PASSES
def test_every_pdu_once(tshark, name, two_pass):
    pdus, requests, responses = truth(name)
    expected = collections.defaultdict(list)
    for pdu in pdus:
        expected[pdu.frame].append((pdu.kind, pdu.call, pdu.length))
    actual = {}
    for row in tshark.fields(CAPTURES / f"{name}.pcapng", ["dcerpc.pkt_type", "dcerpc.cn_call_id", "dcerpc.cn_frag_len"],
                             "dcerpc", two_pass):
        actual[row["frame"]] = list(zip(map(int, row["dcerpc.pkt_type"]), map(int, row["dcerpc.cn_call_id"]),
                                        map(int, row["dcerpc.cn_frag_len"]), strict=True))
    assert actual == dict(expected)
    assert pdus and requests and responses


@pytest.mark.parametrize("name", REAL)
@PASSES
def test_calls_are_matched(tshark, name, two_pass):
    """A response knows the request of its virtual connection, and so its opnum."""
    pdus, _, _ = truth(name)
    asked = {}
    expected = {}
    for pdu in sorted(pdus, key=lambda pdu: pdu.frame):
        if pdu.kind == REQUEST and pdu.first:
            asked[pdu.virtual, pdu.call] = pdu
        elif pdu.kind == FAULT and pdu.length < 32:     # lacks its reserved bytes (C706 12.6.4.7), malformed for DCE/RPC
            continue
        elif pdu.kind in (RESPONSE, FAULT) and (pdu.virtual, pdu.call) in asked:
            expected.setdefault(pdu.frame, []).append(asked[pdu.virtual, pdu.call])
    rows = {row["frame"]: row for row in tshark.fields(
        CAPTURES / f"{name}.pcapng", ["dcerpc.request_in", "dcerpc.opnum"],
        "dcerpc.pkt_type == 2 || dcerpc.pkt_type == 3", two_pass)}
    assert expected
    for frame, calls in expected.items():
        # The dissector of the interface repeats both in its own tree.
        assert set(map(int, rows[frame]["dcerpc.request_in"])) == {call.frame for call in calls}, frame
        assert set(map(int, rows[frame]["dcerpc.opnum"])) == {call.opnum for call in calls}, frame


RPC_EXT2, RPC_EXT2_LEAST, ASYNC_WAIT, ASYNC_WAIT_SIZE = 11, 44, 0, 48       # opnums, lengths of requests (MS-OXCRPC 3.1.4.2, 3.3.4.1)


# DCE/RPC knows calls of which it has the bind, the plugin also others.
REQUEST_IN = ["dcerpc.request_in", "rop.request_in", "oxcnotif.wakeup.wait_in"]


def tells_channel(call: Pdu) -> bool:
    """A request whose context handle comes back in the response, or a wait."""
    return (call.opnum == RPC_EXT2 and call.length >= RPC_EXT2_LEAST) or (call.opnum == ASYNC_WAIT and call.length == ASYNC_WAIT_SIZE)


@pytest.mark.parametrize("left_out", range(30, 270, 20))
@pytest.mark.parametrize("name", REAL)
@PASSES
def test_channels_that_were_opened_before_the_capture(tshark, name, two_pass, left_out):
    """A response knows its request if that is in the capture, from the first call on; of waits, which do not tell alone that
    they are some, from the second one on."""
    path = tools.scratch() / "home" / f"{name}-{left_out}.pcapng"
    tools.run(["-u", "LD_PRELOAD", "editcap", str(CAPTURES / f"{name}.pcapng"), str(path), f"1-{left_out}"], program="env")
    asked: dict[tuple[str, int], list[Pdu]] = {}
    expected, waited = {}, set()
    for pdu in sorted(truth(name)[0], key=lambda pdu: pdu.frame):
        key = pdu.virtual, pdu.call
        if pdu.frame <= left_out:
            continue
        if pdu.kind == REQUEST:
            asked[key] = [pdu] if pdu.first else asked.get(key, []) + [pdu]
        elif pdu.kind == RESPONSE and pdu.last and key in asked and asked[key][0].first and tells_channel(asked[key][0]):
            if asked[key][0].opnum != ASYNC_WAIT or pdu.virtual in waited:
                expected[pdu.frame - left_out] = {call.frame - left_out for call in asked[key]}
            if asked[key][0].opnum == ASYNC_WAIT:
                waited.add(pdu.virtual)
    rows = {row["frame"]: row for row in tshark.fields(path, REQUEST_IN, "dcerpc.pkt_type == 2", two_pass)}
    found = {frame: {int(number) for name in REQUEST_IN for number in rows[frame][name]} for frame in expected}
    assert len(expected) > 10
    assert not [frame for frame in expected if not found[frame] or found[frame] - expected[frame]]


@pytest.mark.parametrize("name", REAL)
def test_http_headers_are_http(tshark, name):
    pdus, requests, responses = truth(name)
    rows = tshark.fields(CAPTURES / f"{name}.pcapng", ["http.request.method", "http.response.code"],
                         "http.request.method contains \"RPC_\" || http.response")
    shown = {row["frame"] for row in rows if "RPC_" in "".join(row["http.request.method"])}
    # The first request of a connection, when it has a short body (CONN/A1), is shown by HTTP in the frame with its end.
    for frame in requests - shown:
        later = min(pdu.frame for pdu in pdus if pdu.kind == RTS and pdu.frame > frame)
        assert later in shown, frame
    assert len(shown) == len(requests)
    assert responses <= {row["frame"] for row in rows if row["http.response.code"]}


@pytest.mark.parametrize("name", REAL + LAB)
@PASSES
def test_nothing_is_odd(tshark, name, two_pass):
    """All bytes of these channels are framing, PDUs or the body of an echo request."""
    assert not tshark.fields(CAPTURES / f"{name}.pcapng", ["rpch.data"],
                             "rpch.lost || rpch.not_pdu || rpch.chunk.malformed", two_pass)
    # Of the PDUs without commands nothing is malformed.
    assert not tshark.fields(CAPTURES / f"{name}.pcapng", ["_ws.col.Info"],
                             "_ws.malformed && dcerpc.pkt_type == 20", two_pass)


@pytest.mark.parametrize("name", LAB)
@PASSES
def test_lab_calls(tshark, name, two_pass):
    data = load(name)
    rows = {row["frame"]: row for row in tshark.fields(
        CAPTURES / f"{name}.pcapng",
        ["dcerpc.pkt_type", "dcerpc.cn_call_id", "dcerpc.opnum", "dcerpc.request_in", "tcp.stream"], "dcerpc", two_pass)}

    def kinds(frame):
        row = rows[frame]
        return list(zip(map(int, row["dcerpc.pkt_type"]), map(int, row["dcerpc.cn_call_id"]), strict=True))

    assert data["calls"]
    for call in data["calls"]:
        number = call["stream"]["call_id"]
        for frame in call["frames_req"]:
            assert (REQUEST, number) in kinds(frame), (call["id"], frame)
            assert str(call["opnum"]) in rows[frame]["dcerpc.opnum"]
        for frame in call["frames_resp"] or []:
            assert (FAULT if call["fault"] else RESPONSE, number) in kinds(frame), (call["id"], frame)
            assert str(call["opnum"]) in rows[frame]["dcerpc.opnum"], (call["id"], frame)
            assert str(call["frames_req"][0]) in rows[frame]["dcerpc.request_in"], (call["id"], frame)
    counted = sum(len(call["frames_req"]) for call in data["calls"])
    assert counted == sum(kind == REQUEST for frame in rows for kind, _ in kinds(frame))
    for virtual in data["virtual_connections"]:
        for one in virtual["rts"]:
            assert (RTS, 0) in kinds(one["frame"]), one
            assert rows[one["frame"]]["tcp.stream"][0] == str(one["tcp_stream"]), one


@pytest.mark.parametrize("name", LAB)
@PASSES
def test_lab_virtual_connections(tshark, name, two_pass):
    """All connections of a cookie have one number, and no other has."""
    data = load(name)
    streams = collections.defaultdict(set)
    channels = {}
    cookies = {}
    for row in tshark.fields(CAPTURES / f"{name}.pcapng",
                             ["tcp.stream", "rpch.virtual_connection", "rpch.cookie", "rpch.channel"],
                             "rpch.virtual_connection", two_pass):
        stream, number = int(row["tcp.stream"][0]), int(row["rpch.virtual_connection"][0])
        streams[number].add(stream)
        cookies[number] = row["rpch.cookie"][0]
        channels.setdefault(stream, set()).add(int(row["rpch.channel"][0]))
    expected = {virtual["cookie"]: set(virtual["in_streams"]) | set(virtual["out_streams"])
                for virtual in data["virtual_connections"]}
    if len(expected) == len(data["virtual_connections"]):
        assert {cookies[number]: found for number, found in streams.items()} == expected
    assert len(streams) == len(data["virtual_connections"])
    for virtual in data["virtual_connections"]:
        assert all(channels[stream] == {1} for stream in virtual["in_streams"])
        assert all(channels[stream] == {2} for stream in virtual["out_streams"])


@pytest.mark.parametrize("name", ["hermex-3-rpchttp", "rpch-chunked", "rpch-tls"])
def test_any_order(tshark, name):
    """A frame is the same whenever it is dissected."""
    pdus = tshark.fields(CAPTURES / f"{name}.pcapng", ["dcerpc.cn_call_id"], "dcerpc", True)
    order = [row["frame"] for row in pdus]
    with tshark.Sharkd(CAPTURES / f"{name}.pcapng") as sharkd:
        once = {frame: sharkd.frame(frame) for frame in order}
        random.Random(name).shuffle(order)
        for frame in order:
            assert sharkd.frame(frame) == once[frame], frame
    for row in pdus:
        text = json.dumps(once[row["frame"]])
        assert text.count("Distributed Computing Environment / Remote Procedure Call (DCE/RPC)") >= len(row["dcerpc.cn_call_id"])


@pytest.mark.parametrize("name", ["hermex-1-mapihttp", "hermex-2-mapihttp-tls", "hermex-3-rpctcp-bridged", "gromox-mapihttp-errors"])
@PASSES
def test_other_traffic_is_untouched(tshark, name, two_pass):
    capture = CAPTURES / f"{name}.pcapng"
    assert tshark.text(capture, two_pass=two_pass) == tshark.text(capture, two_pass=two_pass,
                                                                  args=("-V", "--disable-protocol", "rpch"))


@pytest.mark.parametrize("name", ["rpch-plain", "rpch-tls"])
def test_disabled(tshark, name):
    """Without the protocol HTTP keeps what is its own."""
    off = ("--disable-protocol", "rpch")
    assert "RPC over HTTP," not in tshark.text(CAPTURES / f"{name}.pcapng", args=("-V", *off))
    assert tshark.text(CAPTURES / f"{name}.pcapng", args=off).count("Continuation") > 20
    assert "Continuation" not in tshark.text(CAPTURES / f"{name}.pcapng", args=())
