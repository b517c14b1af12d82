# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the lab's ground truth true?

Before a dissector is held against it, the truth beside each lab capture is held against the capture itself: PDUs found
by reading the file here, ROP buffers put together again from their parts, follow-ups computed again by the rule that
a wake-up is followed by the next fetch of its session.  Only the last test runs Wireshark, and that without the plugin.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import struct
import subprocess
import sys
from typing import Any

import pytest

CAPTURES = pathlib.Path(__file__).resolve().parents[2] / "test-captures"
sys.path.insert(0, str(CAPTURES / "lab"))

import lab  # noqa: E402
import tshark  # noqa: E402
import wire  # noqa: E402  (the lab's own LZ77, to undo what it did)

FETCHES = {"EcDoRpcExt2", "EcDoRpc", "EcDoRpcExt", "Execute"}
NAMES = sorted(path.stem for path in CAPTURES.glob("*.json")
               if path.name.startswith(("push", "rpc-", "rpch-", "mapihttp-")) and "calls" in path.read_text()[:200000])
WINDOW = 60.0


def load(name: str) -> dict:
    return json.loads((CAPTURES / f"{name}.json").read_text())


def packets(name: str) -> list[tuple[float, bytes]]:
    """(time, bytes) of each frame; the lab writes one interface in microseconds."""
    data, found, at = (CAPTURES / f"{name}.pcapng").read_bytes(), [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            _, high, low, size, full = struct.unpack_from("<IIIII", data, at + 8)
            assert size == full
            found.append(((high << 32 | low) / 1e6, data[at + 28:at + 28 + size]))
        at += length
    return found


def payload(frame: bytes) -> bytes:
    """What TCP or UDP carry in this frame."""
    if frame[12:14] == b"\x08\x00":
        header, end, proto = 14 + (frame[14] & 15) * 4, 14 + struct.unpack_from("!H", frame, 16)[0], frame[23]
    else:
        header, end, proto = 54, 54 + struct.unpack_from("!H", frame, 18)[0], frame[20]
    if proto == 6:
        return frame[header + (frame[header + 12] >> 4) * 4:end]
    return frame[header + 8:end] if proto == 17 else b""


def test_there_are_captures():
    assert len(NAMES) >= 26


@pytest.mark.parametrize("name", NAMES)
def test_small_and_complete(name):
    truth = load(name)
    assert (CAPTURES / f"{name}.pcapng").stat().st_size < 500_000
    assert (CAPTURES / f"{name}.json").stat().st_size < 500_000
    assert len(packets(name)) == truth["frames"]
    for call in truth["calls"]:
        for frame in (*call.get("frames_req", []), *call["frames_resp"]):
            assert frame is None or 1 <= frame <= truth["frames"]
        if call["frame_req"] and call["frame_resp"]:
            assert call["frame_req"] < call["frame_resp"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("rpc-") or name.startswith("push")])
def test_pdus_are_in_their_frames(name):
    """Each PDU of a call over TCP: kind, call id and, for requests, opnum, where the truth says; the stub when not sealed."""
    truth, frames = load(name), packets(name)
    for call in truth["calls"]:
        end = ">" if call["stream"]["byte_order"] == "big" else "<"
        for numbers, kinds, stub in ((call["frames_req"], {0}, call["stub_req"]), (call["frames_resp"], {2, 3}, call["stub_resp"])):
            stubs = b""
            for number in numbers:
                if number is None:
                    continue
                # impacket and the server send one PDU at a time: the PDU ends the frame, other PDUs may stand before it.
                data = payload(frames[number - 1][1])
                found = []
                while len(data) >= 24:
                    length = struct.unpack_from(end + "H", data, 8)[0]
                    found.append(data[:length])
                    data = data[length:]
                mine = [pdu for pdu in found if struct.unpack_from(end + "I", pdu, 12)[0] == call["stream"]["call_id"] and pdu[2] in kinds]
                assert mine, (call["id"], number)
                if kinds == {0}:
                    assert {struct.unpack_from(end + "H", pdu, 22)[0] for pdu in mine} == {call["opnum"]}
                pdu = mine[0] if len(mine) == 1 else mine[len([n for n in numbers[:numbers.index(number)] if n == number])]
                stubs += pdu[24:]
            if "keys" not in truth and stub is not None and None not in numbers and len(numbers) == len(set(numbers)):
                assert stubs.hex() == stub


@pytest.mark.parametrize("name", NAMES)
def test_rop_buffers_are_the_sum_of_their_parts(name):
    for call in load(name)["calls"]:
        for direction, payloads in (("stub_req", call["payloads_in"]), ("stub_resp", call["payloads_out"])):
            for one in payloads:
                rops = b"".join(bytes.fromhex(rop["hex"]) for rop in one["rops"])
                assert one["RopSize"] == len(rops) + 2
                body = struct.pack("<H", one["RopSize"]) + rops + b"".join(struct.pack("<I", handle) for handle in one["handles"])
                if direction not in call or call[direction] is None:
                    continue
                stub, ext = bytes.fromhex(call[direction]), one["ext"]
                if ext is None:
                    assert wire.xor(body) in stub
                    continue
                head = struct.pack("<HHHH", ext["Version"], ext["Flags"], ext["Size"], ext["SizeActual"])
                assert ext["SizeActual"] == len(body)
                found = False
                at = stub.find(head)
                while at >= 0 and not found:
                    data = stub[at + 8:at + 8 + ext["Size"]]
                    if ext["Flags"] & wire.XOR_MAGIC:
                        data = wire.xor(data)
                    if ext["Flags"] & wire.COMPRESSED:
                        data = wire.unlz77(data, ext["SizeActual"])
                    found = data == body
                    at = stub.find(head, at + 1)
                assert found, call["id"]
        listed = [rop for rop in call["rops"] if rop["RopId"] == 0x2A]
        assert len(listed) == len(call["notifications"])


def asks_for_more(call: dict[str, Any]) -> bool:
    """Has the request of a fetch ROPs besides RopRelease?"""
    return any(rop["RopId"] != 0x01 for payload in call.get("payloads_in") or [] for rop in payload["rops"])


@pytest.mark.parametrize("name", NAMES)
def test_follow_ups_obey_the_rule(name):
    """Of the fetches of the session between a pending wake-up and the next one the first that brought RopNotify; if none
    did, the first that asked for nothing else, or else the first (MS-OXCNOTIF 3.2.5.5)."""
    truth, frames = load(name), packets(name)
    brought = {notification["call"] for notification in truth["notifications"]}
    pending = [wakeup for wakeup in truth["wakeups"] if wakeup["outcome"] == 1 and wakeup["session"] is not None]
    for wakeup in pending:
        later = [other["frame"] for other in pending
                 if other["session"] == wakeup["session"] and other["frame"] > wakeup["frame"]]
        fetches = sorted((call for call in truth["calls"] if call["name"] in FETCHES and call["session"] == wakeup["session"]
                          and call["frame_req"] and wakeup["frame"] < call["frame_req"] < min(later, default=1 << 32)),
                         key=lambda call: (call["id"] not in brought, asks_for_more(call), call["frame_req"]))
        if later and not fetches:
            assert (wakeup["followup_in"], wakeup["superseded_in"]) == (None, min(later)), wakeup["frame"]
        else:
            fetch = fetches[0]["frame_req"]
            assert (wakeup["followup_in"], wakeup["superseded_in"]) == (fetch, None), wakeup["frame"]
            assert frames[fetch - 1][0] - frames[wakeup["frame"] - 1][0] < WINDOW
    for wakeup in truth["wakeups"]:
        if wakeup["outcome"] != 1:
            assert wakeup["followup_in"] is None


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("push")])
def test_datagrams_are_where_they_are_said_to_be(name):
    truth, frames = load(name), packets(name)
    wakeups = {wakeup["frame"] for wakeup in truth["wakeups"] if wakeup["method"] == 1}
    for one in truth["datagrams"]:
        if one["frame"] is not None:
            assert payload(frames[one["frame"] - 1][1]).hex() == one["data"]
            assert one["wakeup"] is None or one["wakeup"] == (one["frame"] in wakeups)


def stock_tshark(arguments: list[str]) -> list[list[str]]:
    """Lines of fields from a Wireshark that has no plugin of ours, though one may be installed, and whose own dissector
    of EMSMDB (from 4.4 on, of EcDoRpcExt2 too) does not take the stubs."""
    env = {**tshark.environment(), "WIRESHARK_PLUGIN_DIR": "/nonexistent"}
    done = subprocess.run(["tshark", "--disable-protocol", "mapi", *arguments], capture_output=True, text=True, env=env,
                          cwd=tshark.scratch(), check=True, **tshark.identity())
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("rpc-") and "privacy" in name])
def test_sealed_stubs_open_with_the_key_and_only_with_it(name):
    """Wireshark decrypts every EcDoRpcExt2 to the stub that was sent; without the key none.

    Not over HTTP: without a plugin Wireshark does not see the PDUs of open channels.
    """
    truth = load(name)
    fields = ["-Y", "dcerpc.pkt_type in {0,2} && dcerpc.opnum == 11", "-T", "fields", "-e", "frame.number", "-e",
              "dcerpc.decrypted_stub_data", "-e", "dcerpc.encrypted_stub_data", "-r", str(tshark.readable(lab.capture(name)))]
    want = {}
    for call in truth["calls"]:
        if call["opnum"] == 11:
            for numbers, stub in ((call["frames_req"], call["stub_req"]), (call["frames_resp"], call["stub_resp"])):
                if len(numbers) == 1:
                    want[numbers[0]] = stub
    assert len(want) > 10
    got = {int(number): plain.split(",")[0].replace(":", "") for number, plain, _ in stock_tshark(lab.preferences(name) + fields)}
    for number, stub in want.items():
        assert got[number].startswith(stub), number
    assert not any(plain for _, plain, _ in stock_tshark(fields))
