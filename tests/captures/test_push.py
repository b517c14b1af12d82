# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP push datagrams ([MS-OXCRPC] 3.1.4.5, [MS-OXCNOTIF] 3.1.5.4): what is one, what is not,
and which registration it belongs to."""

import lab
import pytest

CAPTURES = lab.names("push")
FIELDS = ["oxcnotif.wakeup.method", "oxcnotif.push.registered_in", "oxcnotif.push.rgb_context",
          "oxcnotif.push.other_address", "oxcnotif.push.ignored", "oxcnotif.push.outdated",
          "oxcnotif.push.undelivered", "oxcnotif.push.unregistered", "_ws.col.Protocol", "frame.protocols"]


def rows(tshark, name, args=(), two_pass=False, prefs=None):
    found = tshark.fields(lab.capture(name), FIELDS, "udp", args=args, two_pass=two_pass, prefs=prefs)
    return {row["frame"]: row for row in found}


@pytest.mark.parametrize("two_pass", [False, True])
@pytest.mark.parametrize("name", CAPTURES)
def test_datagrams(tshark, name, two_pass):
    shown = rows(tshark, name, two_pass=two_pass)
    for datagram in lab.truth(name)["datagrams"]:
        row = shown[datagram["frame"]]
        if name == "push-late":     # the registration was not captured: the call that follows shows what it is
            assert row["oxcnotif.wakeup.method"] == (["1"] if two_pass else row["oxcnotif.wakeup.method"])
            assert row["oxcnotif.push.unregistered"] if row["oxcnotif.wakeup.method"] else not two_pass
            continue
        if datagram["wakeup"]:
            assert row["oxcnotif.wakeup.method"] == ["1"], datagram
            assert row["oxcnotif.push.registered_in"] == [str(datagram["registration"])], datagram
            assert bool(row["oxcnotif.push.other_address"]) == (datagram["address"] == "other"), datagram
            context = [text.replace(":", "") for text in row["oxcnotif.push.rgb_context"] if text != "<MISSING>"]
            assert context == ([datagram["data"]] if datagram["data"] else []), datagram
        elif datagram["wakeup"] is False:
            assert row["oxcnotif.wakeup.method"] == [], datagram
        else:                       # of a registration that was replaced
            assert row["oxcnotif.push.outdated"], datagram


def test_noise_is_untouched(tshark):
    """Captures of other UDP traffic look as without the plugin's rooms."""
    for row in rows(tshark, "push-noise").values():
        assert "oxcnotif" not in row["frame.protocols"][0], row


def test_foreign_payload_is_shown_as_ignored(tshark):
    labels = {d["label"]: d["frame"] for d in lab.truth("push")["datagrams"]}
    shown = rows(tshark, "push")
    for label in ("other payload to the registered port", "longer payload that starts with the context"):
        assert shown[labels[label]]["oxcnotif.push.ignored"], label
    assert not shown[labels["context to another port"]]["oxcnotif.push.ignored"]


@pytest.mark.parametrize("args,prefs", [(["-d", "udp.port==2500,oxcnotif"], None), ((), {"oxcnotif.udp.port": "2500"})])
def test_port_named_by_the_user(tshark, args, prefs):
    shown = rows(tshark, "push-late", args=args, prefs=prefs)
    for wakeup in lab.truth("push-late")["wakeups"]:
        assert shown[wakeup["frame"]]["oxcnotif.wakeup.method"] == ["1"]
        assert shown[wakeup["frame"]]["oxcnotif.push.unregistered"]


def test_icmp_quote_is_no_wakeup(tshark):
    quoted = [row for row in tshark.fields(lab.capture("push-odd"), FIELDS, "icmp and udp") if row["oxcnotif.push.rgb_context"]]
    assert len(quoted) == 1
    assert quoted[0]["oxcnotif.wakeup.method"] == [] and quoted[0]["oxcnotif.push.undelivered"]


def test_heuristic_is_listed_named_and_disabled_as_any_other(tshark):
    """At another address than the registered one it is a heuristic dissector that knows the datagram: its entry has a protocol."""
    listed = {tuple(line.split("\t")[:3]) for line in tshark.run(["-G", "heuristic-decodes"]).stdout.splitlines()}
    assert {("udp", "oxcnotif", "T"), ("http", "mapihttp", "T"), ("http", "rpch", "T"), ("tls", "rpch", "T")} <= listed
    found = [row for row in rows(tshark, "push-nat").values() if row["oxcnotif.push.other_address"]]
    assert [row["frame"] for row in found] == [24, 27]
    assert {tuple(row["frame.protocols"]) for row in found} == {("eth:ethertype:ip:udp:oxcnotif",)}
    for args in (["--disable-heuristic", "oxcnotif_push_udp"], ["--disable-protocol", "oxcnotif"]):
        shown = rows(tshark, "push-nat", args=args)
        # Behind the first one the port may be known.
        assert shown[24]["frame.protocols"] == ["eth:ethertype:ip:udp:data"], args
