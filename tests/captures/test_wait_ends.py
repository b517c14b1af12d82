# SPDX-License-Identifier: GPL-2.0-or-later
"""Who ended a wait: the sender of the FIN or RST (test-captures/field/NAME.md has the situations)."""

from __future__ import annotations

import pytest

import tshark as tools

FIELD = tools.REPOSITORY / "test-captures" / "field"


@pytest.mark.parametrize("two_pass", [False, True])
def test_reset_of_out_channel_by_server_side_is_named(tshark, two_pass: bool):
    rows = tshark.fields(FIELD / "r09_rst_out.pcap", ["oxcnotif.wakeup.outcome", "oxcnotif.wakeup.closed_by"],
                         "oxcnotif.wakeup.closed_by", two_pass=two_pass)
    assert rows == [{"frame": 59, "oxcnotif.wakeup.outcome": ["4"], "oxcnotif.wakeup.closed_by": ["2"]}]


def test_wait_after_disconnect_has_no_end_that_anybody_caused(tshark):
    rows = tshark.fields(FIELD / "j01_exit.pcap", [], "oxcnotif.wakeup.outcome == 4 or mapihttp.cut_off", two_pass=True)
    assert rows == []


def test_abandoned_wait_is_told_on_its_request_on_later_visits_only(tshark):
    for two_pass, expected in ((False, []), (True, [19])):
        rows = tshark.fields(FIELD / "d11_silent_http.pcap", [], "oxcnotif.wait.abandoned", two_pass=two_pass)
        assert [row["frame"] for row in rows] == expected
