# SPDX-License-Identifier: GPL-2.0-or-later
"""Values, rows, restrictions, rule actions and recipients of test-captures/properties.cases: bytes written from the
specifications, and what must be shown of them."""

import pathlib
import re
import struct

import pytest

import carrier
from observed import filetime

CASES = pathlib.Path(__file__).resolve().parent.parent / "test-captures" / "properties.cases"
HANDLE = 0x11
# What says that bytes could not be read; a case must name it, or it must not be there.
EXPERTS = {"rop.malformed", "rop.truncated", "rop.too_deep", "rop.columns_unknown", "rop.property.object_value",
           "rop.undecoded", "rop.not_terminated", "rop.deviation"}
# Only a remark: all bytes are read.
REMARKS = {"rop.property.object_value"}


class Case:
    def __init__(self, line):
        self.name = line.split()[1]
        self.kind = self.counts = None
        self.columns, self.expected = [], []
        self.data = b""

    def add(self, line):
        if self.kind is None:
            self.kind, self.counts, *columns = line.split()
            self.columns = [int(tag, 16) for tag in columns[1:]]
        elif line.startswith("bytes "):
            self.data += bytes.fromhex(line[6:])
        else:
            name, _, value = line.partition(" =")
            self.expected.append((name, value[1:]))

    @property
    def experts(self):
        return {value for name, value in self.expected if name == "expert"}

    @property
    def is_whole(self):
        return self.experts <= REMARKS


def read_cases():
    cases = []
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("case "):
            cases.append(Case(line))
        elif line.strip() and not line.startswith("#"):
            cases[-1].add(line.strip() if "= " not in line else line[2:])
    return cases


READ = read_cases()


# ---- what carries a case: the ROP or body, and the field that holds its structure ----

def tags(columns):
    return struct.pack("<H", len(columns)) + b"".join(struct.pack("<I", tag) for tag in columns)


def set_properties(value):
    """RopSetProperties with one TaggedPropertyValue."""
    return struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(value), 1) + value, struct.pack("<BBIH", 0x0A, 0, 0, 0)


def extended_rule(tag, value):
    """The same with a property of an extended rule, in which no named properties are used (MS-OXORULE 2.2.4.1)."""
    value = struct.pack("<H", 0) + value
    return set_properties(struct.pack("<IH", tag, len(value)) + value)


def carry(case, data):
    """request type, request, response, is the structure in the response, field of the structure"""
    kind, counts = case.kind, case.counts
    if counts == "address-book":
        if kind == "restriction":
            body = struct.pack("<IBBIB", 0, 0, 0, 0, 0xFF) + data + struct.pack("<BIBI", 0, 0, 0, 0)
            response = struct.pack("<IIBBBI", 0, 0, 0, 0, 0, 0)
            return "GetMatches", body, response, False, "mapihttp.filter"
        body = struct.pack("<IIIBI", 0, 0, 1252, 0xFF, 1) + data + struct.pack("<I", 0)
        return ("GetProps", struct.pack("<IBBI", 0, 0, 0, 0), body, True,
                "mapihttp.address_book_property_value_list.property_values")
    if counts == "rule":
        if kind == "rule-actions":
            rops, field = extended_rule(0x0E990102, struct.pack("<I", 1) + data), "rop.rule.rule_actions_buffer"
        elif kind == "restriction":
            rops, field = extended_rule(0x0E9A0102, data), "rop.rule.condition"
        else:                   # a value: as comment of a restriction
            rops, field = extended_rule(0x0E9A0102, struct.pack("<BB", 0x0A, 1) + data + b"\0"), "rop.rule.condition"
    elif kind == "tagged":
        rops, field = set_properties(data), "rop.set_properties.property_values"
    elif kind == "restriction":
        rops = (struct.pack("<BBBBH", 0x14, 0, 0, 0, len(data)) + data, struct.pack("<BBIB", 0x14, 0, 0, 0))
        field = "rop.restrict.restriction_data"
    elif kind == "recipient" and case.columns:
        rops = (struct.pack("<BBB", 0x0E, 0, 0) + tags(case.columns) + struct.pack("<HIBH", 1, 0, 1, len(data)) + data,
                struct.pack("<BBI", 0x0E, 0, 0))
        field = "rop.modify_recipient_row.recipient_row"
    elif kind == "recipient":
        rops = (struct.pack("<BBBIH", 0x0F, 0, 0, 0, 0),
                struct.pack("<BBIBIBHHH", 0x0F, 0, 0, 1, 0, 1, 1252, 0, len(data)) + data)
        return "Execute", *bodies(rops), True, "rop.read_recipient_row.recipient_row"
    elif kind == "row" and case.columns:
        rops = (struct.pack("<BBBHH", 0x07, 0, 0, 0, 1) + tags(case.columns), struct.pack("<BBI", 0x07, 0, 0) + data)
        return "Execute", *bodies(rops), True, "rop.get_properties_specific.row_data"
    elif kind == "row":
        rops = (struct.pack("<BBBBBH", 0x15, 0, 0, 0, 1, 1), struct.pack("<BBIBH", 0x15, 0, 0, 2, 1) + data)
        return "Execute", *bodies(rops), True, "rop.query_rows.row_data"
    else:
        raise ValueError(f"{case.name}: nothing carries {kind} {counts}")
    return "Execute", *bodies(rops), False, field


def bodies(rops):
    return carrier.execute(rops[0], [HANDLE]), carrier.executed(rops[1], [HANDLE])


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
