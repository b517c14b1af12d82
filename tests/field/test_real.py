# SPDX-License-Identifier: GPL-2.0-or-later
"""Real captures of Exchange and Outlook (../shared/captures/real; not committed) against the truth beside them, which
an independent decoder wrote."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

import tshark as tools

FOLDER = tools.REPOSITORY.parent / "shared" / "captures" / "real"
CAPTURES = ["exchange55-push-1999a", "exchange55-mapi-2003", "exchange2003-push-2007", "exchange2003-connect-2022"]

# Of a RopNotify: name in the truth -> filter.
NOTIFICATION_FIELDS = {
    "handle": "oxcnotif.notification_handle", "flags": "oxcnotif.notification_flags",
    "folder_id": "oxcnotif.folder_id", "message_id": "oxcnotif.message_id",
    "parent_folder_id": "oxcnotif.parent_folder_id", "old_folder_id": "oxcnotif.old_folder_id",
    "old_message_id": "oxcnotif.old_message_id", "old_parent_folder_id": "oxcnotif.old_parent_folder_id",
    "tag_count": "oxcnotif.tag_count", "tags": "oxcnotif.tags",
    "total_message_count": "oxcnotif.total_message_count", "unread_message_count": "oxcnotif.unread_message_count",
    "message_flags": "oxcnotif.message_flags", "unicode": "oxcnotif.unicode_flag",
    "message_class": "oxcnotif.message_class",
    "row_folder_id": "oxcnotif.table_row_folder_id", "row_message_id": "oxcnotif.table_row_message_id",
    "row_instance": "oxcnotif.table_row_instance",
    "insert_after_folder_id": "oxcnotif.insert_after_table_row_folder_id",
    "insert_after_message_id": "oxcnotif.insert_after_table_row_id",
    "insert_after_instance": "oxcnotif.insert_after_table_row_instance",
    "row_size": "oxcnotif.table_row_data_size",
}
FIELDS = ["rop.id", "oxcnotif.session_index", "oxcnotif.wakeup.method", "oxcnotif.followup_in",
          "oxcnotif.wakeup_in", *NOTIFICATION_FIELDS.values()]


def parameters() -> list[Any]:
    found = []
    for capture in CAPTURES:
        marks = [pytest.mark.xdist_group(f"real-{capture}"),
                 pytest.mark.skipif(not (FOLDER / f"{capture}.pcap").is_file(), reason="no real captures here")]
        found.append(pytest.param(capture, marks=marks))
    return found


@functools.lru_cache(maxsize=None)
def truth(capture: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{capture}.json").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=None)
def shown(capture: str) -> dict[int, dict[str, list[str]]]:
    names = [name for name in FIELDS if name in tools.registered()]
    return {row["frame"]: row for row in tools.fields(FOLDER / f"{capture}.pcap", names, two_pass=True)}


def by_frame(capture: str) -> dict[int, list[dict[str, Any]]]:
    """The messages with ROPs of each frame, in the order of their bytes."""
    found: dict[int, list[dict[str, Any]]] = {}
    for message in truth(capture)["messages"]:
        if "rops" in message:
            found.setdefault(message["frame"], []).append(message)
    return found


def number(text: Any) -> Any:
    try:
        return int({"True": "1", "False": "0"}.get(str(text), str(text)), 0)
    except ValueError:
        return text


@pytest.mark.parametrize("capture", parameters())
def test_real_messages_have_their_rops_in_order(tshark, capture: str):
    wrong = []
    for frame, messages in by_frame(capture).items():
        expected = [int(rop["id"], 0) for message in messages for rop in message["rops"]]
        got = [int(value, 0) for value in shown(capture)[frame]["rop.id"]]
        if got != expected:
            wrong.append((frame, expected, got))
    assert not wrong, f"{len(wrong)} of {len(by_frame(capture))} frames: {wrong[:5]}"


@pytest.mark.parametrize("capture", parameters())
def test_real_notifications_have_all_fields(tshark, capture: str):
    wrong = []
    for frame, messages in by_frame(capture).items():
        notifications = [notification for message in messages for notification in message.get("notifications", [])]
        unknown = {key for notification in notifications for key in notification} - {
            *NOTIFICATION_FIELDS, "offset", "logon_id", "type", "table_event", "row", "rows_as"}
        assert not unknown, f"the truth has {unknown}, too"
        if not notifications:
            continue
        for key, name in NOTIFICATION_FIELDS.items():
            expected = [value for notification in notifications if key in notification
                        for value in (notification[key] if key == "tags" else [notification[key]])]
            got = shown(capture)[frame].get(name, [])
            if [number(value) for value in got] != [number(value) for value in expected]:
                wrong.append((frame, name, expected, got))
    assert not wrong, f"{len(wrong)}: {wrong[:5]}"


@pytest.mark.parametrize("capture", parameters())
def test_real_pendings_have_their_index(tshark, capture: str):
    expected = {frame: [index for message in messages for index in message.get("pending_session_index", [])]
                for frame, messages in by_frame(capture).items()}
    got = {frame: [number(value) for value in row.get("oxcnotif.session_index", [])]
           for frame, row in shown(capture).items()}
    assert {f: v for f, v in got.items() if v} == {f: v for f, v in expected.items() if v}


@pytest.mark.parametrize("capture", parameters())
def test_real_datagrams_are_linked_to_their_call(tshark, capture: str):
    for datagram in truth(capture)["push"]:
        row = shown(capture)[datagram["frame"]]
        assert row["oxcnotif.wakeup.method"] == ["1"], datagram["frame"]
        assert row["oxcnotif.followup_in"] == [str(datagram["followup_frame"])], datagram["frame"]
        assert shown(capture)[datagram["followup_frame"]]["oxcnotif.wakeup_in"] == [str(datagram["frame"])]


@pytest.mark.parametrize("capture", parameters())
def test_real_captures_have_no_other_wakeups(tshark, capture: str):
    """RopPending with the session's own index, in an answer with room left, is no wake-up."""
    expected = {datagram["frame"] for datagram in truth(capture)["push"]}
    assert {frame for frame, row in shown(capture).items() if row["oxcnotif.wakeup.method"]} == expected
