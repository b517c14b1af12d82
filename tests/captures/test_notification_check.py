# SPDX-License-Identifier: GPL-2.0-or-later
"""Notifications that the server got wrong (MS-OXCNOTIF 3.1.4.3, MS-OXCDATA 2.2.1).

The page beside the capture says that RopTransportNewMail makes a NewMail with its ids swapped, for the subscription
to the whole store only, and that the NewMail of the delivered mail is right and for both subscriptions.
"""

from __future__ import annotations

import pytest

import tshark as tools

CAPTURES = tools.REPOSITORY / "test-captures"
CAPTURE = CAPTURES / "gromox-mapihttp-notify.pcapng"
SWAPPED, DELIVERED = 279, 296
WHOLE_STORE, INBOX = 46, 48
EXCHANGED = "oxcnotif.notification.exchanged_ids"
PASSED_OVER = "oxcnotif.notification.passed_over"


def frames(capture: object, display_filter: str, two_pass: bool = True) -> list[int]:
    return [row["frame"] for row in tools.fields(capture, [], display_filter, two_pass=two_pass)]


def test_frames_are_those_of_the_page() -> None:
    rows = tools.fields(CAPTURE, ["oxcnotif.subscription_in"], "oxcnotif.notification_type == 2", two_pass=True)
    assert [row["frame"] for row in rows] == [SWAPPED, DELIVERED]
    assert rows[0]["oxcnotif.subscription_in"] == [str(WHOLE_STORE)]


@pytest.mark.parametrize("two_pass", [False, True])
def test_exchanged_ids_of_new_mail_are_reported(two_pass: bool) -> None:
    assert frames(CAPTURE, EXCHANGED, two_pass) == [SWAPPED]


def test_subscription_that_got_no_new_mail_is_named() -> None:
    rows = tools.fields(CAPTURE, ["oxcnotif.passed_over_in"], PASSED_OVER, two_pass=True)
    assert [(row["frame"], row["oxcnotif.passed_over_in"]) for row in rows] == [(SWAPPED, [str(INBOX)])]


@pytest.mark.parametrize("capture", sorted(path for path in CAPTURES.glob("*.pcapng") if path != CAPTURE),
                         ids=lambda path: path.stem)
def test_right_notifications_are_not_reported(capture: object) -> None:
    assert frames(capture, f"{EXCHANGED} || {PASSED_OVER}") == []
