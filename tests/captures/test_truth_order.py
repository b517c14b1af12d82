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
    for field in (f for f in ALL_FIELDS if f not in FORWARD_FIELDS):
        if field.startswith("_ws.expert."):
            assert_same(f"{field} in two passes", experts(twice, field), experts(once, field))
        else:
            assert_same(f"{field} in two passes", twice[field], once[field],
                        skip=connects if field == "oxcnotif.session" else ())


# Said of a frame once the whole capture was read, so only in a second pass.
FORWARD_EXPERTS = ("Subscription without a notification", "Subscription got no notification of the event")


def experts(frames, field):
    """The values of an expert field that do not look ahead."""
    kept = {}
    for frame, messages in frames["_ws.expert.message"].items():
        kept[frame] = [value for value, message in zip(frames[field][frame], messages)
                       if not message.startswith(FORWARD_EXPERTS)]
    return {frame: values for frame, values in kept.items() if values}


def interesting(name):
    return sorted({frame for call in truth.load(name).calls
                   for frame in (call.req_frame, call.resp_frame) if frame is not None})


OURS = ("mapihttp", "emsmdb", "asyncemsmdb", "rop", "oxcnotif")


def ours(answer):
    """The columns and the plugin's part of a tree that sharkd gives.  Not the rest: Wireshark's
    own HTTP dissector shows a response's request URI and request number from whatever
    message of the connection it saw last."""
    def pick(nodes):
        for node in nodes:
            if node.get("f", "").split(" ")[0].split(".")[0] in OURS:
                yield node
            else:
                yield from pick(node.get("n", []))

    return json.dumps([answer.get("col"), list(pick(answer["tree"]))], sort_keys=True)


@captures
def test_random_order_shows_the_same(tshark, name):
    """Every frame of a call, dissected again in order and then in two random orders."""
    frames = interesting(name)
    with tshark.Sharkd(truth.capture_path(name)) as sharkd:
        in_order = {frame: ours(sharkd.frame(frame)) for frame in frames}
        assert any('"rop.id' in answer for answer in in_order.values()), \
            "sharkd shows nothing of the plugin"
        for seed in (1, 2):
            order = frames[:]
            random.Random(seed).shuffle(order)
            for frame in order:
                assert ours(sharkd.frame(frame)) == in_order[frame], \
                    f"frame {frame} in the order of seed {seed}"


@captures
def test_any_frame_may_be_the_first(tshark, name):
    """What is visited first after loading makes no difference."""
    frames = interesting(name)
    answers = []
    for order in (frames, frames[::-1]):
        with tshark.Sharkd(truth.capture_path(name)) as sharkd:
            answers.append({frame: ours(sharkd.frame(frame)) for frame in order})
    different = [frame for frame in frames if answers[0][frame] != answers[1][frame]]
    assert not different
