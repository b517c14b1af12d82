# SPDX-License-Identifier: GPL-2.0-or-later
"""The filter `oxcnotif` shows every wake-up, follow-up, subscription and notification, and nothing else; what a frame says of
them stands in an item of the protocol behind the transport's."""

from __future__ import annotations

import json
import xml.etree.ElementTree

import pytest

import lab
import truth

REGISTER, NOTIFY, PENDING = 0x29, 0x2A, 0x6E
LAB = ["mapihttp-cut", "rpc-async", "push"]
OTHERS = ["gromox-rpch-notify", "hermex-1-mapihttp"]

# What alone may stand outside of an item of the protocol.
OUTSIDE = {"oxcnotif.session", "oxcnotif.user"}


def story(tshark, path) -> dict[int, dict[str, list[str]]]:
    """The frames that the filter shows, once later frames have decided which calls are follow-ups; but for tables that are
    subscribed to by being opened, of which it shows those that were passed over."""
    rows = tshark.fields(path, ["oxcnotif.wakeup_in", "oxcnotif.summary"], "oxcnotif", two_pass=True)
    return {row["frame"]: row for row in rows if row["oxcnotif.summary"] != ["Table without a notification"]}


def frames_of_lab(name: str) -> set[int]:
    facts = lab.truth(name)
    found = {notification["frame"] for notification in facts["notifications"]}
    for wakeup in facts["wakeups"]:
        found |= {wakeup["frame"], wakeup["followup_in"], wakeup["followup_answer"]}
    for call in facts["calls"]:
        for frame, payloads in ((call["frame_req"], call.get("payloads_in")), (call["frame_resp"], call.get("payloads_out"))):
            if any(rop["RopId"] in (REGISTER, NOTIFY, PENDING) for payload in payloads or [] for rop in payload["rops"]):
                found.add(frame)
    return found - {None}


def frames_of_truth(name: str) -> set[int]:
    """All but the follow-ups, which the truth of these captures does not have."""
    found = set()
    for call in truth.load(name).calls:
        if call.is_wait and call.resp_frame:
            found.add(call.resp_frame)
        if any(rop.rop_id == REGISTER for rop in call.requests or []):
            found.add(call.req_frame)
        if any(rop.rop_id in (REGISTER, NOTIFY, PENDING) for rop in call.responses or []):
            found.add(call.resp_frame)
    return found - {None}


@pytest.mark.parametrize("name", LAB)
def test_filter_shows_all_and_nothing_else(tshark, name):
    # Datagrams to the port that are ignored are told, too, where the port is known.
    ignored = {datagram["frame"] for datagram in lab.truth(name).get("datagrams", []) if not datagram["wakeup"]}
    assert set(story(tshark, lab.capture(name))) - ignored == frames_of_lab(name) - ignored


@pytest.mark.parametrize("name", OTHERS)
def test_filter_shows_all_and_only_followups_besides(tshark, name):
    shown = story(tshark, truth.capture_path(name))
    followups = {frame for frame, row in shown.items() if row["oxcnotif.wakeup_in"]}
    ends = {frame for frame, row in shown.items()
            if any(text.startswith(("Cut off", "Session lost")) for text in row["oxcnotif.summary"])}
    assert followups
    assert len(ends) <= sum(call.resp_frame is None or call.fault or bool(call.error_code)
                            for call in truth.load(name).calls)
    assert set(shown) == frames_of_truth(name) | followups | ends


def test_summaries_say_what_happened(tshark):
    shown = story(tshark, lab.capture("mapihttp-cut"))
    for wakeup in lab.truth("mapihttp-cut")["wakeups"]:
        begins = {1: "Pending", 2: "Timeout", 3: "Refused", 4: "Cut off"}[wakeup["outcome"]]
        assert any(text.startswith(begins) for text in shown[wakeup["frame"]]["oxcnotif.summary"]), wakeup
        if wakeup["followup_in"]:
            assert f"Fetch for the wake-up of frame {wakeup['frame']}" in shown[wakeup["followup_in"]]["oxcnotif.summary"]


def test_no_field_stands_outside_of_the_item(tshark):
    names = sorted(name for name in tshark.registered() if name.startswith("oxcnotif.") and name not in OUTSIDE)
    outside = f"({' || '.join(names)}) && !oxcnotif"
    for name in ("mapihttp-cut", "push"):
        assert tshark.fields(lab.capture(name), [], outside, two_pass=True) == []


def test_item_stands_behind_the_transport(tshark):
    """In the details, and where only one protocol is asked for."""
    wakeup = next(w for w in lab.truth("mapihttp-cut")["wakeups"] if w["outcome"] == 1)
    packet, = tshark.pdml(lab.capture("mapihttp-cut"), f"frame.number == {wakeup['frame']}")
    protocols = [proto.get("name") for proto in packet.findall("proto")]
    assert protocols[protocols.index("mapihttp") + 1] == "oxcnotif"
    layers = json.loads(tshark.text(lab.capture("mapihttp-cut"), f"frame.number == {wakeup['frame']}",
                                    args=("-T", "json", "-J", "oxcnotif")))[0]["_source"]["layers"]
    assert layers["oxcnotif"]["oxcnotif.wakeup"]["oxcnotif.wakeup.outcome"] == "1"


def column(tshark, name: str) -> dict[int, tuple[str, str]]:
    """Protocol and Info of the frames, as the packet list shows them. (Of 4.4 and later, fields of columns lack what post-dissectors say.)"""
    root = xml.etree.ElementTree.fromstring(tshark.text(lab.capture(name), args=["-T", "psml"]))
    head, *packets = [[section.text or "" for section in part] for part in root]
    rows = [dict(zip(head, packet)) for packet in packets]
    return {int(row["No."]): (row["Protocol"], row["Info"]) for row in rows}


def test_packet_list_says_first_what_happened_to_waits(tshark):
    shown = column(tshark, "mapihttp-cut")
    assert max(len(protocol) for protocol, _ in shown.values()) <= 8
    for wakeup in lab.truth("mapihttp-cut")["wakeups"]:
        info = shown[wakeup["frame"]][1]
        if wakeup["outcome"] == 4:
            assert info.startswith("Long poll cut off after "), info
            assert float(info.split()[5]) == pytest.approx(wakeup["elapsed"], abs=0.06)
        elif wakeup["outcome"] == 3:
            assert info.startswith("Long poll refused, ")
        else:
            assert float(info.split(", after ")[1].split()[0]) == pytest.approx(wakeup["elapsed"], abs=0.06)
        if wakeup["followup_in"]:
            assert f"fetch for the wake-up of frame {wakeup['frame']}" in shown[wakeup["followup_in"]][1]


def test_packet_list_names_types_of_a_subscription(tshark):
    """The lab's client subscribes to all types in the whole store, and to two types in one folder."""
    info = column(tshark, "mapihttp-cut")[28][1]
    assert "RopRegisterNotification NewMail|ObjectCreated… whole store" in info


def test_packet_list_counts_repeated_datagrams(tshark):
    shown = column(tshark, "push")
    assert shown[32][1] == "Push datagram, 2nd time, not fetched"
    assert shown[33][1] == "Push datagram, 3rd time, not fetched"
