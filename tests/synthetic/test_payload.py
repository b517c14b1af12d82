# SPDX-License-Identifier: GPL-2.0-or-later
"""Extended buffers and auxiliary blocks ([MS-OXCRPC] 2.2.2): what is right is read, what is wrong has an expert item of its
own and costs nothing of what stands behind the buffer."""

import functools
import struct
import uuid

import lab
import pytest
from mapihttp import (COMPRESSED, LAST, XOR, Http, aux_block, execute, ext, literals, obfuscated, rops, shown, u32)

EXPERTS = ("rop.ext.header_truncated", "rop.ext.version_wrong", "rop.ext.flags_unknown", "rop.ext.size_wrong",
           "rop.ext.empty", "rop.ext.size_actual_wrong", "rop.ext.decompression_failed", "rop.ext.decompressed_size",
           "rop.ext.no_last", "rop.ext.after_last", "rop.ext.too_many", "rop.aux.header_truncated", "rop.aux.size_wrong",
           "rop.aux.block_truncated", "rop.aux.unknown", "rop.malformed", "rop.truncated")
FIELDS = ("rop.handle", "rop.ext.version", "rop.ext.flags", "rop.ext.size", "rop.ext.size_actual", "mapihttp.max_rop_out",
          "rop.aux.type", "rop.aux.session_id", "rop.aux.request_id", "rop.aux.machine_name", "rop.aux.user_name",
          "rop.aux.client_ip", "rop.aux.data")


def compressed(payload, flags=COMPRESSED | LAST, size_actual=None, stream=None):
    stream = literals(payload) if stream is None else stream
    return ext(stream, flags, size_actual=len(payload) if size_actual is None else size_actual)


def match(distance, length):
    """A mask with a match as its first element, which asks for more than a nibble and a byte can say."""
    return struct.pack("<IHBBH", 0x80000000, (distance - 1) << 3 | 7, 0x0F, 0xFF, length - 3)


HANDLES = rops(0x11, 0x22)
# 32 bytes with handles, then matches of 65538 bytes each: 6 MB of it. Nobody may unpack that to find the handles.
# Two matches share the byte of their nibbles; a mask of ones is 32 matches.
PAIR = struct.pack("<HBBHHBH", 7, 0xFF, 0xFF, 65535, 7, 0xFF, 65535)
BOMB = literals(rops(*[0x11] * 7) + bytes(2))[:36] + (u32(0xFFFFFFFF) + PAIR * 16) * 3 + u32(0xFFFFFFFF)

CHAINS = {
    "plain": (ext(HANDLES), (), [0x11, 0x22]),
    "obfuscated": (ext(obfuscated(HANDLES), XOR | LAST), (), [0x11, 0x22]),
    "compressed": (compressed(HANDLES), (), [0x11, 0x22]),
    "compressed and obfuscated": (ext(obfuscated(literals(HANDLES)), COMPRESSED | XOR | LAST, size_actual=len(HANDLES)), (),
                                  [0x11, 0x22]),
    "chain of three": (ext(HANDLES, 0) + ext(obfuscated(rops(0x33)), XOR) + compressed(rops(0x44)), (),
                       [0x11, 0x22, 0x33, 0x44]),
    "half a header": (ext(HANDLES)[:6], ("rop.ext.header_truncated",), []),
    "half a second header": (ext(HANDLES, 0) + b"\0\0\4\0", ("rop.ext.header_truncated",), [0x11, 0x22]),
    "Version 1": (ext(HANDLES, version=1), ("rop.ext.version_wrong",), [0x11, 0x22]),
    "unknown flag": (ext(HANDLES, LAST | 0x80), ("rop.ext.flags_unknown",), [0x11, 0x22]),
    "Size beyond the data": (ext(HANDLES, size=len(HANDLES) + 5), ("rop.ext.size_wrong",), [0x11, 0x22]),
    "Size 0": (ext(b""), ("rop.ext.empty",), []),
    "SizeActual is not Size": (ext(HANDLES, size_actual=7), ("rop.ext.size_actual_wrong",), [0x11, 0x22]),
    "no Last": (ext(HANDLES, 0), ("rop.ext.no_last",), [0x11, 0x22]),
    "no Last in a chain": (ext(HANDLES, 0) + ext(rops(0x33), 0), ("rop.ext.no_last",), [0x11, 0x22, 0x33]),
    "bytes behind Last": (ext(HANDLES) + ext(rops(0x33)), ("rop.ext.after_last",), [0x11, 0x22]),
    "compressed, but is not": (ext(HANDLES, COMPRESSED | LAST), ("rop.ext.decompression_failed",), []),
    "match before the beginning": (compressed(HANDLES, stream=match(1, 300)), ("rop.ext.decompression_failed",), []),
    "yields less than SizeActual": (compressed(HANDLES, size_actual=len(HANDLES) + 1), ("rop.ext.decompressed_size",), [0x11, 0x22]),
    "yields more than SizeActual": (compressed(HANDLES, size_actual=len(HANDLES) - 1), ("rop.ext.decompressed_size",), [0x11, 0x22]),
    "yields megabytes": (compressed(HANDLES, stream=BOMB), ("rop.ext.decompressed_size",), []),
    "96 payloads": (ext(rops(1), 0) * 95 + ext(rops(1)), (), [1] * 96),
    "97 payloads": (ext(rops(1), 0) * 96 + ext(rops(1)), ("rop.ext.too_many",), [1] * 96),
    "96 payloads without Last": (ext(rops(1), 0) * 96, ("rop.ext.no_last",), [1] * 96),
}

CLIENT_INFO = 4 + 28
NAME, USER = "LAB\0".encode("utf-16-le"), "anna\0".encode("utf-16-le")


def client_info(machine_at=CLIENT_INFO, user_at=CLIENT_INFO + len(NAME), ip_size=4, ip_at=CLIENT_INFO + len(NAME) + len(USER)):
    """AUX_PERF_CLIENTINFO ([MS-OXCRPC] 2.2.2.2.2), its data in an order of its own."""
    return aux_block(2, struct.pack("<IHHHHHHHHHHHH", 1000, 1, machine_at, user_at, ip_size, ip_at, 0, 0, 0, 0, 0, 2, 0)
                     + NAME + USER + bytes([10, 0, 0, 1]))


REQUEST_ID = aux_block(1, struct.pack("<HH", 5, 6))
AUX = {
    "none": (b"", (), {"rop.aux.type": []}),
    "two blocks": (ext(REQUEST_ID + client_info()), (), {
        "rop.aux.type": [1, 2], "rop.aux.session_id": [5], "rop.aux.request_id": [6], "rop.aux.machine_name": ["LAB"],
        "rop.aux.user_name": ["anna"], "rop.aux.client_ip": ["0a000001"]}),
    "obfuscated": (ext(obfuscated(REQUEST_ID), XOR | LAST), (), {"rop.aux.session_id": [5]}),
    "compressed": (compressed(REQUEST_ID), (), {"rop.aux.session_id": [5]}),
    "no Last": (ext(REQUEST_ID, 0), ("rop.ext.no_last",), {"rop.aux.session_id": [5]}),
    "a second buffer": (ext(REQUEST_ID) + ext(REQUEST_ID), ("rop.ext.after_last",), {"rop.aux.session_id": [5]}),
    "half a header": (ext(REQUEST_ID)[:5], ("rop.ext.header_truncated",), {"rop.aux.type": []}),
    "half an AUX_HEADER": (ext(REQUEST_ID + b"\x08\0"), ("rop.aux.header_truncated",), {"rop.aux.session_id": [5]}),
    "Size below a header": (ext(REQUEST_ID + aux_block(1, bytes(4), size=3)), ("rop.aux.size_wrong",), {
        "rop.aux.type": [1, 1], "rop.aux.session_id": [5]}),
    "Size 0": (ext(aux_block(1, bytes(4), size=0)), ("rop.aux.size_wrong",), {"rop.aux.session_id": []}),
    "Size beyond the buffer": (ext(aux_block(1, bytes(4), size=9)), ("rop.aux.size_wrong",), {"rop.aux.session_id": []}),
    "block too short": (ext(aux_block(1, struct.pack("<HB", 5, 6)) + REQUEST_ID), ("rop.aux.block_truncated", "rop.truncated"), {
        "rop.aux.session_id": [5, 5], "rop.aux.request_id": [6]}),
    "offset out of the block": (ext(client_info(machine_at=0x300) + REQUEST_ID), ("rop.malformed",), {
        "rop.aux.machine_name": [], "rop.aux.user_name": ["anna"], "rop.aux.session_id": [5]}),
    "data beyond the block": (ext(client_info(ip_size=5)), ("rop.truncated",), {"rop.aux.client_ip": []}),
    "offset into the AUX_HEADER": (ext(client_info(user_at=3)), ("rop.malformed",), {"rop.aux.user_name": []}),
    "offset 0 is none": (ext(client_info(user_at=0)), (), {"rop.aux.user_name": []}),
    "unknown type": (ext(aux_block(0x60, b"\1\2\3") + REQUEST_ID), ("rop.aux.unknown",), {"rop.aux.session_id": [5]}),
    "types without a layout": (ext(aux_block(0x43, b"\1\2\3") + aux_block(0x52, b"\4") + REQUEST_ID), (), {
        "rop.aux.type": [0x43, 0x52, 1], "rop.aux.data": ["010203", "04"], "rop.aux.session_id": [5]}),
    "unknown version": (ext(aux_block(1, b"\1\2\3\4", version=3) + REQUEST_ID), ("rop.aux.unknown",), {"rop.aux.session_id": [5]}),
}


@functools.lru_cache(maxsize=None)
def capture(two_pass=False):
    http, frames = Http(), {}
    client = http.client()
    client.connect()
    for name, (buffer, *_) in CHAINS.items():
        frames["chain", name] = client.request("Execute", execute(buffer), "MapiContext=c1")
        client.response("Execute", u32(0, 0x4B6, 0, 0, 0))
    for name, (buffer, *_) in AUX.items():
        frames["aux", name] = client.request("Execute", execute(ext(HANDLES), buffer), "MapiContext=c1")
        client.response("Execute", u32(0, 0x4B6, 0, 0, 0))
    rows = shown(http.write("payloads"), [*EXPERTS, *FIELDS], two_pass)
    return {case: rows[frame] for case, frame in frames.items()}


def experts_of(row):
    return [name for name in EXPERTS if row[name]]


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", CHAINS)
def test_chain(tshark, name, two_pass):
    _, experts, handles = CHAINS[name]
    row = capture(two_pass)["chain", name]
    assert experts_of(row) == sorted(experts, key=EXPERTS.index)
    assert [int(handle, 0) for handle in row["rop.handle"]] == handles
    # What stands behind the buffer is still found.
    assert [int(size, 0) for size in row["mapihttp.max_rop_out"]] == [0x8000]


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", AUX)
def test_aux(tshark, name, two_pass):
    _, experts, fields = AUX[name]
    row = capture(two_pass)["aux", name]
    assert experts_of(row) == sorted(experts, key=EXPERTS.index)
    for field, values in fields.items():
        assert [int(v, 0) if values and isinstance(values[0], int) else v for v in row[field]] == values, field
    assert [int(handle, 0) for handle in row["rop.handle"]] == [0x11, 0x22]


def test_header_fields(tshark):
    row = capture()["chain", "chain of three"]
    stream = len(literals(rops(0x44)))
    assert [int(v, 0) for v in row["rop.ext.flags"]] == [0, XOR, COMPRESSED | LAST]
    assert [int(v, 0) for v in row["rop.ext.size"]] == [len(HANDLES), len(rops(0x33)), stream]
    assert [int(v, 0) for v in row["rop.ext.size_actual"]] == [len(HANDLES), len(rops(0x33)), len(rops(0x44))]


def test_every_truncation(tshark):
    """Every buffer cut off behind every byte, its size telling the truth."""
    http, missing = Http(), {}
    client = http.client()
    client.connect()
    for name in ("plain", "obfuscated", "compressed", "chain of three"):
        buffer = CHAINS[name][0]
        for size in range(1, len(buffer)):
            missing[client.request("Execute", execute(buffer[:size]), "MapiContext=c1")] = (name, size)
            client.response("Execute", u32(0, 0x4B6, 0, 0, 0))
    buffer = AUX["two blocks"][0]
    for size in range(1, len(buffer)):
        missing[client.request("Execute", execute(aux=buffer[:size]), "MapiContext=c1")] = ("aux", size)
        client.response("Execute", u32(0, 0x4B6, 0, 0, 0))
    rows = shown(http.write("truncated-payloads"), EXPERTS)
    assert not [case for frame, case in missing.items() if not experts_of(rows[frame])]


# --- the lab's blocks -------------------------------------------------------------

def buffers(call):
    """The auxiliary buffers of a call: (frame, what the lab wrote)."""
    for direction, frame in (("request", call["frame_req"]), ("response", call["frame_resp"])):
        parameters = (call.get("parameters") or {}).get(direction) or {}
        for name in ("AuxiliaryBuffer", "rgbAuxIn", "rgbAuxOut"):
            if isinstance(parameters.get(name), dict) and frame:
                yield frame, parameters[name]


LAB = [name for name in lab.names("mapihttp-", "rpc-")
       if any(True for call in lab.truth(name)["calls"] for _ in buffers(call))]


def aux_filter(field):
    """Reserved1, Reserved2, ... are one field."""
    return "rop.aux.reserved" if field.startswith("Reserved") else f"rop.aux.{lab.snake(field)}"


def as_shown(value, seen):
    """A value of the lab in the way tshark shows the field."""
    if isinstance(value, int):
        return int(seen, 0) == value
    raw = bytes.fromhex(value)
    try:
        return uuid.UUID(seen).bytes_le == raw
    except ValueError:
        return seen.replace(":", "") == value or seen == raw.decode("utf-16-le", "replace").rstrip("\0")


@pytest.mark.parametrize("name", LAB)
def test_blocks_of_the_lab(tshark, name):
    known = [(frame, buffer) for call in lab.truth(name)["calls"] for frame, buffer in buffers(call)]
    fields = sorted({aux_filter(field) for _, buffer in known for block in buffer["blocks"] for field in block["fields"]})
    assert set(fields) <= tshark.registered(), set(fields) - tshark.registered()
    rows = {row["frame"]: row for row in tshark.fields(
        lab.capture(name), ["rop.aux.type", "rop.aux.version", *fields], args=lab.preferences(name))}
    for frame, buffer in known:
        row, at = rows[frame], dict.fromkeys(fields, 0)
        assert [int(t, 0) for t in row["rop.aux.type"]] == [block["Type"] for block in buffer["blocks"]], frame
        assert [int(v, 0) for v in row["rop.aux.version"]] == [block["Version"] for block in buffer["blocks"]], frame
        for block in buffer["blocks"]:
            for field, value in block["fields"].items():
                filter_name = aux_filter(field)
                seen = row[filter_name]
                assert at[filter_name] < len(seen) and as_shown(value, seen[at[filter_name]]), (frame, block, field, seen)
                at[filter_name] += 1
