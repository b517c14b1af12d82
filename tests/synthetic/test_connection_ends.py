# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end of a connection says of its wait: who ended it, whether it was meant, and whether it was an end at all."""

from __future__ import annotations

import pathlib
import struct

import carrier
import pytest
import rpc_streams as rpc
import rpch_streams as pdus
import tshark as tools
from mapihttp import DISCONNECT, DONE_DISCONNECT, FIN, RST, TO_CLIENT, TO_SERVER, WAIT, Client, Http, shown, waited

CUT_OFF, ABANDONED, PENDING = "4", "5", "1"
BY_CLIENT, BY_SERVER, BY_DEVICE = "1", "2", "3"
COOKIE = "MapiContext=c1"
ACK = 0x10
FIELDS = ("oxcnotif.wakeup.outcome", "oxcnotif.wakeup.closed_by", "mapihttp.cut_off", "oxcnotif.wait.cut_off")
PASSES = pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])


def ends(path: pathlib.Path, two_pass: bool) -> dict[int, tuple[str, ...]]:
    """frame -> outcome, and who ended it; other frames are not said to cut anything off."""
    rows = shown(path, FIELDS, two_pass)
    found = {frame: (*row["oxcnotif.wakeup.outcome"], *row["oxcnotif.wakeup.closed_by"]) for frame, row in rows.items()}
    assert [frame for frame, row in rows.items() if row["mapihttp.cut_off"]] == \
        [frame for frame, told in found.items() if CUT_OFF in told]
    return {frame: told for frame, told in found.items() if told}


def waiting() -> tuple[Http, Client, Client]:
    """A capture, the connection of a session's calls, and that of its wait, which the server has acknowledged."""
    http = Http()
    client, wait = http.client(), http.client()
    client.connect([COOKIE])
    wait.count = 20
    wait.request("NotificationWait", WAIT, COOKIE)
    wait.link.segment(TO_CLIENT, b"", flags=ACK)
    http.tcp.pause(60)
    return http, client, wait


@PASSES
@pytest.mark.parametrize("way", [TO_CLIENT, TO_SERVER])
@pytest.mark.parametrize("hops", [64, 61, 255])
def test_reset_that_comes_another_way_is_of_a_device(tshark, way: int, hops: int, two_pass: bool):
    http, _, wait = waiting()
    wait.link.hops = hops
    reset = wait.end(RST, way)
    sender = BY_SERVER if way == TO_CLIENT else BY_CLIENT
    expected = (CUT_OFF, sender if hops == 64 else BY_DEVICE)
    assert ends(http.write(f"ends-reset-{way}-{hops}"), two_pass) == {reset: expected}


@PASSES
def test_packets_that_are_seen_before_and_behind_a_router_come_both_ways(tshark, two_pass: bool):
    http, _, wait = waiting()
    behind = http.tcp.frames[-1]
    http.tcp.frames.append(behind[:22] + b"\x3f" + behind[23:])
    wait.link.hops = 63
    reset = wait.end(RST)
    assert ends(http.write("ends-both-ways"), two_pass) == {reset: (CUT_OFF, BY_SERVER)}


@PASSES
def test_reset_of_a_sender_of_whom_nothing_else_was_captured_is_its_own(tshark, two_pass: bool):
    http = Http()
    client, wait = http.client(), http.client()
    client.connect([COOKIE])
    wait.count = 20
    wait.request("NotificationWait", WAIT, COOKIE)
    wait.link.hops = 255
    reset = wait.end(RST)
    assert ends(http.write("ends-nothing-else"), two_pass) == {reset: (CUT_OFF, BY_SERVER)}


@PASSES
@pytest.mark.parametrize("hops", [64, 255])
def test_reset_of_a_connection_of_rpc(tshark, hops: int, two_pass: bool):
    capture, _, waits = rpc_waiting()
    waits._say(1, b"", ACK)
    reset = waits.reset()
    record = bytearray(capture.records[-1])
    record[8] = hops
    capture.records[-1] = bytes(record)
    rows = shown(capture.write(f"ends-rpc-{hops}.pcap", {reset: 60}), FIELDS[:2], two_pass)
    expected = {"oxcnotif.wakeup.outcome": [CUT_OFF], "oxcnotif.wakeup.closed_by": [BY_SERVER if hops == 64 else BY_DEVICE]}
    assert {name: rows[reset][name] for name in expected} == expected


@PASSES
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("way", [TO_CLIENT, TO_SERVER])
def test_wait_that_ends_behind_a_disconnect_is_not_cut_off(tshark, way: int, answered: bool, two_pass: bool):
    http, client, wait = waiting()
    client.request("Disconnect", DISCONNECT, COOKIE)
    if answered:
        client.response("Disconnect", DONE_DISCONNECT)
    wait.end(FIN, way)
    assert ends(http.write(f"ends-disconnect-{way}-{answered}"), two_pass) == {}


@PASSES
def test_session_that_goes_on_behind_a_disconnect_is_not_left(tshark, two_pass: bool):
    """The server refused the Disconnect."""
    http, client, wait = waiting()
    client.request("Disconnect", DISCONNECT, COOKIE)
    client.response(None, b"busy", code=None, status="503 Service Unavailable", content_type="text/html", request_id=False)
    client.request("PING", None, COOKIE)
    client.response("PING", b"")
    client.request("Execute", b"", COOKIE)
    end = wait.end(FIN)
    assert ends(http.write("ends-refused-disconnect"), two_pass)[end] == (CUT_OFF, BY_SERVER)


def test_half_closed_connection_still_brings_the_answer(tshark):
    http, _, wait = waiting()
    wait.end(FIN, TO_SERVER)
    wait.link.seq[TO_SERVER] += 1
    http.tcp.pause(20)
    answer = wait.response("NotificationWait", waited(1))
    wait.end(FIN, TO_CLIENT)
    assert ends(http.write("ends-half"), True) == {answer: (PENDING,)}


def rpc_waiting() -> tuple[carrier.Capture, rpc.Stream, rpc.Stream]:
    capture = carrier.Capture()
    calls = rpc.Stream(capture).bound()
    calls.connect()
    acxh = rpc.CXH[:4] + bytes(reversed(rpc.CXH[4:]))
    calls.call(3, 14, rpc.CXH, acxh + bytes(4))
    waits = rpc.Stream(capture, client_port=50001).bound(rpc.ASYNCEMSMDB)
    waits.call(2, 0, acxh + bytes(4))
    return capture, calls, waits


def test_wait_whose_ports_are_used_again_is_abandoned(tshark):
    http = Http()
    client, wait = http.client(), http.client()
    client.connect([COOKIE])
    wait.count = 20
    request = wait.request("NotificationWait", WAIT, COOKIE)
    http.tcp.pause(100)
    http.tcp.again(wait.link)
    path = http.write("ends-ports")
    assert ends(path, True) == {request: (ABANDONED,)}
    text = tools.text(path, args=("-q", "-z", "oxcnotif,events"))
    assert text.count('"outcome":"abandoned"') == 1


def test_answered_wait_has_nothing_to_do_with_who_has_its_ports_next(tshark):
    http = Http()
    client, wait = http.client(), http.client()
    client.connect([COOKIE])
    wait.count = 20
    _, answer = wait.call("NotificationWait", WAIT, waited(0), COOKIE)
    http.tcp.again(wait.link)
    assert ends(http.write("ends-ports-answered"), True) == {answer: ("2",)}


def test_wait_over_rpc_whose_ports_are_used_again_is_abandoned(tshark):
    capture, _, waits = rpc_waiting()
    request = len(capture.records)
    for side, flags in ((0, 0x02), (1, 0x12)):
        waits.position = [9_000_000, 7_000_000]
        waits._say(side, b"", flags)
    rows = shown(capture.write("ends-ports-rpc.pcap", {request + 1: 400}), FIELDS[:2], True)
    assert {frame: row["oxcnotif.wakeup.outcome"] for frame, row in rows.items() if row["oxcnotif.wakeup.outcome"]} == \
        {request: [ABANDONED]}


EXITING, REJECTED = 0x3ED, 0x7EE
WARN = 0x600000


def warned(path: pathlib.Path, two_pass: bool) -> bool:
    rows = tools.fields(path, ["_ws.expert.severity"], two_pass=two_pass)
    return any(int(level) >= WARN for row in rows for level in row["_ws.expert.severity"])


@PASSES
@pytest.mark.parametrize("result", [EXITING, REJECTED])
@pytest.mark.parametrize("leaves", [False, True])
def test_wait_that_ends_as_the_session_is_given_up_is_no_failure(tshark, result: int, leaves: bool, two_pass: bool):
    """Exiting is what the server answers then ([MS-OXCRPC] 3.3.4.1, [MS-OXCMAPIHTTP] 2.2.4.4.2)."""
    http, client, wait = waiting()
    if leaves:
        client.request("Disconnect", DISCONNECT, COOKIE)
    wait.response("NotificationWait", waited(0, result))
    if leaves:
        client.response("Disconnect", DONE_DISCONNECT)
    assert warned(http.write(f"ends-exiting-{result}-{leaves}"), two_pass) == (not leaves or result != EXITING)


@PASSES
@pytest.mark.parametrize("leaves", [False, True])
def test_rpc_wait_that_ends_as_the_session_is_given_up_is_no_failure(tshark, leaves: bool, two_pass: bool):
    capture, calls, waits = rpc_waiting()
    if leaves:
        calls.up(pdus.request(4, 1, rpc.CXH))
    waits.down(pdus.response(2, struct.pack("<II", 0, EXITING)))
    if leaves:
        calls.down(pdus.response(4, bytes(24)))
    assert warned(capture.write(f"ends-rpc-exiting-{leaves}.pcap"), two_pass) == (not leaves)
