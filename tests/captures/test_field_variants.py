# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases from the field, and some of the lab, carried or captured in another way: the plugin tells the same of them.

tests/captures/test_field.py says that it is the right thing."""

from __future__ import annotations

import collections
import functools
import json

import pytest
import tshark as tools
import variants

CAPTURES = tools.REPOSITORY / "test-captures"
FIELD = sorted(path.stem for path in (CAPTURES / "field").glob("*.pcap"))
LAB = ("mapihttp-cut", "push", "rpc-async", "rpch-plain", "rpch-recycle")

HTTP2 = frozenset({"h02_rststream", "h04_mux"})
# In these the client registers an IPv4 address.
PUSH = frozenset({"i03_span", "i14_pushsame", "push"})
RPC_OVER_HTTP = frozenset({"r09_rst_out", "rpch-plain", "rpch-recycle"})
# Captures that a change alters for a reason.
LEFT_OUT: dict[str, frozenset[str]] = {
    "port-8443": HTTP2,                 # Wireshark looks for HTTP/2 without TLS on ports of HTTP only
    "fast-retransmissions": HTTP2,      # these reach the http2 dissector, whose table of headers they spoil
    "mirrored-twice": HTTP2,
    "ipv6": PUSH,
    "halves": frozenset({"d10_tcp"}),   # other segments are out of order then
    "legs": RPC_OVER_HTTP,
}
# What is said of each packet, or of the acknowledgement that stands last.
OF_PACKETS = ("oxcnotif.push.copy", "mapihttp.encoded", "mapihttp.out_of_order", "mapihttp.response_code_failure", "mapihttp.no_pending")


@functools.lru_cache(maxsize=None)
def capture(left_out: frozenset[str]) -> variants.Packets:
    paths = [CAPTURES / "field" / f"{name}.pcap" for name in FIELD if name not in left_out]
    paths += [CAPTURES / f"{name}.pcapng" for name in LAB if name not in left_out]
    return variants.joined(variants.read(path) for path in paths)


def told(path: object, numbers: list[int], two_pass: bool, preferences: tuple[str, ...] = ()) -> collections.Counter[str]:
    text = tools.text(path, two_pass=two_pass, args=("-q", "-z", "oxcnotif,events", *preferences))
    events = [json.loads(line) for line in text.splitlines()]
    return collections.Counter(variants.story([one for one in events if one.get("name") not in OF_PACKETS], numbers))


@functools.lru_cache(maxsize=None)
def expected(left_out: frozenset[str], two_pass: bool, preferences: tuple[str, ...] = ()) -> collections.Counter[str]:
    path = tools.folder() / "joined.pcap"
    packets = capture(left_out)
    variants.write(path, packets)
    found = told(path, [packet.number for packet in packets], two_pass, preferences)
    assert sum("event=wakeup" in line for line in found) > 50
    return found


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("change", [*variants.CHANGES, *variants.LAYERS, "pcapng"])
def test_same_is_told(tshark, change: str, two_pass: bool):
    left_out = LEFT_OUT.get(change, frozenset())
    packets = capture(left_out)
    path = tools.folder() / change
    if change in variants.CHANGES:
        packets = variants.CHANGES[change](packets)
        variants.write(path, packets)
    elif change == "pcapng":
        variants.write_pcapng(path, packets)
    else:
        variants.write(path, packets, change)
    found, right = told(path, [packet.number for packet in packets], two_pass), expected(left_out, two_pass)
    assert not found - right, "told of the variant only"
    assert not right - found, "not told of the variant"


OUT_OF_ORDER = ("-o", "tcp.reassemble_out_of_order:TRUE")
SEGMENTS = {
    "swapped": lambda packets: variants.halves(packets, swapped=True),
    **{name: variants.CHANGES[name] for name in ("halves", "mirrored", "mirrored-twice", "mirrored-later", "routed", "wrap",
                                                 "fast-retransmissions")},
}


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("change", SEGMENTS)
def test_same_is_told_of_segments_in_order_and_out_of_order(tshark, change: str, two_pass: bool):
    """The preference that the expert item about segments out of order names does what it says, and no harm to other captures."""
    left_out = LEFT_OUT.get(change, frozenset())
    packets = SEGMENTS[change](capture(left_out))
    path = tools.folder() / f"{change}-out-of-order"
    variants.write(path, packets)
    found = told(path, [packet.number for packet in packets], two_pass, OUT_OF_ORDER)
    right = expected(left_out, two_pass, OUT_OF_ORDER)
    assert not found - right, "told of the variant only"
    assert not right - found, "not told of the variant"
