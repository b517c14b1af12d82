# SPDX-License-Identifier: GPL-2.0-or-later
"""What follows from the calls of a capture together: session contexts, the
columns of tables, the subscriptions behind notifications."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import truth_rops
from truth_rops import RequestRop

if TYPE_CHECKING:
    import truth


def contexts(calls: list[truth.Call]) -> None:
    """Give each call its session context: for MAPI/HTTP the latest successful
    Connect of the session name, for RPC the GUID of the context handle (ACXH and
    CXH of one session share it in both servers)."""
    number: dict[str, int] = {}
    for call in calls:
        if call.transport != "mapihttp":
            handle = call.cxh_in or call.cxh_out
            bad = call.fault or call.error_code or (call.resp_frame and not call.cxh_out
                                                    and call.transport == "emsmdb")
            if handle and not bad:
                call.context = ("rpc", handle[8:])
            continue
        if call.response_code is None and call.resp_frame is not None or call.response_code:
            continue                        # refused: it has no session, or another one's cookie
        if call.status_code or call.request_type == "Connect" and call.error_code:
            continue
        if call.request_type == "Connect":
            number[call.session] = number.get(call.session, 0) + 1
        if call.session in number:
            call.context = ("http", call.session, number[call.session])


def columns_of_rows(calls: list[truth.Call]) -> None:
    """Rows are dicts in the truth, so a column that a table has twice is there once: give each row
    the columns that its table had, from the requests."""
    columns: dict[tuple[Any, int], list[int]] = {}
    for call in sorted((c for c in calls if c.responses), key=lambda c: c.resp_frame):
        pending = [r for r in call.requests or [] if r.rop_id != 0x01]
        for response in call.responses:
            key = call.context, response.fields.get("NotificationHandle")
            if response.rop_id not in (0x2A, 0x6E):
                request = pending.pop(0) if pending else None
                key = call.context, (call.resp_handles[response.handle_index]
                                     if response.handle_index < len(call.resp_handles) else None)
                if response.rop_id == 0x12 and not response.return_value:
                    columns[key] = request.fields["PropertyTags"]
            if response.rows and response.rop_id in (0x15, 0x2A):
                tags = columns[key]
                for row in response.rows:
                    values = dict(row)
                    assert list(dict.fromkeys(tags)) == [tag for tag, _ in row], call
                    row[:] = [(tag, values[tag]) for tag in tags]


@dataclasses.dataclass
class Subscription:
    frame: int                              # request frame of the ROP that made it
    rop_id: int


def subscriptions(calls: list[truth.Call]) -> dict[int, list[int | None]]:
    """Response frame -> for each RopNotify in it the request frame of the
    RopRegisterNotification or of the table's opening; None when the truth does
    not know one (released, or its opening was not captured)."""
    open_handles: dict[tuple[Any, int], Subscription] = {}
    result: dict[int, list[int | None]] = {}
    done = [c for c in calls if c.resp_frame is not None and c.responses is not None]
    for call in sorted(done, key=lambda c: c.resp_frame):
        pending = list(call.requests or [])
        for response in call.responses:
            if response.rop_id in (0x2A, 0x6E):
                continue
            while pending and pending[0].rop_id == 0x01:
                _release(open_handles, call, pending.pop(0))
            request = pending.pop(0) if pending else None
            if (request is None or response.return_value
                    or request.rop_id not in (*truth_rops.TABLE_OPENERS, 0x29)):
                continue
            handle = call.resp_handles[response.handle_index]
            open_handles[call.context, handle] = Subscription(call.req_frame, request.rop_id)
        for request in pending:
            if request.rop_id == 0x01:
                _release(open_handles, call, request)
        for response in call.responses:
            if response.is_notify:
                found = open_handles.get((call.context, response.fields["NotificationHandle"]))
                result.setdefault(call.resp_frame, []).append(found.frame if found else None)
    return result


def without_logon(calls: list[truth.Call]) -> dict[int, list[bool]]:
    """Response frame -> for each RopNotify in it whether its LogonId is one that no RopLogon of the
    session made (the hook of hermex-5 writes such a one on purpose)."""
    logons = {(call.context, request.logon_id) for call in calls for request in call.requests or []
              if request.rop_id == 0xFE}
    result: dict[int, list[bool]] = {}
    for call in calls:
        for response in call.responses or []:
            if response.is_notify:
                result.setdefault(call.resp_frame, []).append(
                    (call.context, response.fields["LogonId"]) not in logons)
    return result


def _release(open_handles: dict, call: truth.Call, request: RequestRop) -> None:
    index = request.index("I")
    # The request's table, or the response's where the object was made in the same buffer.
    handle = call.req_handles[index] if index < len(call.req_handles) else None
    if handle == 0xFFFFFFFF and index < len(call.resp_handles):
        handle = call.resp_handles[index]
    open_handles.pop((call.context, handle), None)
