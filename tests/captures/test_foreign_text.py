# SPDX-License-Identifier: GPL-2.0-or-later
"""Text that others wrote reaches no terminal and no XML document as it is: control characters, line ends and characters
that XML forbids are shown as escapes; the fields keep their values as far as XML allows."""

from __future__ import annotations

import json
import pathlib
import xml.etree.ElementTree

import pytest

import tshark as tools

CAPTURE = tools.REPOSITORY / "test-captures" / "field" / "g01_escape.pcap"

# Names of the capture, and others of the same length: C1, DEL, separators of lines and paragraphs, what is no character,
# half of a surrogate pair; then as they are to be shown.
FOLDER = ("In\x1b]0;pwned\x07box\nline2", "In\x9b\x7f\x85\u2028\u2029\uffff\ufffe\u200d\tÄx\x1b[2Jabc\ud800")
SHOWN_FOLDER = r"In\u009b\x7f\u0085\u2028\u2029\uffff\ufffe" + "\u200d" + r"\tÄx\x1b[2Jabc" + "\ufffd"
FOLDER_VALUE = "In\x9b\x7f\x85\u2028\u2029\\uffff\\ufffe\u200d\tÄx\x1b[2Jabc\ufffd"
USER = ("An\x1b[2Jna\r\nX", "An\x9b2J\u2028ab\r\nX")
SHOWN_USER = r"An\u009b2J\u2028ab\r\nX"

# What may not stand in a line for a terminal, but for the line end behind it.
FORBIDDEN = [chr(c) for c in [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFFFE, 0xFFFF]]


def patched(names: list[tuple[str, str]]) -> pathlib.Path:
    data = CAPTURE.read_bytes()
    for before, after in names:
        old, new = (name.encode("utf-16-le", "surrogatepass") for name in (before, after))
        assert len(old) == len(new) and data.count(old) == 1, before
        data = data.replace(old, new)
    # The Execute that subscribes becomes a request of an unknown type.
    data = data.replace(b"X-RequestType: Execute", b"X-RequestType: E\x1b[1m\tx", 2)
    path = tools.folder() / "foreign.pcap"
    path.write_bytes(data)
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def capture(tshark) -> pathlib.Path:
    return patched([FOLDER, USER])


def assert_printable(text: str) -> None:
    assert text
    assert not [hex(ord(c)) for c in FORBIDDEN if c in text]


def test_packet_list_escapes_names(capture):
    text = tools.text(capture, "mapihttp or emsmdb", args=())
    assert_printable(text)
    assert f"RopNotify NewMail {SHOWN_FOLDER}" in text
    assert r"E\x1b[1m\tx request" in text
    # A name with a line end makes no line of its own.
    assert all(line.split()[0].isdecimal() for line in text.splitlines())


def test_packet_details_escape_names(capture):
    text = tools.text(capture)
    # Wireshark's own labels let separators of lines through.
    ours = [line for line in text.splitlines() if "RopNotify: " in line or "[Session: " in line]
    assert ours
    assert_printable("".join(ours))
    assert any(f"({SHOWN_USER})" in line for line in ours)
    assert any(f"RopNotify: NewMail {SHOWN_FOLDER}" in line for line in ours)


@pytest.mark.parametrize("statistic", ["oxcnotif,sessions", "oxcnotif,wakeups", "oxcnotif,events",
                                       "flow,oxcnotif,standard"])
def test_statistics_escape_names(capture, statistic):
    text = tools.text(capture, args=("-q", "-z", statistic))
    assert_printable(text)
    if statistic == "oxcnotif,sessions":
        assert SHOWN_USER in text
    if statistic == "oxcnotif,events":
        folders = [json.loads(line).get("folder") for line in text.splitlines()]
        assert SHOWN_FOLDER in folders


@pytest.mark.parametrize("form", ["pdml", "psml"])
def test_xml_is_well_formed(capture, form):
    xml.etree.ElementTree.fromstring(tools.text(capture, args=("-T", form)).encode())


def test_value_stays_filterable(capture):
    rows = tools.fields(capture, ["oxcnotif.folder_name"], "oxcnotif.notification_type == 2 && oxcnotif.folder_name")
    # tshark itself escapes the tab of a field, that of 4.6 the backslash, too.
    shown, *more = rows[0]["oxcnotif.folder_name"]
    assert not more and shown in [value.replace("\t", "\\t") for value in (FOLDER_VALUE, FOLDER_VALUE.replace("\\", "\\\\"))]
    assert tools.fields(capture, [], r'oxcnotif.folder_name contains "\x1b[2J"')


def test_sharkd_escapes_names(capture):
    with tools.Sharkd(capture) as sharkd:
        shown = [sharkd.ask("tap", tap0="nstat:oxcnotif,sessions"), sharkd.frame(29)["col"]]
    text = json.dumps(shown, ensure_ascii=False).replace("\\\\", "\\")
    assert SHOWN_USER in text and SHOWN_FOLDER in text
    assert_printable(text)
