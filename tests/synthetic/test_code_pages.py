# SPDX-License-Identifier: GPL-2.0-or-later
"""8-bit strings are in the code page that the client named when it connected ([MS-OXCMAPIHTTP] 2.2.4.1.1), else
Windows-1252."""

import struct

import pytest
import mapihttp
from mapihttp import Http, ext, sized, u32

HANDLE, CONTEXT = 0x11, 0x12
TEXTS = [(1250, "cp1250", "Żółć"), (1251, "cp1251", "Папка"), (1252, "cp1252", "Müller"), (1253, "cp1253", "Φάκελος"),
         (1255, "cp1255", "תיקייה"), (874, "cp874", "โฟลเดอร์"), (932, "cp932", "受信トレイ"), (936, "gbk", "收件箱"),
         (949, "cp949", "받은편지함"), (950, "cp950", "收件匣"), (20866, "koi8-r", "Папка"), (28592, "iso8859-2", "Żółć"),
         (65001, "utf-8", "Größe 受信")]


def buffer(rops, *handles):
    return ext(struct.pack("<H", 2 + len(rops)) + rops + u32(*handles))


class Session:
    """A session whose client named a code page, if it is not None."""

    def __init__(self, code_page):
        self.capture = Http()
        self.client = self.capture.client()
        if code_page is not None:
            self.client.call("Connect", b"/o=Lab/cn=anna\0" + u32(0, code_page, 0x409, 0x409) + sized(b""), mapihttp.connected(),
                             set_cookie=["MapiContext=c1", "MapiSequence=s1"])

    def execute(self, request, response, *handles):
        return self.client.call("Execute", mapihttp.execute(buffer(request, *handles)),
                                mapihttp.executed(buffer(response, *handles)), "MapiContext=c1")

    def string8(self, tshark, data):
        """What is shown of a PtypString8."""
        value = u32(0x3001001E) + data + b"\0"
        request, _ = self.execute(struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(value), 1) + value,
                                  struct.pack("<BBIH", 0x0A, 0, 0, 0), HANDLE)
        return self.shown(tshark, request)

    def shown(self, tshark, frame):
        path = self.capture.write("code-page")
        row = tshark.fields(path, ["rop.property.value.string8"], f"frame.number == {frame}")[0]
        return row["rop.property.value.string8"], tshark.text(path, f"frame.number == {frame}")


@pytest.mark.parametrize("code_page, encoding, text", TEXTS, ids=[str(page) for page, _, _ in TEXTS])
def test_string_is_in_the_code_page_of_the_session(tshark, code_page, encoding, text):
    values, tree = Session(code_page).string8(tshark, text.encode(encoding))
    assert values == [text]
    assert f"PidTagDisplayName: {text}" in tree


@pytest.mark.parametrize("code_page", [0, 12345, 4294967295])
def test_unknown_code_page_is_read_as_western(tshark, code_page):
    assert Session(code_page).string8(tshark, "Müller".encode("cp1252"))[0] == ["Müller"]


def test_session_without_connect_is_read_as_western(tshark):
    assert Session(None).string8(tshark, "Müller".encode("cp1252"))[0] == ["Müller"]


def test_bytes_that_are_not_in_the_code_page_are_shown(tshark):
    assert Session(65001).string8(tshark, b"M\xfcller")[0] == ["Müller"]


def test_property_of_a_stream_names_its_own_code_page(tshark):
    """[MS-OXCFXICS] 2.2.4.1.1.1"""
    session = Session(1252)
    session.execute(struct.pack("<BBBBBIBH", 0x4D, 0, 0, 1, 0, 0, 1, 0), struct.pack("<BBI", 0x4D, 1, 0), HANDLE, CONTEXT)
    stream = u32(0x300184E3) + sized("Папка".encode("cp1251") + b"\0")
    response = struct.pack("<BBIHHHBH", 0x4E, 0, 0, 3, 1, 1, 0, len(stream)) + stream
    _, frame = session.execute(struct.pack("<BBBH", 0x4E, 0, 0, 0x7000), response, CONTEXT)
    assert session.shown(tshark, frame)[0] == ["Папка"]
