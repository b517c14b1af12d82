# SPDX-License-Identifier: GPL-2.0-or-later
"""Structures of a public test suite with their interpretation: every value is shown, by its filter or in the tree."""

import collections
import json
import pathlib
import re
import struct

import carrier
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "shared" / "spec" / "entryid-and-rule-examples.json"
HANDLE = 0x11
ERRORS = ["rop.malformed", "rop.truncated", "rop.not_terminated", "_ws.malformed"]
# Another reading of what no specification defines: bytes behind a type of contact that does not exist.
UNDEFINED = {("ENTRYID-37", "abFlags[0]"), ("ENTRYID-37", "abFlags[2..3]"), ("ENTRYID-37", "Provider GUID")}

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="the examples are not there")


def examples():
    return json.loads(EXAMPLES.read_text(encoding="utf-8")) if EXAMPLES.exists() else []


def set_property(tag, value):
    tagged = struct.pack("<IH", tag, len(value)) + value
    return struct.pack("<BBBHH", 0x0A, 0, 0, 2 + len(tagged), 1) + tagged


def capture_of(values, name):
    """Each (tag, bytes) in a RopSetProperties of its own; the frames of the requests."""
    capture = carrier.Capture()
    frames = [capture.exchange("Execute", carrier.execute(set_property(tag, value), [HANDLE]),
                               carrier.executed(struct.pack("<BBIH", 0x0A, 0, 0, 0), [HANDLE])) for tag, value in values]
    return capture.write(name), frames


def normal(text):
    """A number as a number; a GUID or text in lower case without braces."""
    text = text.strip().strip("{}").lower()
    named = re.match(r"(0x[0-9a-f]+) \(", text)       # the number, then its names
    text = named[1] if named else text
    try:
        return int(text, 0)
    except ValueError:
        return text


@pytest.fixture(scope="module")
def shown(tshark):
    known = examples()
    filters = sorted({filt for e in known for _, _, filt in e["fields"] if filt})
    path, frames = capture_of([(int(e["tag"], 16), bytes.fromhex(e["hex"])) for e in known], "examples.pcap")
    rows = {row["frame"]: row for row in tshark.fields(path, [*filters, *ERRORS])}
    trees = tshark.tree(path)
    return {e["section"]: (rows[frame], [trees[frame - 1]]) for e, frame in zip(known, frames)}


@pytest.mark.parametrize("example", examples(), ids=lambda e: e["section"])
def test_values_of_example_are_shown(example, shown):
    row, tree = shown[example["section"]]
    wanted, absent = collections.defaultdict(list), set()
    for label, value, filt in example["fields"]:
        if (example["section"], label) in UNDEFINED:
            continue
        if value is None:
            absent.add(filt)
        elif filt:
            wanted[filt].append(normal(value))
        else:
            assert in_tree(value, tree), (label, value)
    for filt, values in wanted.items():
        missing = collections.Counter(values) - collections.Counter(normal(value) for value in row[filt])
        assert not missing, (filt, missing, row[filt])
    for filt in absent - {None}:
        assert row[filt] == [], filt
    if example["complete"]:
        assert not any(row[name] for name in ERRORS)


def in_tree(value, tree):
    """The value as it may stand in a line: a number in hexadecimal or decimal, bytes, or text that they encode."""
    text = str(tree).lower()
    plain = value.strip("{}").lower()
    if plain in text or plain in text.replace(":", ""):
        return True
    number = normal(value)
    if isinstance(number, int):
        return re.search(rf"\b0x0*{number:x}\b|\b{number}\b", text) is not None
    try:
        return bytes.fromhex(plain).decode("utf-16-le").rstrip("\0") in text
    except ValueError:
        return False
