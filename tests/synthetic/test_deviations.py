# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a server deviates is found out by all that its answer has shown before."""

import struct

import carrier
import pytest

HANDLE, MESSAGE = 0x11, 0x12
COLUMNS = [0x39000003, 0x39050003]      # PidTagDisplayType, PidTagDisplayTypeEx
REMOTE_USER = 6
NO_TYPE_UNICODE_NAME = 0x0210           # [MS-OXCDATA] 2.8.3.1
WRONG = ["rop.malformed", "rop.truncated", "rop.chain_lost", "_ws.malformed"]


def recipient(name: str, columns: int, has_size: bool) -> bytes:
    """An OpenRecipientRow ([MS-OXCROPS] 2.2.6.1.2.1) around a RecipientRow ([MS-OXCDATA] 2.8.3.2)."""
    row = struct.pack("<H", NO_TYPE_UNICODE_NAME) + f"{name}\0".encode("utf-16-le") + struct.pack("<HB", columns, 0)
    row += struct.pack("<I", REMOTE_USER) * columns
    return struct.pack("<BHH", 1, 1252, 0) + (struct.pack("<H", len(row)) if has_size else b"") + row


def opened(columns: int, has_size: bool) -> bytes:
    """The answer of a RopOpenMessage without subject ([MS-OXCROPS] 2.2.6.1.2), and one of RopRemoveAllRecipients."""
    tags = struct.pack(f"<{columns}I", *COLUMNS[:columns])
    rows = recipient("Anna", columns, has_size) + recipient("Bo", columns, has_size)
    return (struct.pack("<BBI", 0x03, 1, 0) + b"\0\0\0" + struct.pack("<HH", 2, columns) + tags + b"\2" + rows +
            struct.pack("<BBI", 0x0D, 1, 0))


@pytest.mark.parametrize("columns", [0, 1, 2])
@pytest.mark.parametrize("has_size", [True, False], ids=["as specified", "without sizes"])
def test_sizes_of_recipients_that_are_left_out(tshark, columns, has_size):
    capture = carrier.Capture()
    asked = struct.pack("<BBBBHQBQ", 0x03, 0, 0, 1, 1252, 1, 0, 1) + struct.pack("<BBBI", 0x0D, 0, 1, 0)
    frame = capture.exchange("Execute", carrier.execute(asked, [HANDLE, 0xFFFFFFFF]),
                             carrier.executed(opened(columns, has_size), [HANDLE, MESSAGE])) + 1
    fields = ["rop.id", "rop.recipient.display_name", "rop.property.value.integer32", "rop.deviation", *WRONG]
    row = tshark.fields(capture.write("recipients.pcap"), fields, f"frame.number == {frame}")[0]
    assert row["rop.id"] == ["0x03", "0x0d"]
    assert row["rop.recipient.display_name"] == ["Anna", "Bo"]
    assert row["rop.property.value.integer32"] == [str(REMOTE_USER)] * columns * 2
    assert len(row["rop.deviation"]) == (0 if has_size else 2)
    assert not any(row[field] for field in WRONG)
