# SPDX-License-Identifier: GPL-2.0-or-later
"""What tshark shows of a capture, in a form that compares with truth.py."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import truth
import truth_rops

CALL_FIELDS = (
    "mapihttp.request_type", "mapihttp.response_code", "mapihttp.status_code",
    "mapihttp.error_code", "mapihttp.event_pending",
    "emsmdb.opnum", "emsmdb.cxh", "asyncemsmdb.opnum", "asyncemsmdb.acxh",
    "asyncemsmdb.pul_flags_out",
    "emsmdb.return_value", "asyncemsmdb.return_value", "mapihttp.meta_tag", *truth.FACTS,
    "rop.request_in", "rop.response_in", "oxcnotif.session",
)
ROP_FIELDS = (
    "rop.id", "rop.logon_id", "rop.input_handle_index", "rop.output_handle_index",
    "rop.source_handle_index", "rop.dest_handle_index", "rop.response_handle_index",
    "rop.return_value", "rop.handle",
    "rop.ext.version", "rop.ext.flags", "rop.ext.size", "rop.ext.size_actual",
)
# Specification field name -> filter, for RopNotify, RopPending and
# RopRegisterNotification.
NOTIFICATION_FIELDS = {
    "NotificationHandle": "oxcnotif.notification_handle",
    "NotificationFlags": "oxcnotif.notification_flags",
    "TableEventType": "oxcnotif.table_event_type",
    "TableRowFolderID": "oxcnotif.table_row_folder_id",
    "TableRowMessageID": "oxcnotif.table_row_message_id",
    "TableRowInstance": "oxcnotif.table_row_instance",
    "InsertAfterTableRowFolderID": "oxcnotif.insert_after_table_row_folder_id",
    "InsertAfterTableRowID": "oxcnotif.insert_after_table_row_id",
    "InsertAfterTableRowInstance": "oxcnotif.insert_after_table_row_instance",
    "TableRowDataSize": "oxcnotif.table_row_data_size",
    "FolderId": "oxcnotif.folder_id",
    "MessageId": "oxcnotif.message_id",
    "ParentFolderId": "oxcnotif.parent_folder_id",
    "OldFolderId": "oxcnotif.old_folder_id",
    "OldMessageId": "oxcnotif.old_message_id",
    "OldParentFolderId": "oxcnotif.old_parent_folder_id",
    "TagCount": "oxcnotif.tag_count",
    "Tags": "oxcnotif.tags",
    "TotalMessageCount": "oxcnotif.total_message_count",
    "UnreadMessageCount": "oxcnotif.unread_message_count",
    "MessageFlags": "oxcnotif.message_flags",
    "UnicodeFlag": "oxcnotif.unicode_flag",
    "MessageClass": "oxcnotif.message_class",
    "SessionIndex": "oxcnotif.session_index",
    "NotificationTypes": "oxcnotif.notification_types",
    "WantWholeStore": "oxcnotif.want_whole_store",
}
FLAG_BITS = {"t": 0x1000, "u": 0x2000, "s": 0x4000, "m": 0x8000}
DERIVED_FIELDS = ("oxcnotif.notification_type", "oxcnotif.subscription_in",
                  *(f"oxcnotif.notification_flags.{bit}" for bit in FLAG_BITS))


def snake(name: str) -> str:
    """A filter's name from the specification's: GetContentsTable -> get_contents_table,
    LogonID -> logon_id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def rop_field(rop_id: int, name: str) -> str:
    """The filter of a field that only one ROP has."""
    return f"rop.{snake(truth_rops.ROPS[rop_id][0].removeprefix('Rop'))}.{snake(name)}"


# Every such field for which the truth of some capture has a value.
RESPONSE_FIELDS = tuple(sorted({
    (response.rop_id, name)
    for capture in truth.CAPTURES for call in truth.load(capture).calls
    for response in call.responses or [] if response.rop_id not in (0x2A, 0x6E)
    for name in response.fields}))

EXPERT_FIELDS = ("_ws.malformed", "_ws.expert.group", "_ws.expert.severity", "_ws.expert.message")
ALL_FIELDS = (*CALL_FIELDS, *ROP_FIELDS, *NOTIFICATION_FIELDS.values(), *DERIVED_FIELDS,
              *(rop_field(*pair) for pair in RESPONSE_FIELDS), *EXPERT_FIELDS)

TEXT_FIELDS = {"mapihttp.request_type", "oxcnotif.message_class", "_ws.malformed",
               "_ws.expert.message", "emsmdb.cxh", "asyncemsmdb.acxh", "mapihttp.meta_tag",
               "mapihttp.display_name", "emsmdb.sz_display_name"}

# FILETIME fields, which tshark prints as a time.
TIME_FIELDS = {"rop.logon.gwart_time"}

# Fields whose value is only known when later frames were seen.
FORWARD_FIELDS = {"rop.response_in"}

# Values of _ws.expert.group (epan/proto.h).
PI_UNDECODED, PI_MALFORMED, PI_DISSECTOR_BUG = 0x05000000, 0x07000000, 0x11000000


def filetime(shown: str) -> int:
    """100 ns since 1601 of a time as tshark prints it in UTC, in the form of Wireshark 4.0
    (Nov 22, 2026 16:01:15.000000000 UTC) or of later releases (ISO 8601)."""
    seconds, fraction = re.match(r"(.*?)\.(\d{9})(?: UTC|Z)?$", shown).groups()
    form = "%Y-%m-%dT%H:%M:%S" if "T" in seconds and "-" in seconds else "%b %d, %Y %H:%M:%S"
    since = datetime.datetime.strptime(seconds, form) - datetime.datetime(1601, 1, 1)
    return (since.days * 86400 + since.seconds) * 10**7 + int(fraction) // 100


def value(field: str, shown: str) -> Any:
    """A value as tshark prints it, as the truth has it."""
    if field in ("emsmdb.cxh", "asyncemsmdb.acxh"):
        return shown.replace(":", "").lower()
    if field in TEXT_FIELDS:
        return shown
    if shown in ("True", "False"):
        return int(shown == "True")
    if field in TIME_FIELDS:
        return filetime(shown)
    return int(shown, 0)


@dataclasses.dataclass
class Frames:
    """field -> frame -> values in tree order; frames without the field are absent."""
    by_field: dict[str, dict[int, list[Any]]]

    def __getitem__(self, field: str) -> dict[int, list[Any]]:
        return self.by_field.get(field, {})


class Observed:
    def __init__(self, tshark: Any):
        self.tshark = tshark

    @functools.lru_cache(maxsize=None)
    def frames(self, name: str, two_pass: bool = False) -> Frames:
        """All fields above, of every frame of a capture: one run of tshark."""
        # A field that the plugin has not registered would end the run; the test that wants it
        # fails all the same, because nothing is shown.
        names = [f for f in ALL_FIELDS if f in self.tshark.registered()]
        found: dict[str, dict[int, list[Any]]] = {f: {} for f in names}
        for row in self.tshark.fields(truth.capture_path(name), names, two_pass=two_pass):
            for field in names:
                if row[field]:
                    found[field][row["frame"]] = [value(field, shown) for shown in row[field]]
        return Frames(found)


def differences(actual: Mapping[int, Sequence[Any]], expected: Mapping[int, Sequence[Any]],
                skip: Iterable[int] = ()) -> list[str]:
    """Frames in which the two differ; a frame without values is one with no values."""
    skipped = set(skip)
    found = []
    for frame in sorted(set(actual) | set(expected)):
        want, got = list(expected.get(frame, ())), list(actual.get(frame, ()))
        if frame not in skipped and want != got:
            found.append(f"frame {frame}: expected {_show(want)}, got {_show(got)}")
    return found


def _show(values: Sequence[Any]) -> str:
    shown = [hex(v) if isinstance(v, int) and abs(v) > 9 else repr(v) for v in values]
    if len(shown) > 24:
        shown = [*shown[:24], f"... {len(shown)} values"]
    return "[" + ", ".join(shown) + "]"


def assert_same(what: str, actual: Mapping[int, Sequence[Any]],
                expected: Mapping[int, Sequence[Any]], skip: Iterable[int] = ()) -> None:
    found = differences(actual, expected, skip)
    assert not found, f"{what} differs in {len(found)} frames:\n" + "\n".join(found[:12])
