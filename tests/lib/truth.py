# SPDX-License-Identifier: GPL-2.0-or-later
"""What each capture is known to hold, in one form.

Two writers made the ground truth beside the captures: the driver of the gromox
captures ({"items": [...]}) and that of the hermEX captures ({"exchanges": [...],
"pdus": [...]}).  This module reads both into Capture / Call / Response, with
field names of the specifications and integers as values.  Identifiers of
folders and messages are the eight bytes read little-endian, as the plugin's
fields show them.

Frame numbers are those where a PDU is complete; where the truth lists several
frames the last one counts.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
import os
import pathlib
import re
import struct
from typing import Any

import truth_rops
import truth_sessions
from truth_rops import IDS, ROPS, RequestRop

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Every capture with ground truth.  outlook2007 has its facts in prose only;
# _outlook2007() below repeats them.
CAPTURES = (
    "gromox-mapihttp-notify",
    "gromox-mapihttp-wait-timeout",
    "gromox-mapihttp-errors",
    "gromox-rpch-notify",
    "hermex-1-mapihttp",
    "hermex-2-mapihttp-tls",
    "hermex-3-rpchttp",
    "hermex-3-rpctcp-bridged",
    "hermex-4-errors",
    "hermex-4-buffers",
    "hermex-5-notify-types-injected",
    "outlook2007",
)

# The captures in which every session speaks MAPI/HTTP.
MAPIHTTP = tuple(c for c in CAPTURES if "mapihttp" in c or "hermex-4" in c or "hermex-5" in c)
# Those with DCE/RPC, over HTTP or over TCP.
RPC = ("gromox-rpch-notify", "hermex-3-rpchttp", "hermex-3-rpctcp-bridged")


@dataclasses.dataclass
class Response:
    """One ROP response."""
    rop_id: int
    handle_index: int | None = None         # None: the ROP has none (RopNotify, RopPending)
    return_value: int | None = None
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Its rows (RopNotify has at most one): [(property tag, value), ...];
    # value None: absent, an int subclass Err: an error code.
    rows: list[list[tuple[int, Any]]] = dataclasses.field(default_factory=list)
    row_data: bytes | None = None           # TableRowData as it was on the wire

    @property
    def is_notify(self) -> bool:
        return self.rop_id == 0x2A


class Err(int):
    """A property value that is an error code."""


@dataclasses.dataclass
class Call:
    """One MAPI/HTTP exchange or one RPC call."""
    transport: str                          # "mapihttp", "emsmdb", "asyncemsmdb"
    session: str
    note: str
    req_frame: int
    resp_frame: int | None = None           # None: never answered
    request_type: str | None = None         # X-RequestType of the request
    response_type: str | None = None        # X-RequestType of the response
    http_status: int | None = None
    response_code: int | None = None        # X-ResponseCode
    status_code: int | None = None
    error_code: int | None = None           # ErrorCode, or the RPC return value
    event_pending: int | None = None
    opnum: int | None = None
    fault: bool = False
    cxh_in: str | None = None               # context handle of the request, hex
    cxh_out: str | None = None              # context handle of the response, hex
    flags_out: int | None = None            # EcDoAsyncWaitEx pulFlagsOut
    # What else its response says: filter -> value.
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    meta_tags: list[str] = dataclasses.field(default_factory=list)
    # The ROP request buffer; None: the call has none, or (malformed is set) it
    # has one that is broken on purpose.
    requests: list[RequestRop] | None = None
    req_handles: list[int] = dataclasses.field(default_factory=list)
    req_ext: list[tuple[int, int, int, int]] = dataclasses.field(default_factory=list)
    malformed: str | None = None
    # RopIds in front of what is malformed in a ROP request buffer.
    readable: list[int] = dataclasses.field(default_factory=list)
    responses: list[Response] | None = None
    resp_handles: list[int] = dataclasses.field(default_factory=list)
    resp_ext: list[tuple[int, int, int, int]] = dataclasses.field(default_factory=list)
    # Which session context it belongs to (several Connects of one session name
    # make several); None: none, or it is not known.
    context: Any = None

    @property
    def is_execute(self) -> bool:
        return self.request_type == "Execute" or (self.transport == "emsmdb" and self.opnum == 11)

    @property
    def is_wait(self) -> bool:
        return self.request_type == "NotificationWait" or self.transport == "asyncemsmdb"


@dataclasses.dataclass
class Capture:
    name: str
    path: pathlib.Path
    calls: list[Call]

    def notifications(self) -> list[tuple[Call, Response]]:
        """Every RopNotify and RopPending, in the order of the frames."""
        found = [(call, r) for call in self.calls for r in call.responses or []
                 if r.rop_id in (0x2A, 0x6E)]
        return sorted(found, key=lambda pair: pair[0].resp_frame)


def capture_dir() -> pathlib.Path:
    """Where the captures are: OXCNOTIF_CAPTURES, a shared directory beside the
    checkout, or the ones that the project carries."""
    named = os.environ.get("OXCNOTIF_CAPTURES")
    if named:
        return pathlib.Path(named)
    shared = REPOSITORY.parent / "shared" / "captures"
    return shared if shared.is_dir() else REPOSITORY / "test-captures"


def capture_path(name: str) -> pathlib.Path:
    for suffix in (".pcapng", ".pcap"):
        path = capture_dir() / (name + suffix)
        if path.exists():
            return path
    raise FileNotFoundError(f"no capture {name} in {capture_dir()}")


def _json(name: str) -> dict[str, Any]:
    path = capture_dir() / (name + ".json")
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    with gzip.open(path.with_name(path.name + ".gz"), "rt", encoding="utf-8") as stream:
        return json.load(stream)


@functools.lru_cache(maxsize=None)
def load(name: str) -> Capture:
    path = capture_path(name)
    if name == "outlook2007":
        calls = _outlook2007()
    else:
        data = _json(name)
        calls = _gromox(data) if "items" in data else _hermex(data)
    calls.sort(key=lambda call: call.req_frame)
    truth_sessions.contexts(calls)
    truth_sessions.columns_of_rows(calls)
    return Capture(name, path, calls)


def _number(value: Any) -> int | None:
    return int(value, 0) if isinstance(value, str) else value


def _rop_id(name: str) -> int:
    """RopId of a name as the truth writes it: RopNotify, Notify, Rop0xef, Ropef, 0x28."""
    bare = name[3:] if name.startswith("Rop") else name
    if "Rop" + bare in IDS:
        return IDS["Rop" + bare]
    return int(bare, 16)


# --- MAPI/HTTP bodies ---------------------------------------------------------

def _mapihttp_body(call: Call, body: bytes) -> None:
    """StatusCode, ErrorCode and EventPending of a response body
    ([MS-OXCMAPIHTTP] 2.2.4: a failure has StatusCode and the auxiliary buffer only)."""
    if not body:
        return
    call.status_code = struct.unpack_from("<I", body)[0]
    if call.status_code:
        return
    call.error_code = struct.unpack_from("<I", body, 4)[0]
    if call.request_type == "NotificationWait":
        call.event_pending = struct.unpack_from("<I", body, 8)[0]
    if call.request_type == "Execute":
        size = struct.unpack_from("<I", body, 12)[0]
        if size:
            call.resp_ext = _headers(body[16:16 + size])


# What a successful Connect and EcDoConnectEx answer, by the names of both writers.
_CONNECT = {
    "mapihttp.polls_max": ("polls", "PollsMax"), "mapihttp.retry_count": ("retry", "RetryCount"),
    "mapihttp.retry_delay": ("delay", "RetryDelay"),
    "mapihttp.display_name": ("disp", "DisplayName"),
}
_CONNECT_EX = {
    "emsmdb.pcms_polls_max": ("polls", "PollsMax"), "emsmdb.pc_retry": ("retry", "Retry"),
    "emsmdb.pcms_retry_delay": ("delay", "RetryDelay"), "emsmdb.pi_cxr": ("cxr", "Icxr"),
    "emsmdb.sz_display_name": ("disp", "DisplayName"),
}
FACTS = (*_CONNECT, *_CONNECT_EX)


def _connect_facts(call: Call, stated: dict[str, Any]) -> None:
    names = _CONNECT if call.request_type == "Connect" else _CONNECT_EX if call.opnum == 10 else {}
    for field, keys in names.items():
        for key in keys:
            if key in stated:
                call.facts[field] = stated[key]


def _meta_tags(call: Call, preamble: str | None) -> None:
    """The tags of a response preamble ([MS-OXCMAPIHTTP] 2.2.7), in front of its headers."""
    tags = (preamble or "").split("X-")[0]
    call.meta_tags = re.findall("PROCESSING|PENDING|DONE", tags)


def _headers(buffer: bytes) -> list[tuple[int, int, int, int]]:
    return truth_rops.read_ext(buffer)[0]


def _execute_request(call: Call, body: bytes) -> bytes | None:
    """The ROP request payload of an Execute body, None when it has none or is
    broken (call.malformed says how)."""
    try:
        if len(body) < 8:
            raise truth_rops.Malformed("body too short")
        size = struct.unpack_from("<I", body, 4)[0]
        if 8 + size > len(body):
            raise truth_rops.Malformed("RopBufferSize beyond the body")
        payload = _ext_request(call, body[8:8 + size])
        auxiliary = body[8 + size + 8:]
        if auxiliary:
            call.req_ext += _headers(auxiliary)
        return payload
    except truth_rops.Malformed as problem:
        call.malformed = str(problem)
        return None


def _ext_request(call: Call, buffer: bytes) -> bytes | None:
    if not buffer:
        return None
    call.req_ext, payloads = truth_rops.read_ext(buffer)
    if len(payloads) != 1:
        raise truth_rops.Malformed("more than one payload")
    version, flags, size, actual = call.req_ext[0]
    if version:
        raise truth_rops.Malformed("Version is not 0")
    if flags & 1:
        # Undone again where the truth has the payload: see _hermex_requests().
        raise truth_rops.Malformed("compressed, and its payload is not in the truth")
    if size != actual:
        raise truth_rops.Malformed("SizeActual of an uncompressed payload")
    return payloads[0]


def _read_requests(call: Call, payload: bytes | None) -> None:
    if payload is None:
        return
    try:
        call.requests, call.req_handles = truth_rops.read_request(payload)
    except truth_rops.Malformed as problem:
        call.malformed = str(problem)
        call.readable = [rop.rop_id for rop in problem.rops]


# --- gromox -------------------------------------------------------------------

_GROMOX_EVENTS = {"TableChanged": 1, "RowAdded": 3, "RowDeleted": 4, "RowModified": 5,
                  "RestrictionChanged": 7}
_GROMOX_FIELDS = {
    "row_fid": "TableRowFolderID", "row_mid": "TableRowMessageID", "row_inst": "TableRowInstance",
    "after_fid": "InsertAfterTableRowFolderID", "after_mid": "InsertAfterTableRowID",
    "after_inst": "InsertAfterTableRowInstance", "row_data_len": "TableRowDataSize",
    "fid": "FolderId", "mid": "MessageId", "parent": "ParentFolderId", "old_fid": "OldFolderId",
    "old_mid": "OldMessageId", "old_parent": "OldParentFolderId", "tagcount": "TagCount",
    "total": "TotalMessageCount", "unread": "UnreadMessageCount", "msgflags": "MessageFlags",
    "unicode": "UnicodeFlag",
}


# Fields of the other responses; GetHierarchyTable and GetContentsTable have their RowCount
# under "rows", where RopQueryRows has its rows.
_GROMOX_RESPONSES = {
    "Logon": {"logonflags": "LogonFlags", "fids": "FolderIds", "respflags": "ResponseFlags",
              "replid": "ReplId", "gwart": "GwartTime", "storestate": "StoreState"},
    "OpenFolder": {"rules": "HasRules", "ghost": "IsGhosted"},
    "GetHierarchyTable": {"rows": "RowCount"},
    "GetContentsTable": {"rows": "RowCount"},
    "SetColumns": {"status": "TableStatus"},
    "SortTable": {"status": "TableStatus"},
    "QueryRows": {"origin": "Origin", "count": "RowCount"},
    "SaveChangesMessage": {"mid": "MessageId"},
    "OpenMessage": {"named": "HasNamedProperties", "rcpt": "RecipientCount"},
    "GetReceiveFolder": {"fid": "FolderId"},
    "CreateMessage": {"mid": "MessageId"},
    "CreateFolder": {"fid": "FolderId", "existing": "IsExistingFolder"},
    "OpenStream": {"size": "StreamSize"},
    "ReadStream": {"len": "DataSize"},
    **{rop: {"partial": "PartialCompletion"} for rop in (
        "SetReadFlags", "MoveCopyMessages", "DeleteMessages", "HardDeleteMessages", "CopyFolder",
        "MoveFolder", "DeleteFolder")},
}


def _gromox_row(row: dict[str, Any]) -> list[tuple[int, Any]]:
    return [(int(tag, 16), _gromox_value(value)) for tag, value in row.items() if tag != "_flag"]


def _gromox_value(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("err:"):
        return Err(int(value[4:], 16))
    return value


def _gromox_response(entry: dict[str, Any]) -> Response:
    rop_id = _rop_id(entry["rop"])
    if rop_id == 0x6E:
        return Response(rop_id, fields={"SessionIndex": entry["session"]})
    if rop_id != 0x2A:
        response = Response(rop_id, entry["hidx"], _number(entry["rc"]))
        for key, name in _GROMOX_RESPONSES.get(entry["rop"], {}).items():
            if key in entry:
                found = entry[key]
                response.fields[name] = ([_number(v) for v in found] if isinstance(found, list)
                                         else _number(found))
        if "problems" in entry:
            response.fields["PropertyProblemCount"] = len(entry["problems"])
        if entry["rop"] in ("QueryRows", "GetReceiveFolderTable"):
            response.rows = [_gromox_row(row) for row in entry["rows"]]
        return response
    fields = {"NotificationHandle": entry["handle"], "LogonId": entry["logon"],
              "NotificationFlags": _number(entry["flags"])}
    if "event" in entry:
        fields["TableEventType"] = _GROMOX_EVENTS[entry["event"]]
    for key, name in _GROMOX_FIELDS.items():
        if key in entry:
            fields[name] = _number(entry[key])
    if "class" in entry:
        fields["MessageClass"] = entry["class"]
    fields["Tags"] = [_number(tag) for tag in entry.get("tags", [])]
    response = Response(rop_id, fields=fields)
    if "row" in entry:
        response.rows = [_gromox_row(entry["row"])]
        response.row_data = bytes.fromhex(entry["row_data_hex"])
    return response


def _gromox_responses(call: Call, item: dict[str, Any]) -> None:
    if item.get("parse_error"):
        # The writer's own reader gave up for want of a request to hold the response against; the
        # bytes are a plain RopGetReceiveFolder response, or no ROP at all.
        payload = bytes.fromhex(item["payloads"][0])
        size = struct.unpack_from("<H", payload)[0]
        call.responses = []
        if size > 2:
            rop_id, index, value, folder = struct.unpack_from("<BBIQ", payload, 2)
            assert rop_id == 0x27 and size == 2 + 6 + 8 + 1, item["n"]
            call.responses = [Response(rop_id, index, value, {"FolderId": folder})]
        call.resp_handles = [h for (h,) in struct.iter_unpack("<I", payload[size:])]
        return
    if "resp" in item:
        call.responses = [_gromox_response(entry) for entry in item["resp"]]
        call.resp_handles = item.get("handles", [])


def _gromox_requests(call: Call, item: dict[str, Any], payload: bytes | None) -> None:
    _read_requests(call, payload)
    if call.requests is not None and "rops" in item:
        named = [(_rop_id(name), index) for name, index in item["rops"]]
        # RopLogon has an output index only; the writer notes that.
        read = [(r.rop_id, r.index("I") if r.rop_id not in (0xFE, 0x33, 0x35, 0x36, 0x0C, 0x11)
                 else None) for r in call.requests]
        assert [n[0] for n in named] == [r[0] for r in read], (item["n"], named, read)
        for (rop_id, index), (_, mine) in zip(named, read):
            assert mine is None or mine == index, (item["n"], rop_id, index, mine)


def _gromox(data: dict[str, Any]) -> list[Call]:
    calls: list[Call] = []
    by_item: dict[int, Call] = {}
    by_call: dict[tuple[str, int], Call] = {}
    for item in data["items"]:
        if "rt" in item:
            calls.append(_gromox_http(item))
        elif item.get("kind") == "request":
            if "stub" not in item and "[frag" in item["note"]:
                continue                    # the item of the last fragment has the whole stub
            call = Call("asyncemsmdb" if item["opnum"] == 0 else "emsmdb", item["sess"],
                        item["note"], item["frames_req"][-1], opnum=item["opnum"])
            if "stub" in item:
                stub = bytes.fromhex(item["stub"])
                if call.opnum not in (6, 10):
                    call.cxh_in = stub[:20].hex()
                if call.opnum == 11:
                    _gromox_requests(call, item, _rpcext2_payload(call, stub))
            else:
                call.malformed = item["note"]
            calls.append(call)
            by_item[item["n"]] = call
            by_call[item["sess"], item["call"]] = call
        elif item.get("kind") in ("response", "rops", "fault"):
            _gromox_reply(by_item[item["reply_to"]] if "reply_to" in item
                          else by_call[item["sess"], item["call"]], item)
    return calls


def _gromox_http(item: dict[str, Any]) -> Call:
    request = dict(item["req_headers"])
    response = dict(item.get("resp_headers", []))
    call = Call("mapihttp", item["sess"], item["note"], item["frames_req"][-1],
                request_type=request.get("X-RequestType"))
    body = bytes.fromhex(item["req_body"])
    if call.request_type == "Execute":
        _gromox_requests(call, item, _execute_request(call, body))
    if item.get("frames_resp"):
        call.resp_frame = item["frames_resp"][-1]
        call.http_status = int(item["status"].split()[1])
        call.response_type = response.get("X-RequestType")
        call.response_code = _number(response.get("X-ResponseCode"))
        if call.response_code == 0:
            _mapihttp_body(call, bytes.fromhex(item["resp_body"]))
        _gromox_responses(call, item)
        stated = item.get("parsed", {})
        _connect_facts(call, stated)
        _meta_tags(call, item["meta"])
        if "exec_rc" in item:
            stated = {"status": item["exec_status"], "rc": item["exec_rc"]}
        if call.response_code == 0 and stated:
            assert call.status_code == stated["status"], item["n"]
            assert call.error_code == _number(stated["rc"]), item["n"]
            assert call.event_pending == stated.get("pending"), item["n"]
    return call


def _gromox_reply(call: Call, item: dict[str, Any]) -> None:
    call.resp_frame = item["frames_resp"][-1]
    if item["kind"] == "fault":
        call.fault = True
        return
    stub = bytes.fromhex(item["stub"])
    call.error_code = struct.unpack("<I", stub[-4:])[0]
    if call.transport == "asyncemsmdb":
        call.flags_out = struct.unpack_from("<I", stub)[0]
        return
    _connect_facts(call, item.get("parsed", {}))
    if call.opnum != 6:                     # EcDummyRpc has no parameters
        call.cxh_out = stub[:20].hex()
    if item["kind"] == "rops":
        call.resp_ext = [(0, *entry) for entry in item["ext"]]
        _gromox_responses(call, item)


# --- EcDoRpcExt2 --------------------------------------------------------------

def _rpcext2_payload(call: Call, stub: bytes) -> bytes | None:
    """The ROP request payload of an EcDoRpcExt2 stub ([MS-OXCRPC] 3.1.4.2)."""
    count = struct.unpack_from("<I", stub, 24)[0]
    try:
        return _ext_request(call, stub[28:28 + count])
    except truth_rops.Malformed as problem:
        call.malformed = str(problem)
        return None


# --- hermEX -------------------------------------------------------------------

_ID = re.compile(r"^([0-9a-f]{4})-([0-9a-f]{12})$")


def _hermex_id(text: str) -> int:
    """REPLID-GLOBCNT in wire order ([MS-OXCDATA] 2.2.1.1) as a little-endian number."""
    replid, counter = _ID.match(text).groups()
    return int(replid, 16) | int.from_bytes(bytes.fromhex(counter), "little") << 16


def _hermex_value(text: Any) -> Any:
    if isinstance(text, str):
        if _ID.match(text):
            return _hermex_id(text)
        if re.match(r"^0x[0-9a-f]+", text):
            return int(text.split()[0], 16)
    return text


_HERMEX_FIELDS = (
    "NotificationHandle", "LogonId", "NotificationFlags", "TableEventType", "TableRowFolderID",
    "TableRowMessageID", "TableRowInstance", "InsertAfterTableRowFolderID", "InsertAfterTableRowID",
    "InsertAfterTableRowInstance", "TableRowDataSize", "FolderId", "MessageId", "ParentFolderId",
    "OldFolderId", "OldMessageId", "OldParentFolderId", "TagCount", "TotalMessageCount",
    "UnreadMessageCount", "MessageFlags", "UnicodeFlag",
)


# Fields of the other responses; two have a shorter name there than in the specification.
_HERMEX_RESPONSES = {
    **{name: name for name in (
        "LogonFlags", "FolderIds", "ResponseFlags", "ReplId", "GwartTime", "StoreState",
        "HasMessageId", "MessageId", "HasRules", "IsGhosted", "RowCount", "TableStatus", "Origin",
        "Numerator", "Denominator", "PartialCompletion", "ReadStatusChanged", "RecipientCount",
        "HasSoughtLess", "RowsSought")},
    "ProblemCount": "PropertyProblemCount", "HasNamed": "HasNamedProperties",
}


def _hermex_row(row: dict[str, Any]) -> list[tuple[int, Any]]:
    return [(int(tag, 16), value) for tag, value in row.items()]


def _hermex_response(entry: dict[str, Any]) -> Response:
    rop_id = _rop_id(entry["rop"])
    if rop_id == 0x6E:
        return Response(rop_id, fields={"SessionIndex": entry["SessionIndex"]})
    if rop_id != 0x2A:
        response = Response(rop_id, entry["HandleIndex"], _number(entry["ReturnValue"]))
        for key, name in _HERMEX_RESPONSES.items():
            if key in entry:
                found = entry[key]
                response.fields[name] = ([_hermex_value(v) for v in found]
                                         if isinstance(found, list) else _hermex_value(found))
        rows = entry.get("Rows", [entry["Row"]] if "Row" in entry else [])
        response.rows = [_hermex_row(row) for row in rows]
        return response
    fields = {name: _hermex_value(entry[name]) for name in _HERMEX_FIELDS if name in entry}
    if "MessageClass" in entry:
        fields["MessageClass"] = entry["MessageClass"]
    fields["Tags"] = [_number(tag) for tag in entry.get("Tags", [])]
    response = Response(rop_id, fields=fields)
    if "TableRowDecoded" in entry:
        response.rows = [_hermex_row(entry["TableRowDecoded"])]
        response.row_data = bytes.fromhex(entry["TableRowData"])
    return response


def _hermex_requests(call: Call, entry: dict[str, Any]) -> None:
    payload = entry.get("req_rop_payload")
    if payload is not None:
        call.malformed = None
        _read_requests(call, bytes.fromhex(payload))
    if "req_rops" not in entry:
        return
    named = entry["req_rops"]
    if call.requests is None:
        return
    assert [n["rop"] for n in named] == [r.rop_id for r in call.requests], call
    for stated, read in zip(named, call.requests):
        first, second = ("I", "R") if "R" in ROPS[read.rop_id][1] else ("I", "O")
        if "S" in ROPS[read.rop_id][1]:
            first, second = "S", "D"
        assert (stated["inidx"], stated["outidx"]) == (read.index(first), read.index(second)), call
    assert [_number(h) for h in entry["req_handles"]] == call.req_handles, call


def _hermex_decoded(call: Call, dec: dict[str, Any]) -> None:
    if "Responses" in dec:
        call.responses = [_hermex_response(entry) for entry in dec["Responses"]]
        call.resp_handles = [_number(handle) for handle in dec["Handles"]]
        call.resp_ext = [(s["Version"], s["Flags"], s["Size"], s["SizeActual"])
                         for s in dec["segments"]]


# Requests whose truth has a type only by the driver's own name: what was sent
# is a request without that header.
def _hermex_request_type(entry: dict[str, Any]) -> str | None:
    return None if entry.get("note", "").startswith("no X-RequestType") else entry["type"]


def _hermex_http(entry: dict[str, Any]) -> Call:
    call = Call("mapihttp", entry["session"], entry.get("note", ""), entry["req_frame"],
                request_type=_hermex_request_type(entry))
    body = bytes.fromhex(entry["req_body"])
    if call.request_type == "Execute":
        payload = _execute_request(call, body)
        if "req_rop_payload" in entry:
            _hermex_requests(call, entry)
        else:
            _read_requests(call, payload)
    if entry["resp_frame"] is None:
        return call
    call.resp_frame = entry["resp_frame"]
    call.http_status = int(entry["status"].split()[1])
    call.response_type = dict(entry["resp_headers"]).get("X-RequestType")
    call.response_code = _number(entry["X-ResponseCode"])
    if call.response_code == 0:
        _mapihttp_body(call, bytes.fromhex(entry["mapi_body"]))
        dec = entry.get("dec", {})
        assert call.status_code == dec.get("StatusCode"), entry["n"]
        assert call.error_code == dec.get("ErrorCode"), entry["n"]
        assert call.event_pending == dec.get("EventPending"), entry["n"]
        _hermex_decoded(call, dec)
        _connect_facts(call, dec)
        _meta_tags(call, entry["meta"])
    return call


_PDU = re.compile(r"^(request|response|fault) call_id=(\d+)(?: ctx=\d+ opnum=(\d+))?")


def _hermex_pdus(pdus: list[dict[str, Any]]) -> list[Call]:
    calls: dict[tuple[str, int], Call] = {}
    for pdu in pdus:
        match = _PDU.match(pdu["desc"])
        if not match:
            continue
        kind, key = match[1], (pdu["vc"], int(match[2]))
        stub = bytes.fromhex(pdu["hex"])[24:]
        if kind == "request":
            opnum = int(match[3])
            if key not in calls:
                calls[key] = Call("asyncemsmdb" if opnum == 0 else "emsmdb", pdu["vc"],
                                  pdu.get("note", ""), pdu["frames"][-1], opnum=opnum)
                if opnum not in (7, 10):
                    calls[key].cxh_in = stub[:20].hex()
                if opnum == 11:
                    _hermex_rpcext2(calls[key], pdu, stub)
            # A further fragment: the call is complete in the frame of the last.
            calls[key].req_frame = pdu["frames"][-1]
            continue
        call = calls[key]
        call.resp_frame = pdu["frames"][-1]
        dec = pdu.get("dec", {})
        call.fault = kind == "fault"
        call.error_code = _number(dec.get("ReturnCode"))
        call.flags_out = _number(dec.get("FlagsOut"))
        call.cxh_out = dec.get("CXH")
        _hermex_decoded(call, dec)
        _connect_facts(call, dec)
    return list(calls.values())


def _hermex_rpcext2(call: Call, pdu: dict[str, Any], stub: bytes) -> None:
    buffer = bytes.fromhex(pdu["rgbIn"]) if "rgbIn" in pdu else b""
    if not buffer:
        return
    try:
        payload = _ext_request(call, buffer)
    except truth_rops.Malformed as problem:
        call.malformed = str(problem)
        payload = None
    if "req_rop_payload" in pdu:
        _hermex_requests(call, pdu)
    else:
        _read_requests(call, payload)


def _hermex(data: dict[str, Any]) -> list[Call]:
    return [_hermex_http(entry) for entry in data["exchanges"]] + _hermex_pdus(data["pdus"])


# --- Outlook 2007 -------------------------------------------------------------

def _outlook2007() -> list[Call]:
    """outlook2007.md: two requests of a real Outlook 2007, no responses.  The
    index values are not in the truth, so only ids and lengths are here."""
    def rops(*pairs: tuple[int, int]) -> list[RequestRop]:
        return [RequestRop(rop_id, 0, [], {}, length) for rop_id, length in pairs]

    first = Call("emsmdb", "outlook", "ModifyRecipients", 8, opnum=11)
    first.requests = rops((0x0D, 7), (0x0E, 402), (0x0A, 27), (0x32, 4), (0x07, 13))
    first.req_handles = [0x45]
    first.req_ext = [(0, 5, 0x145, 0x1CB), (0, 6, 0x28, 0x28)]
    second = Call("emsmdb", "outlook", "table operations", 10, opnum=11)
    second.requests = rops((0x05, 5), (0x12, 58), (0x4F, 161), (0x02, 13), (0x02, 13), (0x29, 23),
                           (0x07, 81))
    second.requests[5].fields = {"NotificationTypes": 0x78, "WantWholeStore": 0}
    second.req_handles = [0x75, 0xFFFFFFFF, 0x71, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF]
    second.req_ext = [(0, 5, 0x14A, 0x17C), (0, 6, 0x28, 0x28)]
    return [first, second]


# --- property values ----------------------------------------------------------

def encode(tag: int, value: Any) -> bytes:
    """A property value as it is on the wire ([MS-OXCDATA] 2.11.2), strings without
    their NUL and binaries without their count."""
    kind = tag & 0xFFFF
    if isinstance(value, Err):
        return struct.pack("<I", value)
    if kind in (0x0014, 0x0040):
        return struct.pack("<Q", _number(value))
    if kind == 0x0003:
        return struct.pack("<I", _number(value) & 0xFFFFFFFF)
    if kind == 0x000B:
        return bytes([int(value)])
    if kind == 0x001F:
        return value.encode("utf-16-le")
    if kind == 0x001E:
        return value.encode("cp1252")
    if kind == 0x0102:
        return bytes.fromhex(value)
    raise ValueError(f"no encoding for the type of 0x{tag:08x}")


def encode_row(row: list[tuple[int, Any]], flagged: bool) -> bytes:
    """A PropertyRow ([MS-OXCDATA] 2.8.1): standard, or flagged."""
    out = [b"\1" if flagged else b"\0"]
    for tag, value in row:
        if flagged:
            out.append(b"\1" if value is None else b"\x0a" if isinstance(value, Err) else b"\0")
        if value is None:
            continue
        data = encode(tag, value)
        if not isinstance(value, Err):
            if tag & 0xFFFF == 0x0102:
                data = struct.pack("<H", len(data)) + data
            data += {0x001F: b"\0\0", 0x001E: b"\0"}.get(tag & 0xFFFF, b"")
        out.append(data)
    return b"".join(out)
