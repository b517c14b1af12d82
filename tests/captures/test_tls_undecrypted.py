# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS connections without keys: which are Exchange's, or may be, is said once for each (docs/keys.md)."""

import itertools
import json
import pathlib
import ssl

import pytest
import secrets_block
import tls_traffic
import tshark

CAPTURES = tshark.REPOSITORY / "test-captures"
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAMED, LONG_POLL = "oxcnotif.tls.undecrypted", "oxcnotif.tls.long_poll"
SERVER_NAME, CERTIFICATE, ADDRESS, LONG_POLLS = "1", "2", "3", "4"


def notes(path: pathlib.Path, prefs: dict[str, object] | None = None, args=()) -> list[tuple[str, str, str]]:
    """TCP stream, evidence and name of each note, equal in one pass and two."""
    wanted = ["tcp.stream", "oxcnotif.tls.evidence", "oxcnotif.tls.server_name", NAMED, LONG_POLL]
    passes = [tshark.fields(path, wanted, "oxcnotif.tls.evidence", two_pass=two, prefs=prefs, args=args) for two in (False, True)]
    assert passes[0] == passes[1]
    for row in passes[0]:
        assert bool(row[LONG_POLL]) == (row["oxcnotif.tls.evidence"] == [LONG_POLLS]) != bool(row[NAMED])
    return [tuple((row[name] or [""])[0] for name in wanted[:3]) for row in passes[0]]


def polls(connection: tls_traffic.Connection, begin: float, lasts=(25.0, 300.0, 60.0), **more) -> float:
    for wait in lasts:
        begin = connection.long_poll(begin, wait, **more) + 0.2
    return begin


def simple(name: str | None, count: int = 1, **more) -> pathlib.Path:
    capture = tls_traffic.Capture()
    for number in range(count):
        connection = tls_traffic.Connection(capture, 1 + number, name, **more)
        for step in range(3):
            connection.exchange(1.5 + number + 0.1 * step)
    return capture.write("tls.pcap")


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("name", ["outlook.office365.com", "outlook.cloud.microsoft", "partner.outlook.cn", "autodiscover.lab.example",
                                  "AutoDiscover.Lab.Example", "autodiscover-s.outlook.com"])
def test_server_name_of_exchange_is_noted_once(version, name):
    assert notes(simple(name, version=version)) == [("0", SERVER_NAME, name.lower())]


@pytest.mark.parametrize("name", ["www.lab.example", "mail.lab.example", "outlook.live.com", "exchange.coins.example", "mapi.app.example",
                                  "autodiscover", "autodiscover.com", "notoutlook.office365.com", "outlook.office365.com.evil.example", None])
def test_other_server_names_stay_silent(name):
    assert notes(simple(name, count=2)) == []


def test_mail_server_of_a_domain_with_autodiscover():
    capture = tls_traffic.Capture()
    for number, name in enumerate(["mail.lab.example", "autodiscover.lab.example", "mail.lab.example", "www.lab.example", "mail.other.example"]):
        tls_traffic.Connection(capture, number + 1, name).exchange(number + 1.5)
    # The first came before the domain was known.
    assert notes(capture.write("domain.pcap")) == [("1", SERVER_NAME, "autodiscover.lab.example"), ("2", SERVER_NAME, "mail.lab.example")]


def test_certificate_names_exchange_in_tls_1_2():
    names = ("mail.lab.example", "autodiscover.lab.example")
    assert notes(simple(None, version=TLS12, names=names)) == [("0", CERTIFICATE, names[1])]
    assert notes(simple("mail.lab.example", version=TLS12, names=names)) == [("0", CERTIFICATE, names[0])]
    assert notes(simple(None, version=TLS12, common_name="outlook.office365.com")) == [("0", CERTIFICATE, "outlook.office365.com")]
    assert not notes(simple("www.lab.example", version=TLS12, names=names))
    # Encrypted.
    assert not notes(simple(None, version=TLS13, names=names))


def test_certificate_of_web_hosting_is_none_of_exchange():
    names = ("shop.example", "autodiscover.shop.example", "cpanel.shop.example", "webdisk.shop.example")
    assert not notes(simple("mail.shop.example", version=TLS12, names=names))
    assert not notes(simple(None, version=TLS12, names=names))


def test_long_certificate_and_hello_over_several_segments():
    names = tuple(f"host-{number}.a-rather-long-name-of-a-subsidiary.example" for number in range(80)) + ("autodiscover.lab.example",)
    assert notes(simple(None, version=TLS12, names=names)) == [("0", CERTIFICATE, "autodiscover.lab.example")]
    for segment in (3, 50, 100):
        assert notes(simple("outlook.office365.com", segment=segment)) == [("0", SERVER_NAME, "outlook.office365.com")]


def test_alpn_of_another_protocol_stays_silent():
    assert notes(simple("outlook.office365.com", alpn=("h2", "http/1.1"))) == [("0", SERVER_NAME, "outlook.office365.com")]
    assert notes(simple("outlook.office365.com", alpn=()))
    assert not notes(simple("outlook.office365.com", alpn=("imap",)))


def test_any_port_by_name():
    assert notes(simple("autodiscover.lab.example", port=8443)) == [("0", SERVER_NAME, "autodiscover.lab.example")]


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_decrypted_connection_stays_silent(version, tmp_path):
    keys = tmp_path / "keys.log"
    path = simple("outlook.office365.com", count=2, version=version, keylog=keys)
    assert len(notes(path)) == 2
    assert not notes(path, prefs={"tls.keylog_file": str(tshark.readable(keys))})
    some = tmp_path / "some.log"            # keys of the first connection
    lines = [line for line in keys.read_text().splitlines(keepends=True) if not line.startswith("#")]
    some.write_text("".join(lines[:len(lines) // 2]))
    assert notes(path, prefs={"tls.keylog_file": str(tshark.readable(some))}) == [("1", SERVER_NAME, "outlook.office365.com")]


# ---- long polls -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("pending", [0, 15])
@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_long_polls_are_noted_with_the_third_wait(version, pending):
    capture = tls_traffic.Capture()
    polling, calling = (tls_traffic.Connection(capture, 1 + number, "mail.lab.example", version=version) for number in range(2))
    begin = 3.0
    for number in range(3):
        begin = polling.long_poll(begin, 30.0, pending=pending)
        calling.exchange(begin + 0.1, 900 + 300 * number, 5000)
        begin += 0.3
    path = capture.write("polls.pcap")
    assert notes(path) == [("0", LONG_POLLS, "")]
    row = tshark.fields(path, ["frame.time_relative"], LONG_POLL)
    assert [float(r["frame.time_relative"][0]) for r in row] == [pytest.approx(begin - 0.3 - 1, abs=0.01)]


def test_two_waits_or_one_connection_are_not_enough():
    for lasts, connections in (((30, 30), 2), ((30, 30, 30, 30), 1), ((15, 15, 15, 15), 2)):
        capture = tls_traffic.Capture()
        made = [tls_traffic.Connection(capture, 1 + number, None) for number in range(connections)]
        polls(made[0], 5, lasts)
        assert not notes(capture.write("few.pcap"))


def test_requests_of_other_sizes_or_late_ones_are_no_long_polls():
    capture = tls_traffic.Capture()
    one, two = (tls_traffic.Connection(capture, 1 + number, None) for number in range(2))
    begin_one = begin_two = 5.0
    for number in range(5):
        begin_one = one.long_poll(begin_one, 30, request=500 + 100 * number) + 0.2
        begin_two = two.long_poll(begin_two, 30) + 20
    assert not notes(capture.write("other.pcap"))


def test_traffic_like_websockets_server_sent_events_and_browsing_stays_silent():
    capture = tls_traffic.Capture()
    sockets, events, browser = (tls_traffic.Connection(capture, 1 + number, None) for number in range(3))
    sockets.exchange(4)
    events.exchange(4)
    for number in range(200):
        if number % 30 == 0:
            sockets.exchange(5 + number, 150, 150)          # a heartbeat
        if number % 25 == 0:
            sockets.send(1, bytes(400), 6.5 + number)       # pushed
        if number % 40 == 0:
            events.send(1, bytes(500), 5 + number)
            browser.exchange(5 + number, 700, 9000, after=0.4)
    assert not notes(capture.write("foreign.pcap"))


def test_capture_that_begins_in_the_middle():
    capture = tls_traffic.Capture()
    polling, calling = (tls_traffic.Connection(capture, 1 + number, "mail.lab.example", captured_from=10) for number in range(2))
    for step in range(4):
        calling.exchange(11 + step)
    polls(polling, 12.0, (40, 40, 40, 40))
    assert notes(capture.write("middle.pcap")) == [("1", LONG_POLLS, "")]


def test_server_address_is_known_by_another_connection():
    capture = tls_traffic.Capture()
    polling = tls_traffic.Connection(capture, 1, "outlook.office365.com", captured_from=10)
    other = tls_traffic.Connection(capture, 1.1, None, server=b"\x0a\x00\x00\x09")
    named = tls_traffic.Connection(capture, 11, "outlook.office365.com")
    named.exchange(11.5)
    other.exchange(12)
    for connection in (polling, other):
        connection.exchange(13)
        connection.exchange(13.2)
        polls(connection, 14, (30, 30))
    found = notes(capture.write("address.pcap"))
    assert sorted(note[1:] for note in found) == [(SERVER_NAME, "outlook.office365.com"), (ADDRESS, "outlook.office365.com")]


# ---- where it shows -------------------------------------------------------------------------------------------------------

def test_sessions_table_tree_events_and_column(tmp_path):
    path = simple("outlook.office365.com", count=3)
    table = tshark.text(path, args=["-q", "-z", "oxcnotif,sessions"])
    assert "3 TLS connections not decrypted" in table and "docs/keys.md" in table
    assert "TLS connections not decrypted" in tshark.text(path, args=["-q", "-z", "oxcnotif,tree"])
    lines = [json.loads(line) for line in tshark.text(path, args=["-q", "-z", "oxcnotif,events"]).splitlines()]
    found = [line for line in lines if line["event"] == "tls_undecrypted"]
    assert [(line["client"], line["server"], line["port"], line["server_name"], line["evidence"]) for line in found] == \
        [("10.0.0.1", "10.0.0.2", 443, "outlook.office365.com", "server_name")] * 3
    diagnoses = [line for line in lines if line["event"] == "diagnosis"]
    assert [line["name"] for line in diagnoses] == [NAMED] * 3 and "docs/keys.md" in diagnoses[0]["explanation"]
    assert tshark.text(path, args=[]).count("Exchange, not decrypted") == 3


def test_disabled_protocol_stays_silent():
    path = simple("outlook.office365.com")
    assert not tshark.fields(path, ["frame.number"], "oxcnotif", args=["--disable-protocol", "oxcnotif"])
    assert not tshark.fields(path, ["frame.number"], "oxcnotif", args=["--disable-protocol", "tls"])


def test_bundled_captures_without_their_keys():
    """hermEX keeps one connection of each client for waits of 50 s; the server has no name. The other has no wait of 20 s."""
    assert {note[1] for note in notes(CAPTURES / "hermex-2-mapihttp-tls.pcapng", prefs={"tls.keylog_file": ""})} <= {LONG_POLLS}
    assert not notes(secrets_block.without(CAPTURES / "rpch-tls.pcapng"))


def test_damaged_handshakes_do_no_harm():
    capture = tls_traffic.Capture()
    tls_traffic.Connection(capture, 1, "outlook.office365.com", version=TLS12, names=("autodiscover.lab.example",)).exchange(2)
    original = list(capture.frames)
    for number, at in itertools.product(range(6), range(0, 300, 7)):
        time, frame = original[number]
        if at + 40 < len(frame):
            damaged = bytearray(frame)
            damaged[40 + at] ^= 0xFF
            damaged[20:22] = (20000 + number * 1000 + at).to_bytes(2, "big") if frame[20:22] != b"\x01\xbb" else b"\x01\xbb"
            capture.frames.append((time + 10 + number + at / 1000, bytes(damaged)))
    assert "Dissector bug" not in tshark.text(capture.write("damaged.pcap"))
