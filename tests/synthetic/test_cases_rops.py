# SPDX-License-Identifier: GPL-2.0-or-later
"""Every ROP, request and response, in every form: test-captures/*.cases against what tshark shows of them."""

import re

import pytest

import carrier
import cases as reader
import compile as compiler

CASES, BY_NAME = reader.read_all()
MODEL, _, _ = compiler.compile_definitions(sorted((reader.FOLDER.parent / "ropdefs").glob("*.def")),
                                           reader.FOLDER.parent / "ropdefs")
# What says that bytes could not be read, or not as the specification has it: only where a case names it.
EXPERTS = {"rop.handle_index.echo",
           "rop.truncated", "rop.malformed", "rop.too_deep", "rop.undecoded", "rop.not_terminated", "rop.deviation",
           "rop.store_unknown", "rop.columns_unknown", "rop.chain_lost", "rop.recovered", "rop.not_asked", "rop.id.undefined",
           "rop.size.too_small", "rop.size.beyond_buffer", "rop.handle_index.outside", "rop.handle.incomplete",
           "mapihttp.body_truncated", "mapihttp.size_wrong", "mapihttp.trailing_data",
           "mapihttp.body_undefined"}


class Shown:
    """One frame: its fields in order, from PDML."""

    def __init__(self, packet):
        self.fields = {}
        for field in packet.iter("field"):
            self.fields.setdefault(field.get("name"), []).append(field)
        self.packet = packet
        # An expert item of the group Malformed makes one of these, too; an exception or a bug of a dissector has a text.
        self.broken = [e.get("showname") or e.get("show") for e in packet.iter() if e.get("name") in (
            "_ws.malformed", "_ws.short", "_ws.unreassembled", "_ws.dissector_bug")
                       and re.search(r"\[(Malformed Packet|Dissector bug|Packet size)", e.get("showname") or "")]

    def values(self, name):
        return [f.get("show") for f in self.fields.get(name, ())]

    def sizes(self, name):
        return [int(f.get("size", 0)) for f in self.fields.get(name, ())]

    def experts(self):
        assert not self.broken
        return set(self.fields) & EXPERTS


def add(capture, frames, key, calls, session):
    for number, (kind, request, response) in enumerate(calls):
        frame = capture.exchange(kind, request, response, session=session)
        frames[frame], frames[frame + 1] = (*key, number, 0), (*key, number, 1)


class Found(dict):
    """What was shown, and the capture it was shown of."""


@pytest.fixture(scope="module")
def shown(tshark):
    """(case name, number of the call among its own, 0 or 1 for the response) -> Shown; and failures, by RopId"""
    capture, frames = carrier.Capture(), {}
    for serial, case in enumerate(CASES):
        calls = [reader.bodies(BY_NAME[case.name], q.data, a.data) for q, a in reader.calls_of(case, BY_NAME)]
        add(capture, frames, (case.name, -len(calls)), calls, f"case{serial}")
    for rop_id, (request, response) in failures().items():
        calls = [("Execute", carrier.execute(request, reader.HANDLES), carrier.executed(response, reader.HANDLES))]
        add(capture, frames, (rop_id, -1), calls, f"failure{rop_id}")
    found = Found()
    found.capture = capture.write("cases.pcap")
    for packet in tshark.pdml(found.capture):
        number = int(next(f.get("show") for f in packet.iter("field") if f.get("name") == "num"))
        name, first, call, side = frames[number]
        own = len(BY_NAME[name].calls) if name in BY_NAME else 1
        found[name, call + first + own, side] = Shown(packet)
    return found


def sides():
    for case in CASES:
        for number, call in enumerate(case.calls):
            for direction, side in enumerate(call):
                yield pytest.param((case.name, number, direction), side,
                                   id=f"{case.name}, {'response' if direction else 'request'} {number + 1}")


@pytest.mark.parametrize("key, side", list(sides()))
def test_case(shown, key, side):
    frame = shown[key]
    assert frame.experts() == side.experts
    for name, expected in side.expected:
        got = frame.values(name)
        assert len(got) == len(expected) and all(map(reader.same, got, expected)), (name, got, expected)
    for name, text in side.contained:
        assert any(text in value for value in frame.values(name)), (name, frame.values(name))


# ---- failures: only the header follows, unless the specification has fields for every ReturnValue ----

# MS-OXCROPS 2.2: fields for every ReturnValue.
ALWAYS = {0x1D, 0x33, 0x35, 0x36, 0x58, 0x92, 0x1E, 0x91, 0x66, 0x2C, 0x2D, 0xA3, 0x3A, 0x90, 0x54, 0x9D, 0x4E}
FAILED = bytes.fromhex("0F010480")


def failures():
    """RopId -> request of its first case, and a response that has failed with no more than its header."""
    found = {}
    for rop in MODEL.rops.values():
        first = next((c for c in CASES if c.subject == rop.name and not c.given), None)
        if first and rop.request and rop.response and rop.id not in ALWAYS:
            answered = rop.answered_as if rop.answered_as is not None else rop.id
            request, response = first.calls[0]
            found[rop.id] = request.data, bytes([answered, response.data[1]]) + FAILED
    return found


@pytest.mark.parametrize("rop_id", sorted(failures()), ids=lambda i: MODEL.rops[i].name)
def test_failure(shown, rop_id):
    frame = shown[rop_id, 0, 1]
    assert frame.experts() == set()
    assert frame.values("rop.return_value") == [str(0x8004010F)] or frame.values("rop.return_value") == ["0x8004010f"]
    rop = MODEL.rops[MODEL.rops[rop_id].answered_as or rop_id]
    header = {f.header.filter for f in rop.response.fields[:2]}
    assert not [f.header.filter for f in rop.response.fields
                if f.type != "decision" and f.header.filter not in header and frame.values(f.header.filter)]


# ---- completeness ----

# MS-OXCROPS 2.2.2: all RopIds that are not reserved.
RESERVED = ({0x00, 0x28, 0x3C, 0x3D, 0x62, 0x65, 0x6A, 0x71, 0x7C, 0x7D, 0x83, 0x84, 0x85, 0x87, 0x88} |
            set(range(0x8A, 0x90)) | set(range(0x94, 0x9D)) | set(range(0x9E, 0xA3)) | set(range(0xA4, 0xF9)) |
            set(range(0xFA, 0xFE)))
ONLY_RESPONSE = {0x2A, 0x6E, 0xF9, 0xFF}
ONLY_REQUEST = {0x01}


@pytest.mark.parametrize("rop_id", sorted(set(range(256)) - RESERVED), ids=hex)
def test_every_rop_is_defined(rop_id):
    assert rop_id in MODEL.rops
    rop = MODEL.rops[rop_id]
    assert (rop.request is not None) == (rop_id not in ONLY_RESPONSE)
    assert (rop.response is not None) == (rop_id not in ONLY_REQUEST)


def truth(node, slots):
    """Value of a resolved condition as far as fields tell it; None where it depends on more than them."""
    kind = node[0]
    if kind == "const":
        return node[1]
    if kind == "slot":
        return slots.get(node[1])
    if kind == "call":
        return None
    parts = [truth(n, slots) for n in node[1:]]
    if kind == "!":
        return None if parts[0] is None else int(not parts[0])
    a, b = parts
    if kind == "&&" and 0 in parts:
        return 0
    if kind == "||" and any(parts):
        return 1
    if a is None or b is None:
        return None
    return int({"&&": lambda: a and b, "||": lambda: a or b, "==": lambda: a == b, "!=": lambda: a != b, "<": lambda: a < b,
                "<=": lambda: a <= b, ">": lambda: a > b, ">=": lambda: a >= b, "&": lambda: a & b, "<<": lambda: a << b,
                ">>": lambda: a >> b, "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b}[kind]())


def number(text):
    text = {"True": "1", "False": "0"}.get(text, text)
    try:
        return int(text, 0)
    except ValueError:
        return None


def reaches(frame, form, wanted):
    """Does the frame show the field, in this of its shapes?"""
    slots = {}
    for f in form.fields:
        values = frame.values(f.header.filter) if f.header else ()
        if f.slot and values:
            slots[f.slot] = number(values[0])
    if wanted.cond and truth(wanted.cond, slots) == 0:
        return False
    size = compiler_sizes().get(wanted.type)
    sizes = frame.sizes(wanted.header.filter)
    return bool(sizes) and (size is None or wanted.array is not None or size in sizes)


def compiler_sizes():
    from model import SCALARS
    return SCALARS


def branches():
    """Each field of each form that has a condition, or stands for those that have none."""
    for owner in [*MODEL.rops.values(), *MODEL.messages.values()]:
        for direction, form in enumerate((owner.request, owner.response)):
            seen = set()
            for f in form.fields if form else ():
                if f.type not in ("decision", "unreadable", "buffer") and repr(f.cond) not in seen:
                    seen.add(repr(f.cond))
                    yield pytest.param(owner, direction, form, f,
                                       id=f"{owner.name} {'response' if direction else 'request'} {f.name} {f.where}")


@pytest.mark.parametrize("owner, direction, form, field", list(branches()))
def test_every_branch_has_a_case(shown, owner, direction, form, field):
    own = {c.name for c in CASES if c.subject == owner.name}
    assert any(reaches(frame, form, field) for (name, _, side), frame in shown.items() if name in own and side == direction)


def test_every_field_is_expected_somewhere():
    """A field whose value no case tells could be anything."""
    told = {}
    for case in CASES:
        for call in case.calls:
            for direction, side in enumerate(call):
                told.setdefault((case.subject, direction), set()).update(n for n, v in side.expected + side.contained if v)
    untold = []
    for owner in [*MODEL.rops.values(), *MODEL.messages.values()]:
        for direction, form in enumerate((owner.request, owner.response)):
            for f in form.fields if form else ():
                # The header is the same in every ROP; structures are in properties.cases, or told by their own fields.
                if f.type in ("decision", "handle", "error", "buffer") or f.name == "LogonId" or \
                        f.type in MODEL.structs or f.type in MODEL.ctypes:
                    continue
                if f.header.filter not in told.get((owner.name, direction), ()):
                    untold.append((owner.name, direction, f.name))
    assert not untold


def comparable(packet):
    """What may not depend on how often and in which order frames were seen."""
    return [(f.get("name"), f.get("show"), f.get("pos"), f.get("size")) for f in packet.iter("field")
            if f.get("name", "").startswith(("rop.", "oxcnotif.", "mapihttp.")) and f.get("name") not in LINKS]


# What becomes of something is known only when later frames were seen, so not in a single pass.
LINKS = {"rop.response_in", "rop.object", "oxcnotif.subscription.no_event", "oxcnotif.followup_in",
         "oxcnotif.followup_time", "oxcnotif.wakeup_in"}


def test_two_passes(shown, tshark):
    first = {frame: comparable(packet) for frame, packet in enumerate(tshark.pdml(shown.capture), 1)}
    again = {frame: comparable(packet) for frame, packet in enumerate(tshark.pdml(shown.capture, two_pass=True), 1)}
    assert len(again) > 500
    assert not [frame for frame in again if first[frame] != again[frame]]


def leaves(element):
    """(position, size) of what has nothing with bytes of its own below it."""
    for field in element:
        below = list(leaves(field))
        size = int(field.get("size", 0))
        if below:
            yield from below
        elif size:
            yield int(field.get("pos")), size


@pytest.mark.parametrize("key, side", list(sides()))
def test_every_byte_is_in_a_field(shown, key, side):
    packet = shown[key].packet
    for proto in packet.iter("proto"):
        if proto.get("name") != "rop":
            continue
        start = int(proto.get("pos"))
        left = set(range(start, start + int(proto.get("size"))))
        for pos, size in leaves(proto):
            left -= set(range(pos, pos + size))
        assert not left
