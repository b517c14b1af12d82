# SPDX-License-Identifier: GPL-2.0-or-later
"""A protocol that is disabled is silent with all that it carries, and no other one is."""

from __future__ import annotations

import functools

import lab
import pytest

import tshark as tools

PROTOCOLS = ["oxcnotif", "rop", "mapihttp", "rpch", "emsmdb", "asyncemsmdb"]
# Whose bytes a protocol carries, in some capture of the test.
CARRIES = {"oxcnotif": {"oxcnotif"}, "rop": {"rop"}, "mapihttp": {"mapihttp", "rop", "oxcnotif"},
           "rpch": {"rpch", "emsmdb", "asyncemsmdb", "rop", "oxcnotif"}, "emsmdb": {"emsmdb", "rop", "oxcnotif"},
           "asyncemsmdb": {"asyncemsmdb"}}
CAPTURES = ["mapihttp-cut", "rpch-chunked", "rpc-async"]


@functools.lru_cache(maxsize=None)
def frames(name: str, disabled: str | None) -> dict[str, list[int]]:
    """For each protocol, the frames that have an item of it."""
    rows = tools.fields(lab.capture(name), [*PROTOCOLS, "oxcnotif.session"],
                        args=["--disable-protocol", disabled] if disabled else [])
    return {protocol: [row["frame"] for row in rows if row[protocol]] for protocol in [*PROTOCOLS, "oxcnotif.session"]}


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("disabled", PROTOCOLS)
def test_disabled_protocol_is_silent_and_no_other(tshark, name: str, disabled: str):
    before, now = frames(name, None), frames(name, disabled)
    assert now[disabled] == []
    if disabled == "oxcnotif":
        assert now["oxcnotif.session"] == []
    carried_here = bool(before[disabled])
    for protocol in PROTOCOLS:
        if protocol not in CARRIES[disabled] and protocol != "oxcnotif":
            assert now[protocol] == before[protocol], protocol
        if not carried_here:
            assert now[protocol] == before[protocol], protocol


def test_every_protocol_is_in_a_capture(tshark):
    for protocol in PROTOCOLS:
        assert any(frames(name, None)[protocol] for name in CAPTURES), protocol
