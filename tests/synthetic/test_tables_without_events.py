# SPDX-License-Identifier: GPL-2.0-or-later
"""Contents tables are subscriptions: one of a folder that a message left or came to, and that was not notified, is told."""

from __future__ import annotations

import struct

import carrier
import pytest

FOLDER, OTHER = 0x7700000000000001, 0x9900000000000001
LOGON, OPENED, TABLE, SUBSCRIPTION = 4, 8, 9, 5
NO_NOTIFICATIONS = 0x10             # of TableFlags (MS-OXCFOLD 2.2.1.14)


def open_table(capture: carrier.Capture, flags: int = 0) -> int:
    """Opens the folder and its contents table and asks for its position; returns the frame of the response."""
    asked = struct.pack("<BBBBQB", 2, 0, 0, 1, FOLDER, 0) + struct.pack("<BBBBB", 5, 0, 1, 2, flags) + \
        struct.pack("<BBB", 0x17, 0, 2)
    answered = struct.pack("<BBIBB", 2, 1, 0, 0, 0) + struct.pack("<BBII", 5, 2, 0, 0) + struct.pack("<BBIII", 0x17, 2, 0, 0, 0)
    return 1 + capture.exchange("Execute", carrier.execute(asked, (LOGON, 0xFFFFFFFF, 0xFFFFFFFF)),
                                carrier.executed(answered, (LOGON, OPENED, TABLE)))


def notified(flags: int, folder: int, *more: int) -> bytes:
    """RopNotify about a message, on the subscription."""
    return struct.pack("<BIBH", 0x2A, SUBSCRIPTION, 0, 0x8000 | flags) + struct.pack(f"<{2 + len(more)}Q", folder, 0x1110000000000001, *more)


EVENTS = {
    "deleted": (notified(0x08, FOLDER), True), "deleted elsewhere": (notified(0x08, OTHER), False),
    "moved here": (notified(0x20, FOLDER, OTHER, 0x1120000000000001), True),
    "moved away": (notified(0x20, OTHER, FOLDER, 0x1120000000000001), True),
    "copied here": (notified(0x40, FOLDER, OTHER, 0x1120000000000001), True),
    "copied from here": (notified(0x40, OTHER, FOLDER, 0x1120000000000001), False),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("flags", [0, NO_NOTIFICATIONS])
def test_table_of_a_folder_that_changed_is_told(tshark, event: str, flags: int):
    capture = carrier.Capture()
    table = open_table(capture, flags)
    notification, changes = EVENTS[event]
    capture.exchange("Execute", carrier.execute(b""), carrier.executed(notification))
    rows = tshark.fields(capture.write(f"table-{event.replace(' ', '-')}-{flags}.pcap"), [], "oxcnotif.subscription.no_event", two_pass=True)
    assert [row["frame"] for row in rows] == ([table] if changes and not flags else [])
