# SPDX-License-Identifier: GPL-2.0-or-later
"""Notifications and subscriptions of every capture against the ground truth:
every field of each, in order, and not one more."""

import pytest
from observed import FLAG_BITS, NOTIFICATION_FIELDS, assert_same
from test_truth_readers import ODD_REQUESTS

import truth
import truth_sessions

captures = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in truth.CAPTURES])


def per_frame(name, values):
    """Response frame -> what values() gives for each RopNotify and RopPending in it."""
    found = {}
    for call, response in truth.load(name).notifications():
        found.setdefault(call.resp_frame, []).extend(values(response))
    return found


def registrations(name):
    """Every RopRegisterNotification request whose buffer can be read."""
    return [(call, r) for call in truth.load(name).calls for r in call.requests or []
            if r.rop_id == 0x29]


@captures
@pytest.mark.parametrize("spec_name", NOTIFICATION_FIELDS)
def test_field(seen, name, spec_name):
    field = NOTIFICATION_FIELDS[spec_name]

    def values(fields):
        found = fields.get(spec_name, [])
        return found if isinstance(found, list) else [found]

    expected = per_frame(name, lambda r: values(r.fields))
    for call, register in registrations(name):
        expected.setdefault(call.req_frame, []).extend(values(register.fields))
    actual = seen.frames(name)[field]
    if spec_name == "MessageClass":
        # tshark prints nothing for an empty string.
        expected = {frame: [v for v in found if v] for frame, found in expected.items()}
        actual = {frame: [v for v in found if v] for frame, found in actual.items()}
    skip = set(ODD_REQUESTS.get(name, ()))
    if name == "outlook2007" and spec_name in ("FolderId", "MessageId"):
        skip |= {10}                        # there, but the truth does not say which
    assert_same(field, actual, expected, skip)


@captures
def test_notification_types(seen, name):
    """NotificationType is the low twelve bits of NotificationFlags ([MS-OXCNOTIF] 2.2.1.4.1.2)."""
    assert_same("oxcnotif.notification_type", seen.frames(name)["oxcnotif.notification_type"],
                per_frame(name, lambda r: [r.fields["NotificationFlags"] & 0x0FFF]
                          if r.is_notify else []))


@captures
@pytest.mark.parametrize("bit", FLAG_BITS)
def test_flag_bits(seen, name, bit):
    field = f"oxcnotif.notification_flags.{bit}"
    assert_same(field, seen.frames(name)[field],
                per_frame(name, lambda r: [int(bool(r.fields["NotificationFlags"] & FLAG_BITS[bit]))]
                          if r.is_notify else []))


@captures
def test_subscription_links(seen, name):
    """Each notification names the frame of its RopRegisterNotification, or of the ROP
    that opened its table."""
    calls = truth.load(name).calls
    expected = truth_sessions.subscriptions(calls)
    shown = seen.frames(name)["oxcnotif.subscription_in"]
    for frame, strange in truth_sessions.without_logon(calls).items():
        # A handle belongs to a logon ([MS-OXCROPS] 1.3.1): without that logon it may be left unnamed.
        sure = [made for made, odd in zip(expected[frame], strange) if not odd]
        if shown.get(frame, []) == sure:
            expected[frame] = sure
    assert_same("oxcnotif.subscription_in", shown, expected)


@captures
def test_missing_parent_folder_is_named(seen, name):
    """gromox leaves ParentFolderId out of 0xC004 and 0xC008 ([MS-OXCNOTIF] 2.2.1.4.1.2 wants it
    when S and M are set).  Every such notification has an expert item, and no other one: hermEX
    writes the same two kinds by the letter."""
    shown = {frame: sum("ParentFolderId" in m for m in messages)
             for frame, messages in seen.frames(name)["_ws.expert.message"].items()}
    expected = {}
    for call, r in truth.load(name).notifications():
        if r.is_notify and name.startswith("gromox"):
            missing = r.fields["NotificationFlags"] in (0xC004, 0xC008)
            expected[call.resp_frame] = expected.get(call.resp_frame, 0) + missing
    assert {f: n for f, n in shown.items() if n} == {f: n for f, n in expected.items() if n}
