# SPDX-License-Identifier: GPL-2.0-or-later
"""EMSMDB where things are not as they should be: stubs that are cut or lie about their lengths, handles that come back,
packets that the capture lacks, another protocol on Exchange's ports."""

import json
import socket
import struct

import carrier
import pytest
import rpc_streams as rpc
import rpch_streams as pdus

PI_DISSECTOR_BUG = 0x11000000
X11_SETUP = b"l\0\x0b\0\0\0\0\0\0\0\0\0"
X11_REPLY = struct.pack("<BBHHH", 1, 0, 11, 0, 8) + bytes(32)
# Requests whose bytes look like the head of a DCE/RPC PDU: DestroySubwindows has opcode 5.
X11_REQUESTS = b"\x05\0\x02\0\x01\0\0\0" + b"\x05\0\x02\0\x10\0\0\0" + b"\x0f\0\x02\0\x01\0\0\0"


def by_frame(tshark, path, fields, **how):
    return {row["frame"]: row for row in tshark.fields(path, fields, **how)}


@pytest.mark.parametrize("port", [6001, 6002, 6003, 6004])
def test_x11_is_untouched(tshark, port):
    """X11 on the ports of Exchange looks as it does without the plugin, in every line."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture, port)
    stream.up(X11_SETUP)
    stream.down(X11_REPLY)
    stream.up(X11_REQUESTS[:13])        # reassembly goes on to work
    stream.up(X11_REQUESTS[13:])
    stream.down(b"\x05\0" + bytes(30))  # ButtonRelease
    path = capture.write("x11.pcap")
    args = ["-n", "-r", str(path), "-V"]
    plain = tshark.run(["WIRESHARK_PLUGIN_DIR=/nonexistent", "tshark", *args], program="env").stdout
    assert "X11" in plain
    assert tshark.run(args).stdout == plain
    assert tshark.run(["-2", *args]).stdout == tshark.run(["WIRESHARK_PLUGIN_DIR=/nonexistent", "tshark", "-2", *args],
                                                         program="env").stdout


@pytest.mark.parametrize("first", ["bind", "banner", "late"])
def test_exchange_on_port_of_x11(tshark, first):
    capture = carrier.Capture()
    stream = rpc.Stream(capture, 6001)
    if first == "banner":
        stream.down(b"ncacn_http/1.0")
    if first != "late":
        stream.bound()
    frame, _ = stream.call(5, 11, rpc.rpc_request(), rpc.rpc_response())
    rows = by_frame(tshark, capture.write("port.pcap"), ["emsmdb.opnum", "frame.protocols"])
    assert rows[frame]["emsmdb.opnum"] == rows[frame + 1]["emsmdb.opnum"] == ["11"]
    assert not any("x11" in row["frame.protocols"][0] for row in rows.values())


def test_x11_disabled(tshark):
    """Who disables X11 still sees Exchange on its ports."""
    capture = carrier.Capture()
    frame, _ = rpc.Stream(capture, 6001).bound().call(5, 11, rpc.rpc_request(), rpc.rpc_response())
    rows = by_frame(tshark, capture.write("port.pcap"), ["emsmdb.opnum"], args=["--disable-protocol", "x11"])
    assert rows[frame]["emsmdb.opnum"] == ["11"]


def test_emsmdb_disabled_leaves_x11(tshark):
    capture = carrier.Capture()
    stream = rpc.Stream(capture, 6001)
    stream.up(X11_SETUP)
    rows = by_frame(tshark, capture.write("x11.pcap"), ["frame.protocols"], args=["--disable-protocol", "emsmdb"])
    assert rows[1]["frame.protocols"][0].endswith(":tcp:x11")


STUBS = {0: rpc.string("x"), 1: rpc.CXH, 2: rpc.CXH + struct.pack("<III", 0x7FFF, 0, 2) + b"\xa7\xa5" + struct.pack("<HH", 2, 0x7FFF),
         4: rpc.CXH + struct.pack("<I", 0) + rpc.conformant(b"ctx!") + struct.pack("<HxxI", 4, 0xFFFFFFFF)
         + rpc.conformant(struct.pack("<H", 2) + struct.pack(">H", 2500) + bytes(12)) + struct.pack("<H", 16),
         10: rpc.connect_request(), 11: rpc.rpc_request(), 14: rpc.CXH}


@pytest.mark.parametrize("opnum", sorted(STUBS))
def test_cut_stubs(tshark, opnum):
    """A stub that ends early says so, wherever it ends, and nothing worse happens."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stub = STUBS[opnum]
    frames = {stream.call(2 + length, opnum, stub[:length])[0]: length for length in range(len(stub))}
    whole, _ = stream.call(9999, opnum, stub)
    path = capture.write("cut.pcap")
    rows = by_frame(tshark, path, ["emsmdb.stub.short", "emsmdb.array.long", "_ws.expert.message"])
    for frame, length in frames.items():
        assert rows[frame]["emsmdb.stub.short"] or rows[frame]["emsmdb.array.long"], (length, rows[frame])
        assert not any("Malformed Packet" in text for text in rows[frame]["_ws.expert.message"]), (length, rows[frame])
    if opnum != 0:
        assert not rows[whole]["emsmdb.stub.short"] and not rows[whole]["emsmdb.array.long"], rows[whole]
    assert tshark.fields(path, [], f"_ws.expert.group == {PI_DISSECTOR_BUG}") == []


def test_lengths_that_lie(tshark):
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    huge = rpc.CXH + struct.pack("<II", 0, 0xFFFFFFFF) + rpc.EMPTY_ROPS
    other = rpc.rpc_request().replace(struct.pack("<II", len(rpc.EMPTY_ROPS), 0x8007), struct.pack("<II", 11, 0x8007))
    shifted = rpc.rpc_response().replace(struct.pack("<III", 0x8007, 0, 10), struct.pack("<III", 0x8007, 4, 10))
    frames = [stream.call(2, 11, huge)[0], stream.call(3, 11, other)[0],
              stream.call(4, 11, rpc.rpc_request(), shifted)[1]]
    rows = by_frame(tshark, capture.write("lies.pcap"), ["emsmdb.array.long", "emsmdb.array.length", "emsmdb.array.counts"])
    assert rows[frames[0]]["emsmdb.array.long"]
    assert rows[frames[1]]["emsmdb.array.length"]
    assert rows[frames[2]]["emsmdb.array.counts"]


def test_handle_that_comes_back(tshark):
    """A server may give a handle out again once its session has ended: another session."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    first = [stream.connect(2)[1], *stream.call(3, 11, rpc.rpc_request(), rpc.rpc_response())]
    stream.call(4, 1, rpc.CXH, rpc.NO_HANDLE + bytes(4))
    second = [stream.connect(5)[1], *stream.call(6, 11, rpc.rpc_request(), rpc.rpc_response())]
    restarted = rpc.Stream(capture, client_port=50001).bound()
    third = [restarted.connect(2)[1], *restarted.call(3, 11, rpc.rpc_request(), rpc.rpc_response())]
    rows = by_frame(tshark, capture.write("again.pcap"), ["oxcnotif.session"])
    numbers = [{value for frame in group for value in rows[frame]["oxcnotif.session"]} for group in (first, second, third)]
    assert [len(number) for number in numbers] == [1, 1, 1] and len(set().union(*numbers)) == 3, numbers


@pytest.mark.parametrize("connects", [True, False])
def test_equal_handles_at_two_servers_are_two_sessions(tshark, connects):
    """A server may count its handles: another one gives out the same."""
    capture, frames = carrier.Capture(), {1: [], 2: []}
    streams = {number: rpc.Stream(capture, client_port=50000 + number, server=bytes((10, 0, 0, 1 + number))).bound()
               for number in (1, 2)}
    for number, stream in streams.items():
        if connects:
            frames[number].append(stream.connect(2)[1])
    for call in (3, 4):
        for number, stream in streams.items():
            frames[number] += stream.call(call, 11, rpc.rpc_request(), rpc.rpc_response())
    rows = by_frame(tshark, capture.write("two-servers.pcap"), ["oxcnotif.session"])
    assert {number: {tuple(rows[frame]["oxcnotif.session"]) for frame in group} for number, group in frames.items()} == \
        {1: {("1",)}, 2: {("2",)}}


def test_session_taken_away(tshark):
    """A null handle in the answer of a fetch ends the session."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    lost = stream.call(3, 11, rpc.rpc_request(), rpc.rpc_response(rpc.NO_HANDLE, b"", 0x4B6))[1]
    rows = by_frame(tshark, capture.write("lost.pcap"), ["emsmdb.session_lost", "_ws.col.Info", "emsmdb.return_value"])
    assert rows[lost]["emsmdb.session_lost"]
    assert "RpcFormat" in rows[lost]["_ws.col.Info"][0]


def test_fetch_without_an_answer(tshark):
    """The capture ends behind the request of a follow-up: it has no notifications, and is one."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound(rpc.EMSMDB, rpc.ASYNCEMSMDB)
    stream.connect(2)
    acxh = struct.pack("<I", 3) + rpc.CXH[4:]
    stream.up(pdus.pdu(pdus.REQUEST, 3, struct.pack("<IHH", 24, 1, 0) + acxh + bytes(4)))
    woken = stream.down(pdus.pdu(pdus.RESPONSE, 3, struct.pack("<IHH", 8, 1, 0) + struct.pack("<II", 1, 0)))
    fetch = stream.call(4, 11, rpc.rpc_request())[0]
    output = tshark.run(["-r", str(capture.write("unanswered.pcap")), "-q", "-z", "oxcnotif,events"]).stdout
    followups = [line for line in map(json.loads, output.splitlines()) if line["event"] == "followup"]
    assert [(line["frame"], line["wakeup_in"], line["notifications"]) for line in followups] == [(fetch, woken, 0)]


def test_failed_call_without_a_tree(tshark):
    """The Info column and listeners of expert items hear of it, though nobody looks at fields."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    failed = stream.call(3, 11, rpc.rpc_request(), rpc.rpc_response(rpc.CXH, b"", 0x4B6))[1]
    path = capture.write("failed.pcap")
    assert "RpcFormat" in tshark.run(["-n", "-r", str(path)]).stdout.splitlines()[failed - 1]
    assert "The call failed: RpcFormat" in tshark.run(["-n", "-r", str(path), "-q", "-z", "expert"]).stdout


@pytest.mark.parametrize("two_pass", [False, True])
def test_link_names_its_session(tshark, two_pass):
    """The first of two passes has no tree."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    made = stream.connect(2, index=17)[1]
    request = stream.call(3, 10, rpc.connect_request(link=17))[0]
    unknown = stream.call(4, 10, rpc.connect_request(link=18))[0]
    rows = by_frame(tshark, capture.write("link.pcap"), ["emsmdb.ul_icxr_link.session", "oxcnotif.session"], two_pass=two_pass)
    assert rows[request]["emsmdb.ul_icxr_link.session"] == rows[made]["oxcnotif.session"] != []
    assert rows[unknown]["emsmdb.ul_icxr_link.session"] == []


def test_acxh_with_the_uuid_of_a_cxh(tshark):
    """One kind of server makes asynchronous handles so; EcDoAsyncConnectEx was not captured."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound(rpc.EMSMDB, rpc.ASYNCEMSMDB)
    made = stream.connect(2)[1]
    acxh = struct.pack("<I", 3) + rpc.CXH[4:]
    wait = stream.up(pdus.pdu(pdus.REQUEST, 3, struct.pack("<IHH", 24, 1, 0) + acxh + bytes(4)))
    rows = by_frame(tshark, capture.write("acxh.pcap"), ["oxcnotif.session"])
    assert rows[wait]["oxcnotif.session"] == rows[made]["oxcnotif.session"] != []


@pytest.mark.parametrize("bound", [True, False])
def test_response_without_request(tshark, bound):
    """Packet loss on a known connection, or a capture that begins late."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture)
    if bound:
        stream.bound()
    alone = stream.down(pdus.response(7, rpc.rpc_response()))
    frames = [alone, *stream.call(8, 11, rpc.rpc_request(), rpc.rpc_response())]
    path = capture.write("alone.pcap")
    for two_pass in (False, True):
        rows = by_frame(tshark, path, ["emsmdb.opnum", "emsmdb.inferred", "oxcnotif.session", "emsmdb.return_value"],
                        two_pass=two_pass)
        assert all(rows[frame]["emsmdb.opnum"] == ["11"] for frame in frames), rows
        assert len({tuple(rows[frame]["oxcnotif.session"]) for frame in frames}) == 1
        assert rows[alone]["emsmdb.inferred"] and rows[alone]["emsmdb.return_value"]
        assert bool(rows[frames[1]]["emsmdb.inferred"]) == (not bound)


def test_fragments_without_bind(tshark):
    """A capture that begins late, with requests and responses in fragments; the first answer has no request."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture)
    for part in rpc.fragments(pdus.RESPONSE, 6, 11, rpc.rpc_response(), 24):
        alone = stream.down(part)
    for part in rpc.fragments(pdus.REQUEST, 7, 11, rpc.rpc_request(), 16):
        request = stream.up(part)
    for part in rpc.fragments(pdus.RESPONSE, 7, 11, rpc.rpc_response(), 40):
        answer = stream.down(part)
    path = capture.write("parts.pcap")
    for two_pass in (False, True):
        rows = by_frame(tshark, path, ["emsmdb.opnum", "rop.request_in", "emsmdb.cb_in", "emsmdb.pul_trans_time"],
                        two_pass=two_pass)
        assert {frame for frame, row in rows.items() if row["emsmdb.opnum"]} == {alone, request, answer}
        assert rows[request]["emsmdb.cb_in"] == ["10"] and rows[alone]["emsmdb.pul_trans_time"] == ["16"]
        assert rows[answer]["rop.request_in"] == [str(request)]


def test_other_interfaces_are_not_guessed(tshark):
    """Stubs of nobody's interface stay what they are, bound or not."""
    capture = carrier.Capture()
    for number, bound in enumerate((True, False)):
        stream = rpc.Stream(capture, client_port=51000 + number)
        if bound:
            stream.bound(pdus.INTERFACE)
        for call, (opnum, stub) in enumerate([(11, bytes(80)), (0, bytes(24)), (1, bytes(20)), (11, rpc.CXH + b"\1" * 60)]):
            stream.call(10 + call, opnum, stub, bytes(8))
    assert tshark.fields(capture.write("others.pcap"), [], "emsmdb or asyncemsmdb") == []


def test_fault_ends_the_wait(tshark):
    """A wait that ends in a fault is a wake-up that tells of an error."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound(rpc.ASYNCEMSMDB)
    wait, _ = stream.call(3, 0, struct.pack("<I", 3) + rpc.CXH[4:] + bytes(4))
    body = struct.pack("<IHBxII", 32, 0, 0, 0x1C00001A, 0)
    fault = stream.down(pdus.pdu(3, 3, body))
    rows = by_frame(tshark, capture.write("fault.pcap"), ["oxcnotif.wakeup.outcome", "rop.request_in"])
    assert rows[fault]["oxcnotif.wakeup.outcome"] == ["3"] and rows[fault]["rop.request_in"] == [str(wait)]


def test_fetch_that_is_cut_off_is_an_attempt(tshark):
    """The client repeats it on a new connection: that is the follow-up."""
    capture = carrier.Capture()
    stream, waits = rpc.Stream(capture).bound(), rpc.Stream(capture, client_port=50001).bound(rpc.ASYNCEMSMDB)
    stream.connect(2)
    stream.call(3, 14, rpc.CXH, struct.pack("<I", 3) + rpc.CXH[4:] + bytes(4))
    woken = waits.call(2, 0, struct.pack("<I", 3) + rpc.CXH[4:] + bytes(4), struct.pack("<II", 1, 0))[1]
    stream.call(4, 11, rpc.rpc_request())
    reset = stream.reset()
    fetch, _ = rpc.Stream(capture, client_port=50002).bound().call(2, 11, rpc.rpc_request(), rpc.rpc_response())
    rows = by_frame(tshark, capture.write("fetch-cut.pcap"), ["oxcnotif.followup_in", "oxcnotif.followup_attempts", "emsmdb.cut_off"],
                    two_pass=True)
    assert rows[woken]["oxcnotif.followup_in"] == [str(fetch)]
    assert rows[woken]["oxcnotif.followup_attempts"] == ["1"]
    assert rows[reset]["emsmdb.cut_off"] and not any(row["emsmdb.cut_off"] for frame, row in rows.items() if frame != reset)


def test_two_connections_with_equal_call_ids(tshark):
    capture = carrier.Capture()
    streams = [rpc.Stream(capture, client_port=52000 + n).bound() for n in range(3)]
    handles = [bytes(4) + bytes([n + 1]) * 16 for n in range(3)]
    requests = [stream.up(pdus.request(4, 11, rpc.rpc_request(handle))) for stream, handle in zip(streams, handles)]
    answers = [stream.down(pdus.response(4, rpc.rpc_response(handle)))
               for stream, handle in reversed(list(zip(streams, handles)))][::-1]
    rows = by_frame(tshark, capture.write("equal.pcap"), ["rop.request_in", "oxcnotif.session"])
    for request, answer in zip(requests, answers):
        assert rows[answer]["rop.request_in"] == [str(request)]
        assert rows[answer]["oxcnotif.session"] == rows[request]["oxcnotif.session"]


def register(stream, number, context, family, address, port):
    if family == socket.AF_INET:
        sockaddr = struct.pack("<H", 2) + struct.pack(">H", port) + address + bytes(8)
    else:
        sockaddr = struct.pack("<H", family) + struct.pack(">H", port) + bytes(4) + address + bytes(4)
    stub = rpc.CXH + struct.pack("<I", 0) + rpc.conformant(context) + struct.pack("<HxxI", len(context), 0xFFFFFFFF) + \
        rpc.conformant(sockaddr) + struct.pack("<H", len(sockaddr))
    return stream.call(number, 4, stub, rpc.CXH + struct.pack("<II", 1, 0))


def test_callback_addresses(tshark):
    """IPv6 as Windows and as Linux number it; a family that is neither."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    six = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    frames = [register(stream, 2, b"ctx!", family, six, 2500)[0] for family in (23, 10, 99)]
    rows = by_frame(tshark, capture.write("six.pcap"), ["emsmdb.rgb_callback_address.sin6_addr",
                                                        "emsmdb.rgb_callback_address.invalid"])
    assert [rows[frame]["emsmdb.rgb_callback_address.sin6_addr"] for frame in frames] == [["2001:db8::1"]] * 2 + [[]]
    assert [bool(rows[frame]["emsmdb.rgb_callback_address.invalid"]) for frame in frames] == [False, False, True]


def test_datagram_after_disconnect(tshark):
    """The registration ends with its session: no wake-up, and the port is free again."""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    stream.connect(2)
    register(stream, 3, b"wake", socket.AF_INET, carrier.CLIENT, 2500)
    live = rpc.datagram(capture, carrier.CLIENT, 2500, b"wake")
    stream.call(4, 1, rpc.CXH, rpc.NO_HANDLE + bytes(4))
    late = rpc.datagram(capture, carrier.CLIENT, 2500, b"wake")
    other = rpc.datagram(capture, carrier.CLIENT, 2500, b"something else")
    rows = by_frame(tshark, capture.write("after.pcap"), ["oxcnotif.wakeup.method", "oxcnotif.push.outdated", "frame.protocols"])
    assert rows[live]["oxcnotif.wakeup.method"] == ["1"]
    assert rows[late]["oxcnotif.wakeup.method"] == [] and rows[late]["oxcnotif.push.outdated"]
    assert "oxcnotif" not in rows[other]["frame.protocols"][0]
