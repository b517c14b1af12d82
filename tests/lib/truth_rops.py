# SPDX-License-Identifier: GPL-2.0-or-later
"""A small reader of ROP requests, written from [MS-OXCROPS] 2.2.3 - 2.2.15.

It exists to say what the ground truth of a capture leaves out (LogonId, output
index, NotificationTypes, ...).  It shares nothing with the plugin's own
definitions on purpose: two independent readings of one specification check
each other, and tests/captures/test_truth_readers.py holds this one against the truth
that the capture's own client wrote.  Only the ROPs that occur in the captures
are here; any other id ends the reading.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

# RopId -> (name, header indexes in wire order).  Index letters as in
# [MS-OXCROPS] 2.2.3 ff.: I input, O output, S source, D destination,
# R response handle index.
ROPS: dict[int, tuple[str, str]] = {
    0x01: ("RopRelease", "I"),
    0x02: ("RopOpenFolder", "IO"),
    0x03: ("RopOpenMessage", "IO"),
    0x04: ("RopGetHierarchyTable", "IO"),
    0x05: ("RopGetContentsTable", "IO"),
    0x06: ("RopCreateMessage", "IO"),
    0x07: ("RopGetPropertiesSpecific", "I"),
    0x09: ("RopGetPropertiesList", "I"),
    0x0A: ("RopSetProperties", "I"),
    0x0C: ("RopSaveChangesMessage", "RI"),
    0x0D: ("RopRemoveAllRecipients", "I"),
    0x0E: ("RopModifyRecipients", "I"),
    0x11: ("RopSetMessageReadFlag", "RI"),
    0x12: ("RopSetColumns", "I"),
    0x13: ("RopSortTable", "I"),
    0x15: ("RopQueryRows", "I"),
    0x16: ("RopGetStatus", "I"),
    0x17: ("RopQueryPosition", "I"),
    0x18: ("RopSeekRow", "I"),
    0x1C: ("RopCreateFolder", "IO"),
    0x1D: ("RopDeleteFolder", "I"),
    0x1E: ("RopDeleteMessages", "I"),
    0x27: ("RopGetReceiveFolder", "I"),
    0x29: ("RopRegisterNotification", "IO"),
    0x2A: ("RopNotify", ""),
    0x2B: ("RopOpenStream", "IO"),
    0x2C: ("RopReadStream", "I"),
    0x30: ("RopSetSearchCriteria", "I"),
    0x31: ("RopGetSearchCriteria", "I"),
    0x32: ("RopSubmitMessage", "I"),
    0x33: ("RopMoveCopyMessages", "SD"),
    0x35: ("RopMoveFolder", "SD"),
    0x36: ("RopCopyFolder", "SD"),
    0x43: ("RopLongTermIdFromId", "I"),
    0x49: ("RopGetAddressTypes", "I"),
    0x4F: ("RopFindRow", "I"),
    0x51: ("RopTransportNewMail", "I"),
    0x57: ("RopUpdateDeferredActionMessages", "I"),
    0x66: ("RopSetReadFlags", "I"),
    0x68: ("RopGetReceiveFolderTable", "I"),
    0x6D: ("RopGetTransportFolder", "I"),
    0x6E: ("RopPending", ""),
    0x7B: ("RopGetStoreState", "I"),
    0x91: ("RopHardDeleteMessages", "I"),
    0xFE: ("RopLogon", "O"),
}
IDS = {name: rop_id for rop_id, (name, _) in ROPS.items()}

INDEX_FIELD = {
    "I": "rop.input_handle_index",
    "O": "rop.output_handle_index",
    "S": "rop.source_handle_index",
    "D": "rop.dest_handle_index",
    "R": "rop.response_handle_index",
}

# ROPs that open a table, whose handle RopNotify then carries
# ([MS-OXCNOTIF] 3.1.4.3).
TABLE_OPENERS = (0x04, 0x05)


def response_index(rop_id: int) -> str:
    """Which index a response carries ([MS-OXCROPS] 2.2.3 ff.): the output one
    of a ROP that has one, else the source or response or input one."""
    letters = ROPS[rop_id][1]
    if "O" in letters:
        return "O"
    return letters[:1]


class Malformed(Exception):
    """The bytes do not hold what the specification says must be there."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.rops: list[RequestRop] = []    # what could be read before that


@dataclasses.dataclass
class RequestRop:
    rop_id: int
    logon_id: int
    indexes: list[tuple[str, int]]          # [("I", 0), ("O", 1)] in wire order
    fields: dict[str, Any]
    length: int

    def index(self, letter: str) -> int | None:
        return dict(self.indexes).get(letter)


class _Bytes:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Malformed(f"{count} bytes wanted at {self.at} of {len(self.data)}")
        piece = self.data[self.at:self.at + count]
        self.at += count
        return piece

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return struct.unpack("<H", self.take(2))[0]

    def u32(self) -> int:
        return struct.unpack("<I", self.take(4))[0]

    def u64(self) -> int:
        return struct.unpack("<Q", self.take(8))[0]

    def z8(self) -> bytes:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise Malformed("string without its NUL")
        return self.take(end + 1 - self.at)[:-1]

    def z16(self) -> bytes:
        start = self.at
        while self.take(2) != b"\0\0":
            pass
        return self.data[start:self.at - 2]

    def text(self, unicode: int) -> bytes:
        return self.z16() if unicode else self.z8()


def _read_fields(rop_id: int, b: _Bytes) -> dict[str, Any]:
    """The request fields behind the header; what no test asks for is skipped."""
    f: dict[str, Any] = {}
    if rop_id == 0x02:
        f["FolderId"] = b.u64()
        b.u8()
    elif rop_id == 0x03:
        b.take(2 + 8 + 1 + 8)
    elif rop_id in (0x04, 0x05):
        f["TableFlags"] = b.u8()
    elif rop_id == 0x06:
        b.take(2 + 8 + 1)
    elif rop_id == 0x07:
        b.take(4)
        f["PropertyTags"] = [b.u32() for _ in range(b.u16())]
    elif rop_id == 0x0A:
        b.take(b.u16())
    elif rop_id in (0x0C, 0x11, 0x32):
        b.u8()
    elif rop_id == 0x0D:
        b.u32()
    elif rop_id == 0x0E:
        b.take(4 * b.u16())
        for _ in range(b.u16()):
            b.take(5)
            b.take(b.u16())
    elif rop_id == 0x12:
        b.u8()
        f["PropertyTags"] = [b.u32() for _ in range(b.u16())]
    elif rop_id == 0x13:
        b.u8()
        count = b.u16()
        b.take(4 + 5 * count)
    elif rop_id == 0x15:
        b.take(4)
    elif rop_id == 0x18:
        b.take(6)
    elif rop_id == 0x1C:
        b.u8()
        unicode = b.u8()
        b.take(2)
        b.text(unicode)
        b.text(unicode)
    elif rop_id == 0x1D:
        b.take(9)
    elif rop_id in (0x1E, 0x66, 0x91):
        b.take(2)
        b.take(8 * b.u16())
    elif rop_id == 0x27:
        b.z8()
    elif rop_id == 0x29:
        f["NotificationTypes"] = b.u16()
        if f["NotificationTypes"] & 0x0400:
            b.u8()
        f["WantWholeStore"] = b.u8()
        if not f["WantWholeStore"]:
            f["FolderId"] = b.u64()
            f["MessageId"] = b.u64()
    elif rop_id == 0x2B:
        b.take(5)
    elif rop_id == 0x2C:
        if b.u16() == 0xBABE:
            b.u32()
    elif rop_id == 0x30:
        b.take(b.u16())
        b.take(8 * b.u16())
        b.u32()
    elif rop_id == 0x31:
        b.take(3)
    elif rop_id == 0x33:
        b.take(8 * b.u16())
        b.take(2)
    elif rop_id == 0x35:
        b.u8()
        unicode = b.u8()
        b.u64()
        b.text(unicode)
    elif rop_id == 0x36:
        b.take(2)
        unicode = b.u8()
        b.u64()
        b.text(unicode)
    elif rop_id == 0x43:
        b.u64()
    elif rop_id == 0x4F:
        b.u8()
        b.take(b.u16())
        b.u8()
        b.take(b.u16())
    elif rop_id == 0x51:
        b.take(16)
        b.z8()
        b.u32()
    elif rop_id == 0x57:
        b.take(b.u16())
        b.take(b.u16())
    elif rop_id == 0xFE:
        f["LogonFlags"] = b.u8()
        b.take(8)
        b.take(b.u16())
    elif rop_id not in (0x01, 0x09, 0x16, 0x17, 0x49, 0x68, 0x6D, 0x7B):
        raise Malformed(f"RopId 0x{rop_id:02x} is not read here")
    return f


def _read_rop(b: _Bytes) -> RequestRop:
    start = b.at
    rop_id = b.u8()
    if rop_id not in ROPS:
        raise Malformed(f"RopId 0x{rop_id:02x} is not read here")
    logon_id = b.u8()
    indexes = [(letter, b.u8()) for letter in ROPS[rop_id][1]]
    fields = _read_fields(rop_id, b)
    return RequestRop(rop_id, logon_id, indexes, fields, b.at - start)


def read_request(payload: bytes) -> tuple[list[RequestRop], list[int]]:
    """A ROP input buffer ([MS-OXCROPS] 2.2.1): the requests and the server
    object handle table.  Raises Malformed when the buffer is not well-formed."""
    if len(payload) < 2:
        raise Malformed("no RopSize")
    rop_size = struct.unpack_from("<H", payload)[0]
    if not 2 <= rop_size <= len(payload):
        raise Malformed(f"RopSize {rop_size}")
    if (len(payload) - rop_size) % 4:
        raise Malformed("handle table is not a whole number of handles")
    b = _Bytes(payload[2:rop_size])
    rops = []
    try:
        while b.at < len(b.data):
            rops.append(_read_rop(b))
    except Malformed as problem:
        problem.rops = rops
        raise
    handles = [h for (h,) in struct.iter_unpack("<I", payload[rop_size:])]
    return rops, handles


def read_ext(buffer: bytes) -> tuple[list[tuple[int, int, int, int]], list[bytes]]:
    """The RPC_HEADER_EXT chain ([MS-OXCRPC] 2.2.2.1): (Version, Flags, Size,
    SizeActual) and the raw payload of each, until Last."""
    headers, payloads, at = [], [], 0
    while True:
        if at + 8 > len(buffer):
            raise Malformed("RPC_HEADER_EXT cut off")
        header = struct.unpack_from("<4H", buffer, at)
        at += 8
        if at + header[2] > len(buffer):
            raise Malformed("RPC_HEADER_EXT.Size beyond the buffer")
        headers.append(header)
        piece = buffer[at:at + header[2]]
        if header[1] & 2:
            piece = bytes(x ^ 0xA5 for x in piece)
        payloads.append(piece)
        at += header[2]
        if header[1] & 4:
            if at != len(buffer):
                raise Malformed("bytes behind the Last payload")
            return headers, payloads
