# SPDX-License-Identifier: GPL-2.0-or-later
"""Values, rows, restrictions, rule actions and recipients of test-captures/properties.cases: bytes written from the
specifications, and what must be shown of them."""

import re

import carrier
import pytest
from observed import filetime
from property_cases import READ, carry

# What says that bytes could not be read; a case must name it, or it must not be there.
EXPERTS = {"rop.malformed", "rop.truncated", "rop.too_deep", "rop.columns_unknown", "rop.property.object_value",
           "rop.undecoded", "rop.not_terminated", "rop.deviation"}


# ---- what is shown ----

@pytest.fixture(scope="module")
def shown(tshark):
    """case name -> the structure in PDML, and the experts of the frame"""
    capture = carrier.Capture()
    frames = {}
    for number, case in enumerate(READ):
        kind, request, response, in_response, field = carry(case, case.data)
        frame = capture.exchange(kind, request, response, session=f"s{number}")
        frames[frame + in_response] = (case.name, field)
    found = {}
    for packet in tshark.pdml(capture.write("properties.pcap")):
        number = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "num"))
        if number in frames:
            name, field = frames[number]
            names = {f.get("name") for f in packet.iter("field")}
            found[name] = (next((f for f in packet.iter("field") if f.get("name") == field), None), names & EXPERTS)
    return found


def values(structure, name):
    return [f for f in structure.iter("field") if f.get("name") == name]


def same(shown_value, expected):
    """Numbers as numbers, booleans as 1 and 0, bytes without the colons that PDML writes, the rest as text."""
    def norm(text):
        text = {"True": "1", "False": "0"}.get(text, text)
        if re.fullmatch("([0-9a-f]{2}:)+[0-9a-f]{2}", text):
            text = text.replace(":", "")
        try:
            return int(text, 0)
        except ValueError:
            return text
    return norm(shown_value) == norm(expected)


def leaves(structure):
    """(position, size) of every field that has no field with bytes of its own below it"""
    for field in structure:
        below = list(leaves(field))
        size = int(field.get("size", 0))
        if below:
            yield from below
        elif size and field.get("name", "").count(".") > 1:
            yield int(field.get("pos")), size


@pytest.mark.parametrize("case", READ, ids=[case.name for case in READ])
def test_case(case, shown):
    structure, experts = shown[case.name]
    assert structure is not None, "the structure is not there"
    assert experts == case.experts
    text = [f.get("showname") or f.get("show") or "" for f in structure.iter("field")]
    for name, value in case.expected:
        if name == "text":
            assert any(value in line for line in text), text
        elif name == "absent":
            assert not values(structure, value)
        elif name not in ("expert", "length"):
            got = [f.get("show") for f in values(structure, name)]
            if name.endswith(".time"):
                assert list(map(filetime, got)) == [filetime(value)], name
                continue
            wanted = value.split(",") if value else [""]
            assert len(got) == len(wanted) and all(map(same, got, wanted)), (name, got, wanted)


@pytest.mark.parametrize("case", [c for c in READ if c.is_whole], ids=[c.name for c in READ if c.is_whole])
def test_every_byte_is_in_a_field(case, shown):
    structure, _ = shown[case.name]
    start, size = int(structure.get("pos")), int(structure.get("size"))
    covered = set()
    for position, length in leaves(structure):
        covered.update(range(position, position + length))
    assert covered >= set(range(start, start + size))
    # What stands around the case's own bytes in the rule context is the comment's header.
    if case.counts != "rule":
        assert size == len(case.data)


def test_truncated(tshark):
    """Each case at every length: something is said, nothing breaks, and what stands behind is found."""
    capture = carrier.Capture()
    frames = {}
    cases = [c for c in READ if c.is_whole and c.counts == "rop" and c.kind in ("tagged", "restriction")]
    for number, case in enumerate(cases):
        # A restriction of no bytes is none, and nothing is wrong with that.
        for length in range(case.kind == "restriction", len(case.data)):
            kind, request, response, _, _ = carry(case, case.data[:length])
            frames[capture.exchange(kind, request, response, session=f"s{number}")] = f"{case.name} at {length}"
    rows = tshark.fields(capture.write("truncated.pcap"), ["_ws.expert.message", "_ws.expert.severity", "rop.handle"])
    assert len(rows) == len(capture.records)
    for row in rows:
        if row["frame"] in frames:
            said = " ".join(text for text, severity in zip(row["_ws.expert.message"], row["_ws.expert.severity"])
                            if int(severity, 0) > tshark.PI_CHAT)
            assert said and "assert" not in said and "issector bug" not in said, (frames[row["frame"]], said)
