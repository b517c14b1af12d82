# SPDX-License-Identifier: GPL-2.0-or-later
"""The same answer in one pass, in two, and after visits in any order."""

import json
import random

import pytest
from observed import ALL_FIELDS, FORWARD_FIELDS, assert_same

import truth

captures = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in truth.CAPTURES])


@captures
def test_two_passes_show_the_same(seen, name):
    once, twice = seen.frames(name), seen.frames(name, two_pass=True)
    # Which session a Connect request begins is only known from its response.
    connects = {call.req_frame for call in truth.load(name).calls
                if call.request_type == "Connect" or call.opnum == 10}
    for field in ALL_FIELDS:
        if field not in FORWARD_FIELDS:
            assert_same(f"{field} in two passes", twice[field], once[field],
                        skip=connects if field == "oxcnotif.session" else ())


def interesting(name):
    return sorted({frame for call in truth.load(name).calls
                   for frame in (call.req_frame, call.resp_frame) if frame is not None})


@captures
def test_random_order_shows_the_same(tshark, name):
    """Every frame of a call, dissected again in order and then in two random orders."""
    frames = interesting(name)
    with tshark.Sharkd(truth.capture_path(name)) as sharkd:
        in_order = {frame: json.dumps(sharkd.frame(frame), sort_keys=True) for frame in frames}
        assert any('"rop' in answer or "oxcnotif" in answer for answer in in_order.values()), \
            "sharkd shows nothing of the plugin"
        for seed in (1, 2):
            order = frames[:]
            random.Random(seed).shuffle(order)
            for frame in order:
                again = json.dumps(sharkd.frame(frame), sort_keys=True)
                assert again == in_order[frame], f"frame {frame} in the order of seed {seed}"


@captures
def test_random_order_from_the_start(tshark, name):
    """The first visit after loading may be any frame."""
    frames = interesting(name)
    answers = []
    for order in (frames, frames[::-1]):
        with tshark.Sharkd(truth.capture_path(name)) as sharkd:
            answers.append({f: json.dumps(sharkd.frame(f), sort_keys=True) for f in order})
    different = [f for f in frames if answers[0][f] != answers[1][f]]
    assert not different
