# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP authentication in front of MAPI/HTTP: the first two responses to a request of NTLM or Negotiate have status 401."""

from __future__ import annotations

import mapihttp

FIELDS = ["mapihttp.credentials_refused", "mapihttp.http_failure", "oxcnotif.wakeup.method", "oxcnotif.session"]


def attempt(client: mapihttp.Client, status: str) -> int:
    """One attempt of a wait with the same X-RequestId; the frame of its response."""
    client.count = 1
    client.request("NotificationWait", mapihttp.WAIT, "MapiContext=c1")
    return client.response(None, b"", code=None, status=status, content_type="text/plain", request_id=False)


def shown(tshark, http: mapihttp.Http, name: str) -> dict[int, dict[str, list[str]]]:
    return {row["frame"]: row for row in tshark.fields(http.write(name), FIELDS, two_pass=True)}


def test_legs_are_neither_failures_nor_ends_of_waits(tshark):
    for status in ("401 Unauthorized", "407 Proxy Authentication Required"):
        http = mapihttp.Http()
        client = http.client()
        client.connect()
        legs = [attempt(client, status) for _ in range(2)]
        rows = shown(tshark, http, f"legs-{status[:3]}.pcap")
        for leg in legs:
            assert not any(rows[leg][name] for name in FIELDS[:3]), status


def test_credentials_that_are_refused_are_one_item(tshark):
    http = mapihttp.Http()
    client = http.client()
    client.connect()
    legs = [attempt(client, "401 Unauthorized") for _ in range(6)]
    rows = shown(tshark, http, "refused.pcap")
    assert [leg for leg in legs if rows[leg]["mapihttp.credentials_refused"]] == [legs[2]]
