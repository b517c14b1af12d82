# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP around MAPI/HTTP ([MS-OXCMAPIHTTP] 2.2.3, 3.1.5, 3.2.5): which messages are one call, which calls are one session
context, how waits end, and what Wireshark's own HTTP dissector makes nothing of."""

import re

import carrier
import lab
import printed
import pytest
from mapihttp import (DISCONNECT, DONE_DISCONNECT, FIN, PREAMBLE, RST, TO_CLIENT, TO_SERVER, WAIT, Http, connect, connected,
                      execute, executed, message, shown, u32, waited)
from rpch_streams import chunks

PENDING, TIMEOUT, REJECTED, CUT_OFF = 1, 2, 3, 4
FIELDS = ("mapihttp.request_type", "mapihttp.response_code", "rop.request_in", "rop.response_in", "oxcnotif.session",
          "oxcnotif.wakeup.method", "oxcnotif.wakeup.outcome", "oxcnotif.wakeup.wait_in", "mapihttp.cookie",
          "mapihttp.set_cookie", "mapihttp.http_status", "mapihttp.http_failure", "mapihttp.cut_off", "mapihttp.unanswered_request_in",
          "mapihttp.request_not_captured", "mapihttp.event_pending", "_ws.col.Info")
HTML = "text/html"


def rows_of(http, name, two_pass=True):
    """Two passes, so that requests know their responses; what one pass knows must be the same."""
    path = http.write(name)
    rows, once = shown(path, FIELDS, two_pass), shown(path, FIELDS, False)
    for frame, row in rows.items():
        for field in FIELDS:
            # Info of a segment that is reassembled later is TCP's own affair, and what a post-dissector writes there is no field since 4.4.
            ours = row["mapihttp.request_type"] and re.search("request|response", row["_ws.col.Info"][0])
            if field != "rop.response_in" and (field != "_ws.col.Info" or ours):
                assert row[field] == once[frame][field], (frame, field)
    return rows


def ints(values):
    return [int(value, 0) for value in values]


def assert_call(rows, request, response, kind=None):
    """The frames are request and response of one call."""
    assert ints(rows[request]["rop.response_in"]) == [response]
    assert ints(rows[response]["rop.request_in"]) == [request]
    if kind:
        assert rows[request]["mapihttp.request_type"] == [kind]
        assert rows[response]["mapihttp.request_type"] == [kind]


def session(rows, frame):
    assert len(set(rows[frame]["oxcnotif.session"])) <= 1
    return ints(rows[frame]["oxcnotif.session"][:1])


def ends(http, name):
    """Session number -> how it ended, as the table of sessions has it."""
    return {int(row["Session"]): row["Ended"] for row in
            printed.tables(http.write(name), "oxcnotif,sessions")["Sessions"] if row["Session"] != "0"}


# --- messages that the http dissector does not hand over ----------------------------------

def test_messages_without_a_body(tshark):
    http = Http()
    client = http.client()
    first = client.request("PING", None)                # nothing is known of the connection yet
    first_answer = client.response("PING", None, headers={"Content-Length": "0"})
    empty = client.request("Connect", b"")
    refused = client.response(None, b"go away", code=None, status="401 Unauthorized", content_type="text/plain",
                              request_id=False)
    begun, answered = client.connect()
    ping = client.request("PING", b"", "MapiContext=c1")
    pong = client.response("PING", b"")
    rows = rows_of(http, "bodiless")
    assert_call(rows, first, first_answer, "PING")
    assert_call(rows, empty, refused, "Connect")
    assert_call(rows, begun, answered, "Connect")
    assert_call(rows, ping, pong, "PING")
    assert not rows[refused]["mapihttp.http_failure"] and ints(rows[refused]["mapihttp.http_status"]) == [401]
    assert not rows[pong]["mapihttp.http_failure"] and ints(rows[pong]["mapihttp.http_status"]) == [200]
    assert "Connect response, HTTP 401 Unauthorized" in rows[refused]["_ws.col.Info"][0]
    assert session(rows, refused) == [] and session(rows, answered) == session(rows, ping) == session(rows, pong) == [1]


def test_refusals(tshark):
    http = Http()
    client = http.client()
    client.connect()
    frames = []
    for code in (1, 5, 10, 15, 99):
        request = client.request("Execute", execute(), "MapiContext=c1")
        frames.append((code, request, client.response("Execute", b"<html>no</html>", code=code, content_type=HTML)))
    bare = client.request("Execute", execute(), "MapiContext=c1")
    # As some servers do: neither X-RequestType nor X-RequestId.
    bare_answer = client.response(None, b"<html>no</html>", code=7, content_type=HTML, request_id=False)
    rows = rows_of(http, "refusals")
    for code, request, response in frames:
        assert_call(rows, request, response, "Execute")
        assert ints(rows[response]["mapihttp.response_code"]) == [code]
        assert session(rows, request) == session(rows, response) == [1]
    assert_call(rows, bare, bare_answer, "Execute")
    names = {code: rows[response]["_ws.col.Info"][0] for code, _, response in frames}
    assert names[10] == "Execute response, X-ResponseCode 10 Context Not Found"
    assert names[15] == "Execute response, X-ResponseCode 15 Invalid Sequence"
    assert names[99] == "Execute response, X-ResponseCode 99 Unknown"


def test_odd_request_types(tshark):
    http = Http()
    client = http.client()
    client.connect()
    none = client.request(None, execute(), "MapiContext=c1")
    none_answer = client.response(None, b"?", code=7, content_type=HTML)
    unknown = client.request("Frobnicate", b"\1\2", "MapiContext=c1")
    unknown_answer = client.response("Frobnicate", b"?", code=5, content_type=HTML)
    case = client.request("execute", execute(), "MapiContext=c1")
    case_answer = client.response("eXecute", executed())
    rows = rows_of(http, "types")
    assert_call(rows, none, none_answer)
    assert rows[none]["mapihttp.request_type"] == [] and rows[none]["_ws.col.Info"] == ["[no request type] request"]
    assert_call(rows, unknown, unknown_answer, "Frobnicate")
    assert_call(rows, case, case_answer)
    assert rows[case]["mapihttp.request_type"] == ["execute"]


def test_other_requests_on_the_connection(tshark):
    """A request of another kind gets its own response, and neither is shown as MAPI/HTTP."""
    http = Http()
    client = http.client()
    client.connect()
    other = client.link.send(TO_SERVER, message("GET /owa/ HTTP/1.1", {"Host": "mail.example"}, None))[-1][1]
    request = client.request("Execute", execute(), "MapiContext=c1")
    page = client.link.send(TO_CLIENT, message("HTTP/1.1 200 OK", {"Content-Type": HTML}, b"<html>hello</html>"))[-1][1]
    response = client.response("Execute", executed())
    rows = rows_of(http, "others")
    assert_call(rows, request, response, "Execute")
    assert all(not rows[frame]["rop.request_in"] and not rows[frame]["mapihttp.request_type"] for frame in (other, page))


# --- request and response ----------------------------------------------------------------

def test_segments_and_chunks(tshark):
    """A message belongs to the frame in which it is complete."""
    http = Http()
    client = http.client()
    client.connect()
    body = execute()
    request = message("POST /mapi/emsmdb/ HTTP/1.1", {
        "Content-Type": "application/mapi-http", "X-RequestType": "Execute", "X-RequestId": f"{client.guid}:9",
        "Cookie": "MapiContext=c1", "Transfer-Encoding": "chunked"}, chunks(body, 5) + b"0\r\n\r\n")
    answer = message("HTTP/1.1 200 OK", {
        "Content-Type": "application/mapi-http", "X-RequestType": "Execute", "X-RequestId": f"{client.guid}:9",
        "X-ResponseCode": "0", "Transfer-Encoding": "chunked"}, chunks(PREAMBLE + executed(), 11) + b"0\r\n\r\n")
    sent, received = client.link.send(TO_SERVER, request, 40)[-1][1], client.link.send(TO_CLIENT, answer, 40)[-1][1]
    rows = rows_of(http, "segments")
    assert_call(rows, sent, received, "Execute")
    assert session(rows, sent) == [1]


def test_pipelined_messages_in_one_frame(tshark):
    http = Http()
    client = http.client()
    client.connect()
    requests = [message("POST /mapi/emsmdb/ HTTP/1.1", {
        "Content-Type": "application/mapi-http", "X-RequestType": kind, "X-RequestId": f"{client.guid}:{number}",
        "Cookie": "MapiContext=c1"}, body) for kind, number, body in (("Execute", 8, execute()), ("PING", 9, b""))]
    answers = [message("HTTP/1.1 200 OK", {
        "Content-Type": "application/mapi-http", "X-RequestType": kind, "X-RequestId": f"{client.guid}:{number}",
        "X-ResponseCode": "0"}, body) for kind, number, body in (("Execute", 8, PREAMBLE + executed()), ("PING", 9, None))]
    answers[1] = answers[1].replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    asked = client.link.send(TO_SERVER, b"".join(requests))[-1][1]
    told = client.link.send(TO_CLIENT, b"".join(answers))[-1][1]
    rows = rows_of(http, "pipelined")
    assert rows[asked]["mapihttp.request_type"] == rows[told]["mapihttp.request_type"] == ["Execute", "PING"]
    assert ints(rows[told]["rop.request_in"]) == [asked, asked] and ints(rows[asked]["rop.response_in"]) == [told, told]


def test_a_missed_response(tshark):
    """X-RequestId says which request is answered."""
    http = Http()
    client = http.client()
    client.connect()
    lost = client.request("Execute", execute(), "MapiContext=c1")
    client.link.lose(TO_CLIENT, bytes(300))
    request = client.request("Execute", execute(), "MapiContext=c1")
    response = client.response("Execute", executed())
    rows = rows_of(http, "missed")
    assert_call(rows, request, response, "Execute")
    assert rows[lost]["rop.response_in"] == []


def test_a_missed_request(tshark):
    http = Http()
    client = http.client()
    client.connect()
    client.count += 1
    client.link.lose(TO_SERVER, bytes(300))
    response = client.response("Execute", executed())
    request = client.request("Execute", execute(), "MapiContext=c1")
    answer = client.response("Execute", executed())
    rows = rows_of(http, "missed-request")
    assert rows[response]["rop.request_in"] == [] and rows[response]["mapihttp.request_not_captured"]
    assert session(rows, response) == [1]               # by the GUID of X-RequestId
    assert_call(rows, request, answer, "Execute")


# --- sessions ------------------------------------------------------------------------------

@pytest.mark.parametrize("cookies", [
    ["MapiContext=a; path=/mapi", "MapiSequence=1; secure"],        # Exchange
    ["MapiSequence=1", "MapiContext=a"],
    ["sequence=1", "sid=a"],                                        # gromox
    ["lb=same", "mapicontext=a"],                                   # in any case of letters, behind others
])
def test_the_context_cookie_has_a_name(tshark, cookies):
    """Two clients whose cookies differ in that one only; the sequence changes with every response."""
    http, frames = Http(), []
    pairs = [cookie.split(";")[0] for cookie in cookies]
    for number, value in enumerate("ab", 1):
        client = http.client(f"{{{number}1111111-2222-3333-4444-555555555555}}")
        client.connect([cookie.replace("=a", f"={value}") for cookie in cookies])
    for number, value in enumerate("ab", 1):
        other = http.client("{99999999-2222-3333-4444-555555555555}")   # X-RequestId tells nothing here
        for _ in range(2):
            frames.append((number, *other.call("Execute", execute(), executed(), "; ".join(
                pair.replace("=a", f"={value}") for pair in pairs), set_cookie=["MapiSequence=7", "sequence=7"])))
    rows = rows_of(http, "named-cookies")
    assert [(session(rows, request), session(rows, response)) for _, request, response in frames] == \
        [([number], [number]) for number, _, _ in frames]


def test_the_context_cookie_has_another_name(tshark):
    """What later responses change is the sequence; what stays is the context."""
    http = Http()
    client = http.client()
    client.connect(["turn=1", "place=a", "lb=x"])
    found = []
    for turn in (1, 2, 3):
        other = http.client()
        found.append(other.request("Execute", execute(), f"turn={turn}; place=a; lb=x", request_id=False))
        found.append(other.response("Execute", executed(), set_cookie=[f"turn={turn + 1}"], request_id=False))
    rows = rows_of(http, "other-cookies")
    assert [session(rows, frame) for frame in found] == [[1]] * 6


@pytest.mark.parametrize("connects", [True, False])
@pytest.mark.parametrize("request_id", [True, False])
def test_cookie_of_a_load_balancer_is_no_key(tshark, connects, request_id):
    """Two clients with the same affinity cookie in front of one of an unknown name."""
    http, frames = Http(), []
    clients = {value: http.client(f"{{{number}1111111-2222-3333-4444-555555555555}}") for number, value in enumerate("ab", 1)}
    for value, client in clients.items():
        if connects:
            client.connect(["SERVERID=s1", f"ctx={value}"])
    for _ in range(2):
        for number, (value, client) in enumerate(clients.items(), 1):
            frames.append((number, client.request("Execute", execute(), f"SERVERID=s1; ctx={value}", request_id=request_id)))
            client.response("Execute", executed(), request_id=request_id)
    rows = rows_of(http, f"affinity-{connects}-{request_id}")
    assert [session(rows, frame) for _, frame in frames] == [[number] for number, _ in frames]
    assert set(ends(http, f"affinity-{connects}-{request_id}").values()) == {"-"}


def test_cookie_of_a_load_balancer_replaces_no_session(tshark):
    http = Http()
    http.client().connect(["SERVERID=s1", "ctx=a"])
    http.client("{99999999-2222-3333-4444-555555555555}").connect(["SERVERID=s1", "ctx=b"], cookies="SERVERID=s1")
    assert ends(http, "not-replaced") == {1: "-", 2: "-"}


@pytest.mark.parametrize("cookie", ["MapiContext=1", "place=1"])
@pytest.mark.parametrize("connects", [True, False])
def test_equal_cookies_at_two_servers_are_two_sessions(tshark, cookie, connects):
    http, frames = Http(), []
    clients = [http.client(f"{{{server}1111111-2222-3333-4444-555555555555}}", server) for server in (1, 2)]
    for client in clients:
        if connects:
            client.connect([cookie])
    for number in (1, 2, 1, 2):
        frames.append((number, clients[number - 1].call("Execute", execute(), executed(), cookie)))
    rows = rows_of(http, "two-servers")
    assert [session(rows, frame) for _, call in frames for frame in call] == [[n] for n, call in frames for _ in call]


def test_request_id_joins_a_session_at_two_servers(tshark):
    """The same cookie and the same GUID: one server behind two addresses."""
    http = Http()
    first, second = http.client(), http.client(server=2)
    first.connect(["MapiContext=a"])
    frames = [*second.call("Execute", execute(), executed(), "MapiContext=a"), *first.call("Execute", execute(), executed(), "MapiContext=a")]
    rows = rows_of(http, "two-addresses")
    assert [session(rows, frame) for frame in frames] == [[1]] * 4


def test_reconnect_ends_the_old_session(tshark):
    http = Http()
    client = http.client()
    _, first = client.connect(["MapiContext=a"])
    client.call("Execute", execute(), executed(), "MapiContext=a")
    request, second = client.connect(["MapiContext=b"], cookies="MapiContext=a")
    after = client.call("Execute", execute(), executed(), "MapiContext=b")
    rows = rows_of(http, "reconnect")
    assert (session(rows, first), session(rows, request), session(rows, second)) == ([1], [], [2])
    assert [session(rows, frame) for frame in after] == [[2], [2]]
    assert ends(http, "reconnect") == {1: f"replaced in {second}", 2: "-"}


def test_a_cookie_given_out_again_is_a_new_session(tshark):
    http = Http()
    client = http.client()
    client.connect(["MapiContext=a"])
    client.call("Disconnect", DISCONNECT, DONE_DISCONNECT, "MapiContext=a")
    _, second = client.connect(["MapiContext=a"])
    rows = rows_of(http, "again")
    assert session(rows, second) == [2]


def test_failed_connects_make_no_session(tshark):
    http = Http()
    client = http.client()
    answers = [client.call("Connect", connect(), u32(0, 0x80070005, 0, 0, 0) + b"\0\0\0" + u32(0), set_cookie=["MapiContext=a"])[1],
               client.call("Connect", connect(), u32(7, 0), set_cookie=["MapiContext=a"])[1],
               client.call("Connect", connect(), b"no", code=4, content_type=HTML, set_cookie=["MapiContext=a"])[1]]
    _, good = client.connect()
    rows = rows_of(http, "failed")
    assert [session(rows, frame) for frame in answers] == [[], [], []]
    assert session(rows, good) == [1]


def test_began_before_the_capture(tshark):
    """A cookie not met before is a session; without one the GUID of X-RequestId is."""
    http = Http()
    a, b = (http.client(f"{{{n}1111111-2222-3333-4444-555555555555}}") for n in (1, 2))
    frames = [*a.call("Execute", execute(), executed(), "MapiContext=x; MapiSequence=5"),
              *b.call("Execute", execute(), executed(), "MapiContext=y"),
              *a.call("Execute", execute(), executed(), "MapiContext=x; MapiSequence=6"),
              *a.call("Execute", execute(), executed()),                # the same client forgot its cookie
              *http.client("{31111111-2222-3333-4444-555555555555}").call("Execute", execute(), executed())]
    rows = rows_of(http, "late")
    assert [session(rows, frame) for frame in frames] == [[n] for n in (1, 1, 2, 2, 1, 1, 1, 1, 3, 3)]


@pytest.mark.parametrize("code", [6, 10, 18])
def test_a_lost_session(tshark, code):
    http = Http()
    client = http.client()
    client.connect()
    client.call("Execute", execute(), executed(), "MapiContext=c1")
    _, refused = client.call("Execute", execute(), b"gone", "MapiContext=c1", code=code, content_type=HTML)
    assert ends(http, "lost") == {1: f"lost in {refused}"}


def test_a_request_without_cookie_loses_no_session(tshark):
    http = Http()
    client = http.client()
    client.connect()
    client.call("Execute", execute(), b"no cookie", code=10, content_type=HTML)
    client.call("Execute", execute(), b"later", "MapiContext=c1", code=15, content_type=HTML)
    assert ends(http, "kept") == {1: "-"}


def test_disconnect(tshark):
    http = Http()
    client = http.client()
    client.connect()
    _, failed = client.call("Disconnect", DISCONNECT, u32(0, 0x80004005, 0), "MapiContext=c1")
    _, done = client.call("Disconnect", DISCONNECT, DONE_DISCONNECT, "MapiContext=c1")
    assert failed < done and ends(http, "disconnect") == {1: f"disconnected in {done}"}


# --- how waits end ---------------------------------------------------------------------------

def outcome(row):
    assert ints(row["oxcnotif.wakeup.method"]) == [3]
    return ints(row["oxcnotif.wakeup.outcome"])


@pytest.mark.parametrize("answer,expected", [
    (dict(kind="NotificationWait", body=waited(1)), PENDING),
    (dict(kind="NotificationWait", body=waited(0)), TIMEOUT),
    (dict(kind="NotificationWait", body=waited(0, 0x7EE)), REJECTED),
    (dict(kind="NotificationWait", body=waited(1, 0x3ED)), REJECTED),
    (dict(kind="NotificationWait", body=u32(9, 0)), REJECTED),
    (dict(kind="NotificationWait", body=u32(0)), REJECTED),
    (dict(kind="NotificationWait", body=b"no", code=10, content_type=HTML), REJECTED),
    (dict(kind="NotificationWait", body=b"", preamble=b"PROCESSING\r\nDONE\r\nX-ResponseCode: 10\r\n\r\n"), REJECTED),
    (dict(kind="NotificationWait", body=b"", preamble=b"PROCESSING\r\nPENDING\r\n"), CUT_OFF),
    (dict(kind=None, body=b"sorry", code=None, status="403 Forbidden", content_type=HTML, request_id=False), REJECTED),
    (dict(kind=None, body=b"sorry", code=None, status="502 Bad Gateway", content_type=HTML, request_id=False), CUT_OFF),
    (dict(kind=None, body=None, code=None, status="504 Gateway Timeout", headers={"Content-Length": "0"}, request_id=False),
     CUT_OFF),
    (dict(kind=None, body=b"late", code=None, status="408 Request Timeout", content_type=HTML, request_id=False), CUT_OFF),
])
def test_answers_to_a_wait(tshark, answer, expected):
    http = Http()
    client = http.client()
    client.connect()
    request = client.request("NotificationWait", WAIT, "MapiContext=c1")
    response = client.response(**answer)
    client.end(FIN)
    rows = rows_of(http, "answers")
    assert_call(rows, request, response)
    assert outcome(rows[response]) == [expected] and session(rows, response) == [1]
    # The wait has ended once: the end of the connection is not another one.
    assert [frame for frame, row in rows.items() if row["oxcnotif.wakeup.method"]] == [response]


BEGUN = (b"HTTP/1.1 200 OK\r\nContent-Type: application/mapi-http\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"c\r\nPROCESSING\r\n\r\n9\r\nPENDING\r\n\r\n")


@pytest.mark.parametrize("begun", [pytest.param(b"", id="no-answer"), pytest.param(BEGUN, id="PENDING")])
@pytest.mark.parametrize("flags,way", [(FIN, TO_CLIENT), (FIN, TO_SERVER), (RST, TO_CLIENT), (RST, TO_SERVER)],
                         ids=["FIN-by-server", "FIN-by-client", "RST-by-server", "RST-by-client"])
def test_a_wait_that_is_cut_off(tshark, begun, flags, way):
    http = Http()
    exchange, wait = http.client(), http.client()
    exchange.connect()
    request = wait.request("NotificationWait", WAIT, "MapiContext=c1")
    if begun:
        wait.link.send(TO_CLIENT, begun)
    idle = exchange.end(FIN)                    # nothing is waited for on this connection
    end = wait.end(flags, way)
    wait.end(RST, 1 - way)                      # and again
    rows = rows_of(http, "cut")
    assert outcome(rows[end]) == [CUT_OFF] and session(rows, end) == [1]
    assert ints(rows[end]["oxcnotif.wakeup.wait_in"]) == ints(rows[end]["mapihttp.unanswered_request_in"]) == [request]
    assert rows[end]["mapihttp.cut_off"] and not rows[idle]["mapihttp.cut_off"]
    assert rows[request]["rop.response_in"] == []
    assert [frame for frame, row in rows.items() if row["oxcnotif.wakeup.method"]] == [end]


def test_an_answer_with_the_end_of_the_connection(tshark):
    http = Http()
    client = http.client()
    client.connect()
    request = client.request("NotificationWait", WAIT, "MapiContext=c1")
    response = client.link.segment(TO_CLIENT, message("HTTP/1.1 200 OK", {
        "Content-Type": "application/mapi-http", "X-RequestType": "NotificationWait", "X-RequestId": f"{client.guid}:2",
        "X-ResponseCode": "0"}, PREAMBLE + waited(1)), flags=0x19)
    rows = rows_of(http, "last")
    assert_call(rows, request, response)
    assert outcome(rows[response]) == [PENDING] and not rows[response]["mapihttp.cut_off"]


def test_an_answer_behind_the_end_of_the_request(tshark):
    """A client may close its half first: the wait seems lost, until it is answered all the same."""
    http = Http()
    client = http.client()
    client.connect()
    request = client.request("NotificationWait", WAIT, "MapiContext=c1")
    end = client.end(FIN, TO_SERVER)
    client.link.seq[TO_SERVER] += 1
    response = client.response("NotificationWait", waited(1))
    path = http.write("half-closed")
    rows, once = shown(path, FIELDS, True), shown(path, FIELDS, False)
    assert outcome(once[end]) == [CUT_OFF] and not rows[end]["oxcnotif.wakeup.outcome"]
    assert_call(rows, request, response)
    assert outcome(rows[response]) == [PENDING]


DONE = PREAMBLE.removeprefix(b"PROCESSING\r\n")
LAST_CHUNK = b"0\r\n\r\n"
END = chunks(DONE + waited(1), 1000)


@pytest.mark.parametrize("before,end,behind,expected", [
    pytest.param([], END + LAST_CHUNK, [], PENDING, id="event"),
    pytest.param([], chunks(DONE + waited(0), 1000) + LAST_CHUNK, [], TIMEOUT, id="no-event"),
    pytest.param([], chunks(DONE + waited(0, 0x7EE), 1000) + LAST_CHUNK, [], REJECTED, id="refused"),
    pytest.param([chunks(b"PENDING\r\n", 1000)], END + LAST_CHUNK, [], PENDING, id="behind-PENDING"),
    pytest.param([], chunks(b"PENDING\r\n", 1000) + END + LAST_CHUNK, [], PENDING, id="with-PENDING"),
    pytest.param([], END, [LAST_CHUNK], PENDING, id="last-chunk-apart"),
])
def test_a_wait_that_began_before_the_capture(tshark, before, end, behind, expected):
    """Of its response only the end is there: the session that fetches then was woken."""
    http = Http()
    wait = http.client()
    for data in before:
        wait.link.send(TO_CLIENT, data)
    ended = wait.link.send(TO_CLIENT, end)[-1][1]
    for data in behind:
        wait.link.send(TO_CLIENT, data)
    fetch, fetched = http.client().call("Execute", execute(), executed(), "MapiContext=x")
    again, answer = wait.call("NotificationWait", WAIT, waited(0), "MapiContext=x")
    rows = rows_of(http, "end-of-poll")
    assert rows[ended]["mapihttp.request_type"] == ["NotificationWait"] and rows[ended]["mapihttp.request_not_captured"]
    assert outcome(rows[ended]) == [expected] and not rows[ended]["mapihttp.cut_off"]
    assert [frame for frame, row in rows.items() if row["oxcnotif.wakeup.method"]] == [ended, answer]
    assert_call(rows, again, answer, "NotificationWait")
    links = shown(http.write("linked"), ["oxcnotif.followup_in", "oxcnotif.wakeup_in", "oxcnotif.match"], True)
    linked = expected == PENDING
    assert ints(links[ended]["oxcnotif.followup_in"]) == [fetch] * linked
    assert ints(links[fetch]["oxcnotif.wakeup_in"]) == ints(links[fetched]["oxcnotif.wakeup_in"]) == [ended] * linked
    assert ints(links[fetch]["oxcnotif.match"]) == [3] * linked


@pytest.mark.parametrize("end", [
    pytest.param(chunks(DONE + executed(), 1000) + LAST_CHUNK, id="of-Execute"),
    pytest.param(chunks(DONE + waited(1) + b"\0", 1000) + LAST_CHUNK, id="another-byte"),
    pytest.param(chunks(waited(1), 1000) + LAST_CHUNK, id="without-DONE"),
    pytest.param(END[:-5], id="cut-short"),
])
def test_the_end_of_another_response_is_no_wait(tshark, end):
    http = Http()
    client = http.client()
    client.link.send(TO_CLIENT, end)
    client.call("Execute", execute(), executed(), "MapiContext=x")
    assert not [row for row in rows_of(http, "no-poll").values() if row["oxcnotif.wakeup.method"]]


def test_a_wait_that_began_before_the_capture_ends_on_both_sides_of_a_proxy(tshark):
    http = Http()
    back, front = http.client(server=1, host=2), http.client(server=2, host=100)
    first = back.link.send(TO_CLIENT, END + LAST_CHUNK)[-1][1]
    second = front.link.send(TO_CLIENT, END + LAST_CHUNK)[-1][1]
    rows = shown(http.write("old-legs"), ["oxcnotif.wakeup.method", "oxcnotif.other_leg"], True)
    assert [frame for frame, row in rows.items() if row["oxcnotif.wakeup.method"]] == [first]
    assert ints(rows[first]["oxcnotif.other_leg"]) == [second] and ints(rows[second]["oxcnotif.other_leg"]) == [first]


def test_an_execute_that_is_cut_off(tshark):
    http = Http()
    client = http.client()
    client.connect()
    request = client.request("Execute", execute(), "MapiContext=c1")
    end = client.end(RST)
    rows = rows_of(http, "execute")
    assert rows[end]["mapihttp.cut_off"] and not rows[end]["oxcnotif.wakeup.method"]
    assert ints(rows[end]["mapihttp.unanswered_request_in"]) == [request]


def test_nobody_asked(tshark):
    """A server that closes an idle connection with a 408 answers nobody."""
    http = Http()
    client = http.client()
    client.connect()
    client.call("NotificationWait", WAIT, waited(0), "MapiContext=c1")
    frame = client.response(None, b"idle", code=None, status="408 Request Timeout", content_type=HTML, request_id=False)
    client.end(FIN)
    rows = rows_of(http, "idle")
    assert not rows[frame]["rop.request_in"] and not rows[frame]["oxcnotif.wakeup.method"]


def short_client(http: Http, number: int) -> tuple[range, int]:
    """A session of its own: its frames, and the one that ends its wait."""
    first, cookie = len(http.tcp.frames) + 1, f"MapiContext=c{number:03}"
    client = http.client(f"{{{number:08}-2222-3333-4444-555555555555}}", host=100 + number)
    client.connect([cookie])
    client.call("Execute", execute(), executed(), cookie)
    _, response = client.call("NotificationWait", WAIT, waited(1), cookie)
    return range(first, len(http.tcp.frames) + 1), response


def test_short_frames(tshark):
    """Captures with a snap length, as sessions of one file: what is there is shown, and nothing that is not there is claimed."""
    probe = Http()
    frames, response = short_client(probe, 0)
    whole, last = max(map(len, probe.tcp.frames)), len(probe.tcp.frames[response - 1])
    http, snaplens, clients, outcomes, sessions = Http(), {}, [], set(), []
    for number, snaplen in enumerate([*range(60, whole, 31), *range(last - 20, whole)]):
        clients.append(short_client(http, number))
        snaplens |= dict.fromkeys(clients[-1][0], snaplen)
    rows = shown(http.write("short", snaplens), FIELDS)
    for frames, response in clients:
        sessions.append({number for frame in frames for number in session(rows, frame)})
        assert len(sessions[-1]) <= 1
        for frame in frames:
            if rows[frame]["oxcnotif.wakeup.method"]:
                assert frame == response
                outcomes.add(*outcome(rows[frame]))
    known = [number for one in sessions for number in one]
    assert len(set(known)) == len(known) > 10
    assert outcomes == {PENDING}


def test_two_set_cookie_headers_are_two_fields(tshark):
    http = Http()
    client = http.client()
    _, response = client.connect(["MapiContext=a; path=/", "MapiSequence=b"])
    request, _ = client.call("Execute", execute(), executed(), "MapiContext=a; MapiSequence=b")
    rows = rows_of(http, "cookies")
    assert rows[response]["mapihttp.set_cookie"] == ["MapiContext=a; path=/", "MapiSequence=b"]
    assert rows[request]["mapihttp.cookie"] == ["MapiContext=a; MapiSequence=b"]


def test_nothing_else_is_watched(tshark):
    """HTTP that has nothing to do with it stays as it is, also what looks alike."""
    http = Http()
    client = http.client()
    for _ in range(2):
        client.link.send(TO_SERVER, message("POST /form HTTP/1.1", {"Host": "x", "Content-Type": "text/plain"}, b"POST /mapi/emsmdb/"))
        client.link.send(TO_CLIENT, message("HTTP/1.1 200 OK", {"Content-Type": HTML}, b"X-RequestType: Execute"))
    client.end(RST)
    assert not tshark.fields(http.write("alone"), ["mapihttp.request_type"], "mapihttp")


# --- the lab's captures ----------------------------------------------------------------------

@pytest.mark.parametrize("name", lab.names("mapihttp-"))
def test_calls_of_the_lab(tshark, name):
    rows = {row["frame"]: row for row in tshark.fields(lab.capture(name), FIELDS, two_pass=True)}
    numbers = {}
    for call in lab.truth(name)["calls"]:
        request, response = call["frame_req"], call["frame_resp"] if call["complete"] else None
        if request:
            assert rows[request]["mapihttp.request_type"] == [call["name"]], call["id"]
        if response:
            assert rows[response]["mapihttp.request_type"] == [call["name"]], call["id"]
            if name != "mapihttp-h2":           # no headers there
                wanted = [] if call["response_code"] is None else [call["response_code"]]
                assert ints(rows[response]["mapihttp.response_code"])[-1:] == wanted, call["id"]
        if request and response:
            assert_call(rows, request, response)
        elif request:
            assert rows[request]["rop.response_in"] == [], call["id"]
        if call["session"] is not None:
            for frame in filter(None, (request if call["name"] != "Connect" else None, response)):
                numbers.setdefault(call["session"], set()).update(session(rows, frame) or [None])
    assert all(len(found) == 1 for found in numbers.values()) and len(set.union(*numbers.values())) == len(numbers), numbers


@pytest.mark.parametrize("name", lab.names("mapihttp-"))
def test_waits_of_the_lab(tshark, name):
    rows = {row["frame"]: row for row in tshark.fields(lab.capture(name), FIELDS, two_pass=True)}
    truth = {w["frame"]: ([w["method"]], [w["outcome"]], [w["wait_request"]]) for w in lab.truth(name)["wakeups"] if w["method"] == 3}
    assert {frame: (ints(row["oxcnotif.wakeup.method"]), ints(row["oxcnotif.wakeup.outcome"]), ints(row["oxcnotif.wakeup.wait_in"]))
            for frame, row in rows.items() if "3" in row["oxcnotif.wakeup.method"]} == truth


@pytest.mark.parametrize("name", lab.names("mapihttp-"))
def test_body_fields_of_the_lab(tshark, name):
    """Every scalar field of every body."""
    known = {}
    for call in lab.truth(name)["calls"]:
        for direction, frame in (("request", call["frame_req"]), ("response", call["frame_resp"] if call["complete"] else None)):
            for field, value in ((call.get("parameters") or {}).get(direction) or {}).items():
                if frame and isinstance(value, (int, str)) and f"mapihttp.{lab.snake(field)}" in tshark.registered():
                    known[frame, f"mapihttp.{lab.snake(field)}"] = value
    fields = sorted({field for _, field in known})
    assert {"mapihttp.user_dn", "mapihttp.polls_max", "mapihttp.max_rop_out", "mapihttp.status_code"} <= set(fields)
    rows = {row["frame"]: row for row in tshark.fields(lab.capture(name), fields)}
    wrong = {key: (value, rows[key[0]][key[1]]) for key, value in known.items()
             # tshark shows nothing of an empty string.
             if [int(v, 0) if isinstance(value, int) else v for v in rows[key[0]][key[1]] or [""]] != [value]}
    assert not wrong


def test_octet_stream_without_request_type_stays_http(tshark):
    """Foreign HTTP with the media type that some probes of MAPI/HTTP have looks as it does without the plugin."""
    capture = carrier.Capture()
    body = b"PROCESSING\r\nDONE\r\n\r\n" + bytes(8)
    question = (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: 28\r\n\r\n"
                + body)
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 28\r\n\r\n" + body
    capture._segment(carrier.CLIENT, carrier.SERVER, 20000, 80, 1, 1, question)
    capture._segment(carrier.SERVER, carrier.CLIENT, 80, 20000, 1, 1 + len(question), answer)
    path = str(capture.write("octet-stream.pcap"))
    plain = tshark.run(["WIRESHARK_PLUGIN_DIR=/nonexistent", "tshark", "-n", "-r", path, "-V"], program="env").stdout
    assert "octet-stream" in plain and tshark.run(["-n", "-r", path, "-V"]).stdout == plain
