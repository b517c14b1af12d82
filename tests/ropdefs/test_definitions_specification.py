# SPDX-License-Identifier: GPL-2.0-or-later
"""The definitions of ROPs against the table of the specification: names, sections, handle indexes, widths, order, and which
fields a response has by its ReturnValue. The table stands outside the repository; without it there is nothing to compare."""

import pathlib
import re

import compile as compiler
import pytest
from model import HANDLES, SCALARS

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TABLE = REPOSITORY.parent / "shared" / "spec" / "rops.md"

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="the table of the specification is not here")

INDEXES = {"I": ("in",), "I,O": ("in", "out"), "O": ("out",), "S,D": ("source", "dest"), "R,I": ("response", "in")}
# What the table calls the types of the definitions; numbers are widths.
TYPES = {"PropertyRow": "ROW", "TaggedPropertyValue": "TPV", "Restriction": "RES", "SortOrder": "SO", "PropertyName": "PN",
         "PropertyProblem": "PP", "TypedString": "TSTR", "LongTermID": 24, "LogonTime": 8, "FastTransferStream": "bytes",
         "EntryId": "bytes", "XID": "bytes", "SizedXid": "bytes", "UploadState": "bytes",
         "str8": "bytes", "bytes": "bytes", "handle": 1}
WIDTHS = {"FID": 8, "MID": 8, "TAG": 4, "LTID": 24, "u16": 2, "u32": 4}
# Section 1.7 of the table: the sources differ, and the bytes decide.
UNSETTLED = {0x52, 0x4A}
FAILED = 0x80004005             # for any ReturnValue that the table does not name


# ---- the table ----

def read_table():
    """RopId -> (name, section, indexes, request, response) of the rows with seven columns."""
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch("[0-9A-F]{2}", cells[0]):
            rows[int(cells[0], 16)] = tuple(cells[1:6])
    return rows


ROWS = read_table() if TABLE.exists() else {}


def fields(text, column):
    """The fields that a cell names: (name or None, type or None, is conditional, condition)."""
    text = re.sub(r"\b(?:then |same )?as ([0-9A-F]{2})\b", lambda m: (
        ROWS[int(m[1], 16)][3] if column == "request" else form(ROWS[int(m[1], 16)][4], 0)), text)
    while re.search(r"\([^()]*\)", text):
        text = re.sub(r"\([^()]*\)", "", text)
    text = re.sub(r" within \w+ bytes|= all bytes to the end of RopsList|, fixed columns .*", "", text)
    found, conditions = [], []
    for token in re.finditer(r"(?<!\w)\[(?P<cond>[^\[\]]*?): |(?P<name>[A-Z]\w+):(?P<type>\w+)(?:\[\w*\])?"
                             r"|(?P<bare>[A-Za-z]\w*)(?P<array>\[\w*\])?|\}\[\w+\]|(?P<end>\])", text):
        if token["cond"] is not None:
            conditions.append(token["cond"])
        elif token["end"]:
            conditions.pop()
        elif token["name"]:
            found.append((token["name"], kind(token["type"]), " && ".join(conditions)))
        elif token["bare"] and (token["array"] or token["bare"] in ("ROW", "bytes")):
            found.append((None, kind(token["bare"]), " && ".join(conditions)))
        elif token["bare"]:
            found.append((token["bare"], None, " && ".join(conditions)))
    return found


def kind(word):
    return int(word) if word.isdigit() else WIDTHS.get(word, word)


def form(cell, return_value, store=None):
    """The fields of a response cell that are there with a ReturnValue."""
    chosen = ""
    cell = cell.removeprefix("RopId 0x20! ")
    for part in re.split(r"\. (?=ok |0x|503|fail|other)", cell):
        head, _, rest = part.partition(": ")
        known = {"ok": return_value == 0, "all": True, "all but 503": return_value != 0x503, "503": return_value == 0x503,
                 "ok or 0x00040380": return_value in (0, 0x40380), "ok private": return_value == 0 and store == "private",
                 "ok public": return_value == 0 and store == "public", "0x478 redirect": return_value == 0x478,
                 "fail": return_value not in (0, 0x478), "other": False, "-": False}
        assert head in known or head.startswith("- ") or re.fullmatch(r"as [0-9A-F]{2}", head), f"unknown form '{head}'"
        if re.fullmatch(r"as [0-9A-F]{2}", head):
            chosen += form(ROWS[int(head[3:], 16)][4], return_value)
        elif known.get(head) and rest != "-":
            chosen += rest
    return chosen


# ---- the definitions ----

MODEL, _, _ = compiler.compile_definitions(sorted((REPOSITORY / "ropdefs").glob("*.def")), REPOSITORY / "ropdefs")


def evaluate(node, form_, known):
    """True, False or a number; None for what is not known."""
    if node[0] == "const":
        return node[1]
    if node[0] == "slot":
        named = [f for f in form_.fields if f.slot == node[1]]
        if named[0].type == "decision":
            return evaluate(named[0].array, form_, known)
        return known.get(named[0].name)
    if node[0] == "call":
        return {"left_out": False, "deviation": False}.get(node[1])
    values = [evaluate(n, form_, known) for n in node[1:]]
    if node[0] == "!":
        return None if values[0] is None else not values[0]
    if node[0] in ("&&", "||"):
        decisive = node[0] == "||"
        if any(v is not None and bool(v) == decisive for v in values):
            return decisive
        return None if None in values else not decisive
    if None in values:
        return None
    return {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, "&": lambda a, b: a & b}[node[0]](*values)


def defined(form_, known, skip):
    """The fields of a form as fields() gives those of the table."""
    found = []
    for f in form_.fields[skip:]:
        there = True if f.cond is None else evaluate(f.cond, form_, known)
        if f.type == "decision" or there is not None and not there:
            continue
        conditional = there is None
        struct = MODEL.structs.get(f.type)
        if f.type not in TYPES and struct and not struct.name.endswith("RecipientRow"):
            found += [(name, kind_, conditional or inner) for name, kind_, inner in defined(struct, {}, 0)]
            continue
        if struct and f.type not in TYPES:
            kind_ = f.type
        elif f.type in ("bytes", "str8", "u16") and isinstance(f.array, tuple) and f.array[0] == "const":
            kind_ = f.array[1] * SCALARS.get(f.type, 1)
        else:
            kind_ = TYPES.get(f.type, SCALARS.get(f.type, f.type))
        names = [name for name, _, _ in found]
        if conditional and f.name in names:         # there in one of two shapes
            found[names.index(f.name)] = (f.name, None, False)
        else:
            found.append((f.name, kind_, conditional))
    return found


def same(table, ours):
    """The first difference of two lists of fields, or None."""
    for number in range(max(len(table), len(ours))):
        if number >= len(table) or number >= len(ours):
            return f"{len(table)} fields in the table, {len(ours)} defined: {table[number:]} {ours[number:]}"
        (name, type_, cond), (own_name, own_type, own_cond) = table[number], ours[number]
        if name not in (None, own_name) or None not in (type_, own_type) and type_ != own_type or bool(cond) != own_cond:
            return f"field {number}: {table[number]} in the table, {ours[number]} defined"
    return None


@pytest.mark.parametrize("rop_id", sorted(ROWS), ids=lambda i: f"{i:02X}")
def test_rop_follows_the_table(rop_id):
    name, section, indexes, request, response = ROWS[rop_id]
    rop = MODEL.rops[rop_id]
    assert (rop.name, rop.ref) == (name, f"MS-OXCROPS {section}")
    if indexes == "resp only":
        assert rop.trailer
        return
    handles = INDEXES[indexes]
    head = [f.name for f in rop.request.fields[:1 + len(handles)]]
    assert head == ["LogonId"] + [HANDLES[word][0] for word in handles]
    text = "" if request == "-" else request
    assert same(fields(text, "request"), defined(rop.request, {}, len(head))) is None
    if response == "no response":
        assert rop.response is None
        return
    assert rop.answered_as == (0x20 if "RopId 0x20!" in response else None)
    if rop_id in UNSETTLED:
        return
    for value, store in [(0, "private"), (0, "public"), *((value, None) for value in (0x478, 0x480, 0x503, 0x40380, FAILED))]:
        table = [(n, t, c) for n, t, c in fields(form(response, value, store), "response")
                 if not re.fullmatch(r"ReturnValue(==|!=)0x480", c) or (value == 0x480) == ("==" in c)]
        table = [(n, t, "" if c.startswith("ReturnValue") else c) for n, t, c in table]
        ours = defined(rop.response, {"ReturnValue": value, "LogonFlags": 1 if store == "private" else 0}, 2)
        assert same(table, ours) is None, f"ReturnValue {value:#x}"


def test_trailers_follow_the_table():
    """Section 1.2: responses without the head of others."""
    found = dict(re.findall(r"^\| 0x([0-9A-F]{2}) \w+ \| response only: RopId ([^|]*?)(?: \([\d.]+\))? \|$",
                            TABLE.read_text(encoding="utf-8"), re.M))
    assert set(found) == {"2A", "6E", "F9", "FF"}
    for digits, text in found.items():
        rop_id = int(digits, 16)
        ours = defined(MODEL.rops[rop_id].response, {}, 0)
        if rop_id == 0x2A:          # NotificationData: MS-OXCNOTIF
            text, ours = text.replace("NotificationData", ""), ours[:2]
        assert same(fields(text, "response"), ours) is None


def test_fixed_columns_follow_the_table():
    fixed = {rop_id: [int(tag, 16) for tag in re.findall("0x[0-9A-F]{8}", row[4])]
             for rop_id, row in ROWS.items() if "fixed columns" in row[4]}
    assert fixed == {rop.id: MODEL.columns[rop.rows[1]].tags for rop in MODEL.rops.values() if rop.rows and rop.rows[1]}


def test_every_rop_is_in_the_table():
    ours = {rop.id for rop in MODEL.rops.values() if "reserved" not in rop.ref}
    assert ours == set(ROWS)
