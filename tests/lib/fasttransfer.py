# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds FastTransfer streams ([MS-OXCFXICS] 2.2.4) and the ROPs that carry them."""

from __future__ import annotations

import struct
import uuid

import carrier

COMMON = uuid.UUID("00062008-0000-0000-C000-000000000046").bytes_le
LARGE = bytes(range(256)) * 80          # more than is carried over from one buffer to the next
CLIENT_FOLDER, CONTEXT = 0x31, 0x32     # handles

START_TOP_FLD, END_FOLDER, START_MESSAGE, END_MESSAGE = 0x40090003, 0x400B0003, 0x400C0003, 0x400D0003
START_RECIP, END_TO_RECIP, NEW_ATTACH, END_ATTACH = 0x40030003, 0x40040003, 0x40000003, 0x400E0003
INCR_SYNC_CHG, INCR_SYNC_MESSAGE, INCR_SYNC_END = 0x40120003, 0x40150003, 0x40140003
STATE_BEGIN, STATE_END, IDSET_GIVEN, CNSET_SEEN = 0x403A0003, 0x403B0003, 0x40170003, 0x67960102


def u32(value):
    return struct.pack("<I", value)


def sized(data):
    return u32(len(data)) + data


def z16(text):
    return text.encode("utf-16-le") + b"\0\0"


def by_dispid(number):
    return COMMON + b"\0" + u32(number)


def by_name(name):
    return COMMON + b"\1" + z16(name)


# Every kind of atom: markers, fixed and variable values, arrays, named properties, code pages, values larger than a buffer.
STREAM = b"".join([
    u32(START_TOP_FLD), u32(0x3001001F), sized(z16("Top")),
    u32(START_MESSAGE), u32(0x0037001F), sized(z16("first message")), u32(0x0E07000B), struct.pack("<H", 1),
    u32(0x0E060040), struct.pack("<Q", 116444736000000000),
    u32(0x8503000B), by_dispid(0x8503), struct.pack("<H", 1),
    u32(0x8504001F), by_name("Keywords"), sized(z16("named")),
    u32(0x85051003), by_dispid(0x8505), u32(3), u32(1), u32(2), u32(3),
    u32(0x85061102), by_dispid(0x8506), u32(2), sized(b"ab"), sized(b""),
    u32(0x007D84E4), sized(b"M\xfcller\0"), u32(0x007E84B0), sized(z16("Uni")),
    u32(START_RECIP), u32(0x30000003), u32(7), u32(END_TO_RECIP),
    u32(NEW_ATTACH), u32(0x37010102), sized(LARGE), u32(END_ATTACH),
    u32(0x10011003), u32(3000), *(u32(number) for number in range(3000)),
    u32(END_MESSAGE), u32(END_FOLDER),
    u32(STATE_BEGIN), u32(IDSET_GIVEN), sized(COMMON + b"\0"), u32(CNSET_SEEN), sized(b""), u32(STATE_END),
])
MARKERS = [START_TOP_FLD, START_MESSAGE, START_RECIP, NEW_ATTACH, STATE_BEGIN]
ENDS = [END_TO_RECIP, END_ATTACH, END_MESSAGE, END_FOLDER, STATE_END]


def open_source(capture, handle=CONTEXT, session="s"):
    """RopFastTransferSourceCopyTo ([MS-OXCROPS] 2.2.12.7) and its answer."""
    request = struct.pack("<BBBBBIBH", 0x4D, 0, 0, 1, 0, 0, 1, 0)
    response = struct.pack("<BBI", 0x4D, 1, 0)
    capture.exchange("Execute", carrier.execute(request, [CLIENT_FOLDER, 0xFFFFFFFF]),
                     carrier.executed(response, [CLIENT_FOLDER, handle]), session)


def get_buffer(capture, piece, handle=CONTEXT, session="s"):
    """RopFastTransferSourceGetBuffer (2.2.12.4); the frame of the response."""
    request = struct.pack("<BBBH", 0x4E, 0, 0, 0x7000)
    response = struct.pack("<BBIHHHBH", 0x4E, 0, 0, 1, 0, 1, 0, len(piece)) + piece
    return 1 + capture.exchange("Execute", carrier.execute(request, [handle]), carrier.executed(response, [handle]), session)


def put_buffer(capture, piece, handle=CONTEXT, session="s"):
    """RopFastTransferDestinationPutBuffer (2.2.12.2); the frame of the request."""
    request = struct.pack("<BBBH", 0x54, 0, 0, len(piece)) + piece
    response = struct.pack("<BBIHHHBH", 0x54, 0, 0, 1, 0, 1, 0, len(piece))
    return capture.exchange("Execute", carrier.execute(request, [handle]), carrier.executed(response, [handle]), session)
