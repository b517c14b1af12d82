# SPDX-License-Identifier: GPL-2.0-or-later
"""ROPs of a short story ([MS-OXCROPS] 2.2), each as the bytes of its request and of its response, and the session of MAPI/HTTP
that they are exchanged in."""

from __future__ import annotations

import pathlib
import struct
from typing import NamedTuple

import carrier
import tshark

NONE = 0xFFFFFFFF
DISPLAY_NAME, DISPLAY_NAME8, FOLDER_ID, SUBJECT = 0x3001001F, 0x3001001E, 0x67480014, 0x0037001F
M = 0x8000


def folder_id(number: int) -> int:
    """A FolderId or MessageId of the first replica: ReplicaId, and GlobalCounter with its first byte in front."""
    return int.from_bytes(struct.pack("<H", 1) + number.to_bytes(6, "big"), "little")


def z16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass") + b"\0\0"


class Rop(NamedTuple):
    """Either side may be empty: RopRelease has no response, RopNotify no request."""
    request: bytes
    response: bytes = b""


def _ok(rop: int, index: int) -> bytes:
    return struct.pack("<BBI", rop, index, 0)


def failed(rop: Rop, error: int) -> Rop:
    """The same, refused: nothing but the head of the response."""
    return Rop(rop.request, rop.response[:2] + struct.pack("<I", error))


def logon(index: int, logon_id: int = 0, first: int = 1, public: bool = False, essdn: str = "/o=Lab/cn=anna") -> Rop:
    """FolderIds are first, first + 1, ..."""
    name = essdn.encode() + b"\0"
    request = struct.pack("<BBBBIIH", 0xFE, logon_id, index, 0 if public else 1, 0x01000002 if public else 0x01000000, 0,
                          len(name)) + name
    ids = struct.pack("<13Q", *(folder_id(first + at) for at in range(13)))
    guid = bytes(range(16))
    if public:
        return Rop(request, _ok(0xFE, index) + b"\0" + ids + b"\1\0" + guid + guid)
    return Rop(request, _ok(0xFE, index) + b"\1" + ids + b"\7" + guid + b"\1\0" + guid + bytes(8) + bytes(8) + bytes(4))


def release(index: int, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBB", 1, logon_id, index))


def open_folder(parent: int, index: int, number: int, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBQB", 2, logon_id, parent, index, folder_id(number), 0), _ok(2, index) + b"\0\0")


def create_folder(parent: int, index: int, number: int, name: bytes, unicode: bool = True, existing: bool = False,
                  logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBBBBB", 0x1C, logon_id, parent, index, 1, unicode, existing, 0) + name + (b"\0\0" if unicode else b"\0"),
               _ok(0x1C, index) + struct.pack("<Q", folder_id(number)) + (b"\1\0\0" if existing else b"\0"))


def delete_folder(parent: int, number: int, partial: bool = False, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBQ", 0x1D, logon_id, parent, 5, folder_id(number)), _ok(0x1D, parent) + bytes([partial]))


def move_folder(source: int, target: int, number: int, name: str, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBBBQ", 0x35, logon_id, source, target, 0, 1, folder_id(number)) + z16(name), _ok(0x35, source) + b"\0")


def copy_folder(source: int, target: int, number: int, name: str, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBBBBQ", 0x36, logon_id, source, target, 0, 1, 1, folder_id(number)) + z16(name),
               _ok(0x36, source) + b"\0")


def hierarchy_table(parent: int, index: int, flags: int = 0, rows: int = 0, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBB", 4, logon_id, parent, index, flags), _ok(4, index) + struct.pack("<I", rows))


def contents_table(parent: int, index: int, flags: int = 0, rows: int = 0, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBBBB", 5, logon_id, parent, index, flags), _ok(5, index) + struct.pack("<I", rows))


def set_columns(index: int, *tags: int, logon_id: int = 0) -> Rop:
    return Rop(struct.pack(f"<BBBBH{len(tags)}I", 0x12, logon_id, index, 0, len(tags), *tags), _ok(0x12, index) + b"\0")


def query_rows(index: int, *rows: bytes, logon_id: int = 0) -> Rop:
    """Rows with their flag in front."""
    return Rop(struct.pack("<BBBBBH", 0x15, logon_id, index, 0, 1, 50), _ok(0x15, index) + struct.pack("<BH", 2, len(rows)) + b"".join(rows))


def query_position(index: int, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBB", 0x17, logon_id, index), _ok(0x17, index) + bytes(8))


def reset_table(index: int, logon_id: int = 0) -> Rop:
    return Rop(struct.pack("<BBB", 0x81, logon_id, index), _ok(0x81, index))


def folder_row(number: int, name: str) -> bytes:
    """A row of the columns FOLDER_ID, DISPLAY_NAME."""
    return b"\0" + struct.pack("<Q", folder_id(number)) + z16(name)


def register(parent: int, index: int, types: int = 0x7E, number: int | None = None, message: int | None = None, logon_id: int = 0) -> Rop:
    """number: the folder; none: the whole store."""
    scope = b"\1" if number is None else struct.pack("<BQQ", 0, folder_id(number), folder_id(message) if message else 0)
    return Rop(struct.pack("<BBBBH", 0x29, logon_id, parent, index, types) + scope, _ok(0x29, index))


def notify(handle: int, flags: int, *ids: int, tags: tuple[int, ...] | None = None, more: bytes = b"", logon_id: int = 0) -> Rop:
    """ids: of the folder, of the message, ... as flags ask for; tags: of an object that was created or modified."""
    data = struct.pack(f"<BIBH{len(ids)}Q", 0x2A, handle, logon_id, flags, *map(folder_id, ids))
    if tags is not None:
        data += struct.pack(f"<H{len(tags)}I", len(tags), *tags)
    return Rop(b"", data + more)


def new_mail(handle: int, number: int, message: int, message_class: str = "IPM.Note", logon_id: int = 0) -> Rop:
    return notify(handle, M | 2, number, message, more=struct.pack("<IB", 0, 1) + z16(message_class), logon_id=logon_id)


def table_changed(handle: int, message: bool, logon_id: int = 0) -> Rop:
    return Rop(b"", struct.pack("<BIBHH", 0x2A, handle, logon_id, 0x100 | (M if message else 0), 1))


def ids_of_names(index: int, names: bytes, *ids: int, error: int = 0, logon_id: int = 0) -> Rop:
    """RopGetPropertyIdsFromNames; names: PropertyNames one behind the other."""
    return Rop(struct.pack("<BBBBH", 0x56, logon_id, index, 2, len(ids)) + names,
               struct.pack(f"<BBIH{len(ids)}H", 0x56, index, error, len(ids), *ids))


def names_of_ids(index: int, names: bytes, *ids: int, logon_id: int = 0) -> Rop:
    """RopGetNamesFromPropertyIds"""
    return Rop(struct.pack(f"<BBBH{len(ids)}H", 0x55, logon_id, index, len(ids), *ids),
               _ok(0x55, index) + struct.pack("<H", len(ids)) + names)


def named(guid: bytes, name: str | int) -> bytes:
    """A PropertyName"""
    if isinstance(name, int):
        return b"\0" + guid + struct.pack("<I", name)
    return b"\1" + guid + bytes([len(z16(name))]) + z16(name)


def get_properties(index: int, tags: tuple[int, ...], row: bytes, logon_id: int = 0) -> Rop:
    return Rop(struct.pack(f"<BBBHHH{len(tags)}I", 7, logon_id, index, 0, 1, len(tags), *tags), _ok(7, index) + row)


def set_properties(index: int, *tagged: bytes, logon_id: int = 0) -> Rop:
    data = b"".join(tagged)
    return Rop(struct.pack("<BBBHH", 0x0A, logon_id, index, 2 + len(data), len(tagged)) + data, _ok(0x0A, index) + b"\0\0")


class Story:
    """A session; each call returns the frame of its response, behind that of its request."""

    def __init__(self, code_page: int | None = None, user: str = "/o=Lab/cn=anna", name: str = "Anna",
                 capture: carrier.Capture | None = None, session: str = "s"):
        self.capture, self.session = capture or carrier.Capture(), session
        if code_page is not None:
            body = user.encode() + b"\0" + struct.pack("<IIIII", 0, code_page, 0x409, 0x409, 0)
            answer = struct.pack("<IIIII", 0, 0, 60000, 6, 10000) + b"\0" + z16(name) + bytes(4)
            self.capture.exchange("Connect", body, answer, session)

    def call(self, *rops: Rop, asked: tuple[int, ...] = (), got: tuple[int, ...] | None = None) -> int:
        """asked, got: the handle tables."""
        request, response = b"".join(rop.request for rop in rops), b"".join(rop.response for rop in rops)
        return 1 + self.capture.exchange("Execute", carrier.execute(request, asked),
                                         carrier.executed(response, asked if got is None else got), self.session)

    def write(self, name: str) -> pathlib.Path:
        return self.capture.write(f"{name}.pcap")

    def frames(self, name: str, display_filter: str, two_pass: bool = True) -> list[int]:
        return [row["frame"] for row in tshark.fields(self.write(name), [], display_filter, two_pass=two_pass)]
