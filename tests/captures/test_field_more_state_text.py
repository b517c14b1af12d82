# SPDX-License-Identifier: GPL-2.0-or-later
"""8-bit text is in the code page that is nearest to it: of its structure, its message, its address book call, its session."""

from __future__ import annotations

import struct

import pytest

import carrier
import rop_story as rop
import rpc_streams as rpc
import tshark as tools
from rop_story import NONE, Rop, Story

LOGON, SUBSCRIPTION, FOLDER, NUMBER = 4, 30, 20, 0x77
CYRILLIC = "Папка"

NAMES = {932: ("cp932", "表示 受信"), 936: ("gbk", "收件箱"), 949: ("cp949", "받은편지함"), 950: ("cp950", "收件匣 功許"),
         1251: ("cp1251", CYRILLIC), 1253: ("cp1253", "Φάκελος"), 1255: ("cp1255", "תיקייה"), 65001: ("utf-8", "Größe"),
         20127: ("ascii", "Plain"), 10000: ("mac_roman", "Größe"), 20936: ("gb2312", "收件"), 51949: ("euc_kr", "받은"),
         50220: ("iso2022_jp", "受信"), 54936: ("gb18030", "收件箱€"), 12345: ("cp1252", "Größe"), 1200: ("cp1252", "Größe")}


def begun(code_page: int, **how) -> Story:
    story = Story(code_page, **how)
    story.call(rop.logon(0), asked=(NONE,), got=(LOGON,))
    story.call(rop.register(0, 1), asked=(LOGON, NONE), got=(LOGON, SUBSCRIPTION))
    return story


def made(name: bytes) -> Rop:
    return rop.create_folder(0, 1, NUMBER, name, unicode=False)


def info(story: Story, frame: int, two_pass: bool = False) -> str:
    return tools.fields(story.write("text"), ["_ws.col.Info"], f"frame.number == {frame}", two_pass=two_pass)[0]["_ws.col.Info"][0]


def told(name: str) -> str:
    return f"Execute response, RopNotify NewMail {name} IPM.Note"


def opened(code_page: int, prefix: bytes, subject: bytes, recipients: bytes = b"\0\0\0\0\0") -> Rop:
    """RopOpenMessage; prefix, subject: TypedStrings."""
    request = struct.pack("<BBBBHQBQ", 3, 0, 0, 1, code_page, rop.folder_id(5), 0, rop.folder_id(0x900))
    return Rop(request, struct.pack("<BBIB", 3, 1, 0, 0) + prefix + subject + recipients)


def shown(story: Story, frame: int) -> str:
    return tools.text(story.write("text"), f"frame.number == {frame}")


@pytest.mark.parametrize("code_page", NAMES)
def test_folder_has_its_name_in_the_code_page_of_the_session(tshark, code_page: int) -> None:
    encoding, name = NAMES[code_page]
    story = begun(code_page)
    story.call(made(name.encode(encoding)), asked=(LOGON, NONE), got=(LOGON, FOLDER))
    frame = story.call(rop.new_mail(SUBSCRIPTION, NUMBER, 0x900))
    assert [info(story, frame, two_pass) for two_pass in (False, True)] == [told(name)] * 2


def test_each_session_has_its_own_code_page(tshark) -> None:
    russian = begun(1251, session="a")
    greek = begun(1253, session="b", capture=russian.capture)
    names = [(russian, "cp1251", CYRILLIC), (greek, "cp1253", "Φάκελος")]
    for story, encoding, name in names:
        story.call(made(name.encode(encoding)), asked=(LOGON, NONE), got=(LOGON, FOLDER))
    for story, _, name in names:
        assert info(story, story.call(rop.new_mail(SUBSCRIPTION, NUMBER, 0x900))) == told(name)


def connected_with(code_page: int) -> bytes:
    """The request of EcDoConnectEx."""
    return rpc.connect_request().replace(struct.pack("<I", 1252), struct.pack("<I", code_page))


@pytest.mark.parametrize("code_page", [12345, 932, 0, 1200])
def test_code_page_that_nobody_knows_is_named(tshark, code_page: int) -> None:
    story = Story(code_page)
    stream = rpc.Stream(story.capture).bound()
    frames = [1, stream.call(3, 10, connected_with(code_page), rpc.connect_response())[0]]
    known = code_page != 12345
    assert story.frames("unknown", "rop.code_page_unknown") == ([] if known else frames)
    for frame in frames:
        assert known or "Code page 12345 is not known" in shown(story, frame)


def test_code_page_of_a_connect_over_rpc(tshark) -> None:
    """[MS-OXCRPC] 3.1.4.1: ulCpid, which szDisplayName is in, too"""
    capture = carrier.Capture()
    stream = rpc.Stream(capture).bound()
    name = "安奈".encode("cp932") + b"\0"
    pointers = len(rpc.CXH) + 16        # szDNPrefix, szDisplayName
    answer = rpc.connect_response()
    _, connected = stream.call(2, 10, connected_with(932), answer[:pointers + 4] + struct.pack("<I", 0x20000)
                               + rpc.varying(name, len(name)) + answer[pointers + 8:])
    assert "szDisplayName: 安奈" in shown(Story(capture=capture), connected)
    calls = [(rop.logon(0), (NONE,), (LOGON,)), (rop.register(0, 1), (LOGON, NONE), (LOGON, SUBSCRIPTION)),
             (made("表示".encode("cp932")), (LOGON, NONE), (LOGON, FOLDER)), (rop.new_mail(SUBSCRIPTION, NUMBER, 0x900), (), ())]
    for number, (call, handles, answered) in enumerate(calls, 3):
        _, frame = stream.call(number, 11, rpc.rpc_request(rops=carrier.rop_buffer(call.request, handles)),
                               rpc.rpc_response(rops=carrier.rop_buffer(call.response, answered)))
    assert "RopNotify NewMail 表示 IPM.Note" in info(Story(capture=capture), frame)


def test_row_with_an_8_bit_name_names_its_folder(tshark) -> None:
    story = begun(1251)
    row = b"\0" + struct.pack("<Q", rop.folder_id(NUMBER)) + CYRILLIC.encode("cp1251") + b"\0"
    story.call(rop.open_folder(0, 1, 4), rop.hierarchy_table(1, 2), rop.set_columns(2, rop.FOLDER_ID, rop.DISPLAY_NAME8),
               rop.query_rows(2, row), asked=(LOGON, NONE, NONE), got=(LOGON, FOLDER, 21))
    assert info(story, story.call(rop.new_mail(SUBSCRIPTION, NUMBER, 0x900))) == told(CYRILLIC)


@pytest.mark.parametrize("code_page, encoding", [(1251, "cp1251"), (0x0FFF, "cp1253")])
def test_message_names_its_code_page(tshark, code_page: int, encoding: str) -> None:
    """[MS-OXCROPS] 2.2.6.1.1: CodePageId; 0x0FFF is the code page of the logon"""
    word = CYRILLIC if encoding == "cp1251" else "Φάκελος"
    data = word.encode(encoding) + b"\0"
    story = begun(1253)
    frames = [story.call(opened(code_page, b"\0", b"\2" + data), asked=(LOGON, NONE), got=(LOGON, 50)),
              story.call(rop.get_properties(0, (0x0037001E,), b"\0" + data), asked=(50,)),
              story.call(rop.set_properties(0, struct.pack("<I", 0x0037001E) + data), asked=(50,)) - 1]
    # Created and filled by one call, as clients do it.
    create = Rop(struct.pack("<BBBBHQB", 6, 0, 0, 1, code_page, rop.folder_id(5), 0), struct.pack("<BBIB", 6, 1, 0, 0))
    frames.append(story.call(create, rop.set_properties(1, struct.pack("<I", 0x0037001E) + data), asked=(LOGON, NONE), got=(LOGON, 51)) - 1)
    for frame in frames:
        assert word in shown(story, frame)


def test_other_objects_keep_the_code_page_of_the_session(tshark) -> None:
    story = begun(1253)
    story.call(opened(1251, b"\0", b"\0"), asked=(LOGON, NONE), got=(LOGON, 50))
    frame = story.call(rop.get_properties(0, (rop.DISPLAY_NAME8,), b"\0" + "Φάκελος".encode("cp1253") + b"\0"), asked=(LOGON,))
    assert "Φάκελος" in shown(story, frame)


def test_reduced_unicode_has_no_code_page(tshark) -> None:
    """[MS-OXCDATA] 2.11.7: UTF-16 without its high bytes"""
    story = begun(1251)
    frame = story.call(opened(0x0FFF, b"\2" + CYRILLIC.encode("cp1251") + b"\0", b"\3" + "Größe".encode("latin-1") + b"\0"),
                       asked=(LOGON, NONE), got=(LOGON, 50))
    assert CYRILLIC in shown(story, frame) and "Größe" in shown(story, frame)


def test_recipient_names_its_code_page(tshark) -> None:
    """[MS-OXCROPS] 2.2.6.1.2.1"""
    def recipient(code_page: int, name: bytes) -> bytes:
        row = struct.pack("<HBB", 0x0011, 0, 0) + b"anna\0" + name + b"\0" + struct.pack("<H", 0) + b"\0"
        return struct.pack("<BHHH", 1, code_page, 0, len(row)) + row

    story = begun(1252)
    rows = recipient(1251, "Анна".encode("cp1251")) + recipient(0x0FFF, "Jörg".encode("cp1252"))
    frame = story.call(opened(0x0FFF, b"\0", b"\0", struct.pack("<HHB", 2, 0, 2) + rows), asked=(LOGON, NONE), got=(LOGON, 50))
    assert "Анна" in shown(story, frame) and "Jörg" in shown(story, frame)


def test_address_book_call_names_its_code_page(tshark) -> None:
    """[MS-OXCMAPIHTTP] 2.2.5.7.2"""
    stat = struct.pack("<9I", 0, 0, 0, 0, 0, 0, 1251, 0x419, 0x419)
    request = struct.pack("<IB", 0, 0xFF) + stat + b"\xff" + struct.pack("<III", 1, rop.DISPLAY_NAME8, 0)
    response = struct.pack("<IIIBII", 0, 0, 1251, 0xFF, 1, rop.DISPLAY_NAME8) + b"\xff" + CYRILLIC.encode("cp1251") + b"\0" + bytes(4)
    capture = carrier.Capture()
    frame = 1 + capture.exchange("GetProps", request, response)
    assert CYRILLIC in shown(Story(capture=capture), frame)
