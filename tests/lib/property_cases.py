# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads test-captures/properties.cases: structures of properties as bytes, what must be shown of them, and the ROP or body
that carries each."""

from __future__ import annotations

import pathlib
import struct

import carrier

CASES = pathlib.Path(__file__).resolve().parents[2] / "test-captures" / "properties.cases"
HANDLE = 0x11
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
