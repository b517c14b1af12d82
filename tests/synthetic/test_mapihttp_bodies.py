# SPDX-License-Identifier: GPL-2.0-or-later
"""Bodies of MAPI/HTTP that are not what they should be ([MS-OXCMAPIHTTP] 2.2.2, 2.2.4): each way has an expert item of
its own, and what can be read is read."""

import functools

import pytest
from mapihttp import (DISCONNECT, DONE_DISCONNECT, PREAMBLE, WAIT, Http, connect, connected, execute, executed, ext, rops,
                      shown, sized, u32, waited)

EXPERTS = ("mapihttp.body_truncated", "mapihttp.size_wrong", "mapihttp.trailing_data", "rop.truncated", "rop.not_terminated",
           "mapihttp.request_type_unknown", "mapihttp.preamble_unterminated", "mapihttp.meta_tag_line",
           "mapihttp.no_preamble", "mapihttp.additional_header_wrong", "mapihttp.status_code_failure",
           "mapihttp.error_code_failure", "mapihttp.header_value_wrong", "mapihttp.http_failure",
           "mapihttp.response_code_failure", "rop.ext.header_truncated", "rop.ext.size_wrong")
FIELDS = ("mapihttp.user_dn", "mapihttp.flags", "mapihttp.default_code_page", "mapihttp.lcid_sort", "mapihttp.lcid_string",
          "mapihttp.polls_max", "mapihttp.retry_count", "mapihttp.retry_delay", "mapihttp.dn_prefix",
          "mapihttp.display_name", "mapihttp.rop_buffer_size", "mapihttp.max_rop_out", "mapihttp.status_code",
          "mapihttp.error_code", "mapihttp.event_pending", "mapihttp.auxiliary_buffer_size", "mapihttp.meta_tag",
          "mapihttp.additional_header", "mapihttp.elapsed_time", "mapihttp.start_time", "mapihttp.response_code",
          "rop.handle", "mapihttp.rop_buffer_text")

# What is sent: name -> (request type, request body).  Then what must be shown: expert items, and fields with their values.
REQUESTS = {
    "whole Connect": ("Connect", connect(), (), {
        "mapihttp.user_dn": ["/o=Lab/cn=anna"], "mapihttp.default_code_page": [1252], "mapihttp.lcid_sort": [1031],
        "mapihttp.lcid_string": [1033], "mapihttp.auxiliary_buffer_size": [0]}),
    "Connect ends in LcidSort": ("Connect", connect()[:-10], ("rop.truncated",), {
        "mapihttp.user_dn": ["/o=Lab/cn=anna"], "mapihttp.default_code_page": [1252], "mapihttp.lcid_sort": []}),
    "UserDn without NUL": ("Connect", b"/o=Lab/cn=an", ("rop.not_terminated",), {"mapihttp.user_dn": []}),
    "whole Execute": ("Execute", execute(ext(rops(7))), (), {
        "mapihttp.rop_buffer_size": [14], "mapihttp.max_rop_out": [0x8000], "rop.handle": [7]}),
    "Execute without MaxRopOut": ("Execute", u32(0) + sized(ext(rops(7))), ("rop.truncated",), {
        "rop.handle": [7], "mapihttp.max_rop_out": []}),
    # The bytes in front of what is missing are a ROP buffer still; its own Size is beyond the data then.
    "RopBufferSize beyond the body": ("Execute", u32(0, 1000) + ext(rops(7, 8))[:-4], (
        "mapihttp.size_wrong", "rop.ext.size_wrong"), {"rop.handle": [7], "mapihttp.max_rop_out": []}),
    "RopBufferSize below a header": ("Execute", u32(0) + sized(b"\0\0\4\0") + u32(0x8000, 0), ("rop.ext.header_truncated",), {
        "mapihttp.max_rop_out": [0x8000]}),
    "AuxiliaryBufferSize beyond the body": ("Execute", execute()[:-4] + u32(64), ("mapihttp.size_wrong",), {
        "mapihttp.auxiliary_buffer_size": [64]}),
    "bytes behind the body": ("Disconnect", DISCONNECT + b"\1\2", ("mapihttp.trailing_data",), {
        "mapihttp.auxiliary_buffer_size": [0]}),
    "NotificationWait of one word": ("NotificationWait", WAIT[:4], ("mapihttp.body_truncated",), {"mapihttp.flags": [0]}),
    "half a word": ("NotificationWait", WAIT[:2], ("rop.truncated",), {"mapihttp.flags": []}),
    "unknown type": ("Frobnicate", b"\1\2\3", ("mapihttp.request_type_unknown",), {}),
    "PING with a body": ("PING", b"\1\2\3", ("mapihttp.trailing_data",), {}),
}

FRONT = b"PROCESSING\r\nDONE\r\n"
RESPONSES = {
    "whole Connect": ("Connect", PREAMBLE, connected("Ärzte"), (), {
        "mapihttp.polls_max": [60000], "mapihttp.retry_count": [6], "mapihttp.retry_delay": [10000],
        "mapihttp.display_name": ["Ärzte"], "mapihttp.meta_tag": ["PROCESSING", "DONE"], "mapihttp.elapsed_time": [3],
        "mapihttp.start_time": ["Mon, 23 Nov 2026 10:00:00 GMT"]}),
    "DisplayName without NUL": ("Connect", PREAMBLE, connected()[:-6], ("rop.not_terminated",), {
        "mapihttp.polls_max": [60000], "mapihttp.display_name": []}),
    "text in place of ROPs": ("Execute", PREAMBLE, u32(0, 0x80004005, 0) + sized("Ausnahme für alle\r\n".encode()) + u32(0), (
        "mapihttp.error_code_failure",), {"mapihttp.rop_buffer_text": ["Ausnahme für alle\\r\\n"], "rop.handle": []}),
    "ROPs in spite of an ErrorCode": ("Execute", PREAMBLE, u32(0, 0x80004005, 0) + sized(ext(rops(7))) + u32(0), (
        "mapihttp.error_code_failure",), {"mapihttp.rop_buffer_text": [], "rop.handle": [7]}),
    "StatusCode only": ("Execute", PREAMBLE, u32(0), ("mapihttp.body_truncated",), {
        "mapihttp.status_code": [0], "mapihttp.error_code": []}),
    "nothing behind the preamble": ("Execute", PREAMBLE, b"", ("mapihttp.body_truncated",), {"mapihttp.status_code": []}),
    "failure": ("Execute", PREAMBLE, u32(5, 0), ("mapihttp.status_code_failure",), {
        "mapihttp.status_code": [5], "mapihttp.error_code": [], "mapihttp.auxiliary_buffer_size": [0]}),
    "Unbind, whose success is 1": ("Unbind", PREAMBLE, u32(0, 1, 0), (), {
        "mapihttp.error_code": [1], "mapihttp.auxiliary_buffer_size": [0]}),
    "failure of Unbind": ("Unbind", PREAMBLE, u32(5, 1, 0), ("mapihttp.status_code_failure", "mapihttp.error_code_failure"), {
        "mapihttp.error_code": [1], "mapihttp.auxiliary_buffer_size": [0]}),
    "ErrorCode": ("Execute", PREAMBLE, u32(0, 0x4B6, 0, 0, 0), ("mapihttp.error_code_failure",), {
        "mapihttp.error_code": [0x4B6], "mapihttp.rop_buffer_size": [0]}),
    "whole Execute": ("Execute", PREAMBLE, executed(ext(rops(9))), (), {"rop.handle": [9]}),
    "whole NotificationWait": ("NotificationWait", PREAMBLE, waited(1), (), {"mapihttp.event_pending": [1]}),
    "whole Disconnect": ("Disconnect", PREAMBLE, DONE_DISCONNECT, (), {"mapihttp.error_code": [0]}),
    "PENDING": ("NotificationWait", b"PROCESSING\r\nPENDING\r\nPENDING\r\nDONE\r\n\r\n", waited(0), (), {
        "mapihttp.meta_tag": ["PROCESSING", "PENDING", "PENDING", "DONE"], "mapihttp.event_pending": [0]}),
    # As gromox writes it.
    "PENDING without CRLF, PROCESSING twice": (
        "NotificationWait", b"PROCESSING\r\nPENDINGPENDINGPROCESSING\r\nDONE\r\nX-ElapsedTime: 60\r\n\r\n", waited(1),
        ("mapihttp.meta_tag_line",), {
            "mapihttp.meta_tag": ["PROCESSING", "PENDING", "PENDING", "PROCESSING", "DONE"],
            "mapihttp.elapsed_time": [60], "mapihttp.event_pending": [1]}),
    "no preamble": ("NotificationWait", b"", waited(1), ("mapihttp.no_preamble",), {"mapihttp.event_pending": [1]}),
    "PROCESSING only": ("NotificationWait", b"PROCESSING\r\nPENDING\r\n", b"", ("mapihttp.preamble_unterminated",), {
        "mapihttp.meta_tag": ["PROCESSING", "PENDING"], "mapihttp.event_pending": []}),
    "no empty line behind DONE": ("NotificationWait", FRONT + b"X-ElapsedTime: 3\r\nX-Star", b"",
                                  ("mapihttp.preamble_unterminated",), {"mapihttp.elapsed_time": [3]}),
    "no header behind DONE": ("NotificationWait", FRONT + b"what is this\r\n\r\n", waited(0), (
        "mapihttp.additional_header_wrong",), {"mapihttp.event_pending": [0]}),
    "X-ElapsedTime is no number": ("NotificationWait", FRONT + b"X-ElapsedTime: soon\r\n\r\n", waited(0), (
        "mapihttp.header_value_wrong",), {"mapihttp.elapsed_time": [], "mapihttp.event_pending": [0]}),
    "X-ResponseCode behind DONE": ("NotificationWait", FRONT + b"X-ResponseCode: 10\r\n\r\n", b"", (
        "mapihttp.response_code_failure",), {"mapihttp.response_code": [0, 10], "mapihttp.status_code": []}),
}


@functools.lru_cache(maxsize=None)
def capture(two_pass=False):
    """Every case as one exchange: name -> what is shown of its frame."""
    http, frames = Http(), {}
    client = http.client()
    client.connect()
    for name, (kind, body, *_) in REQUESTS.items():
        frames["request", name] = client.request(kind, body, "MapiContext=c1")
        client.response(kind, b"", preamble=b"")
    for name, (kind, preamble, body, *_) in RESPONSES.items():
        client.request(kind, b"", "MapiContext=c1")
        frames["response", name] = client.response(kind, body, preamble=preamble)
    rows = shown(http.write("bodies"), [*EXPERTS, *FIELDS], two_pass)
    return {case: rows[frame] for case, frame in frames.items()}


def check(row, experts, fields):
    assert [name for name in EXPERTS if row[name]] == sorted(experts, key=EXPERTS.index)
    for field, values in fields.items():
        assert [int(v, 0) if isinstance(values[0], int) else v for v in row[field]] == values if values else not row[field], field


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", REQUESTS)
def test_request(tshark, name, two_pass):
    check(capture(two_pass)["request", name], *REQUESTS[name][2:])


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", RESPONSES)
def test_response(tshark, name, two_pass):
    check(capture(two_pass)["response", name], *RESPONSES[name][3:])


def test_every_truncation(tshark):
    """Every body cut off behind every byte: it is said that something is missing, and Wireshark finds no fault of its own."""
    http = Http()
    client = http.client()
    client.connect()
    missing = {}
    for kind, request, answer in (("Connect", connect(), connected()), ("Execute", execute(ext(rops(7))), executed(ext(rops(7)))),
                                  ("NotificationWait", WAIT, waited(1)), ("Disconnect", DISCONNECT, DONE_DISCONNECT)):
        for size in range(1, len(request)):
            missing[client.request(kind, request[:size], "MapiContext=c1")] = (kind, "request", size)
            client.response(kind, answer)
        for size in range(len(PREAMBLE) + len(answer)):
            client.request(kind, request, "MapiContext=c1")
            frame = client.response(kind, (PREAMBLE + answer)[:size], preamble=b"")
            if size > 0:
                missing[frame] = (kind, "response", size)
    rows = shown(http.write("truncations"), EXPERTS)
    silent = [case for frame, case in missing.items() if not any(rows[frame][name] for name in EXPERTS)]
    assert not silent
