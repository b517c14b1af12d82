# SPDX-License-Identifier: GPL-2.0-or-later
"""The same traffic under every link layer and in tunnels: the same events."""

from __future__ import annotations

import ipaddress
import json
import re

import lab
import link_layers
import pytest

# MAPI/HTTP with waits cut off, RPC over HTTP, datagrams: what finds the payload and the ends of a connection is in all of them.
CAPTURES = ("mapihttp-cut", "rpch-plain", "push")
# In push the client registers an IPv4 address: test-captures/push-ipv6 has the other kind.
OVER_IPV6 = CAPTURES[:2]


def events(tshark, layer, names):
    """The events of the captures, one behind the other, under a link layer."""
    linktype, rewrite = link_layers.LAYERS[layer]
    path = tshark.folder() / f"{layer}.pcap"
    packets = link_layers.packets(lab.capture(name) for name in names)
    link_layers.write(path, linktype, [(time, rewrite(time, frame)) for time, frame in packets])
    path.chmod(0o644)
    lines = tshark.run(["-n", "-r", str(path), "-q", "-z", "oxcnotif,events"]).stdout.splitlines()
    return [json.loads(line) for line in lines]


def mapped(text):
    return re.sub(r"198\.51\.100\.\d+", lambda match: str(ipaddress.IPv6Address(
        link_layers.as_ipv6(ipaddress.IPv4Address(match.group()).packed))), text)


@pytest.fixture(scope="module")
def ethernet(tshark):
    found = {names: events(tshark, "ethernet", names) for names in (CAPTURES, OVER_IPV6)}
    wakeups = [event for event in found[CAPTURES] if event["event"] == "wakeup"]
    assert len(wakeups) == sum(len(lab.truth(name)["wakeups"]) for name in CAPTURES)
    return found


@pytest.mark.xdist_group("link-layers")
@pytest.mark.parametrize("layer", [layer for layer in link_layers.LAYERS if layer != "ethernet"])
def test_events_are_the_same(tshark, ethernet, layer):
    names = OVER_IPV6 if layer.startswith("ipv6") else CAPTURES
    expected = ethernet[names]
    if layer.startswith("ipv6"):
        expected = json.loads(mapped(json.dumps(expected)))
    assert events(tshark, layer, names) == expected
