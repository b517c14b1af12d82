# SPDX-License-Identifier: GPL-2.0-or-later
"""Refuses definitions that cannot be right, and settles what they leave to be derived (filter names, slots)."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from expression import Node
from model import (SCALARS, Consequence, DefinitionError, Enum, Errors, Field, Form, Model, Property, Rop, snake)

Scope = dict[str, list[Field]]      # fields that an expression can name

# The same field in every ROP has one filter name, whatever protocol the ROP belongs to.
COMMON = {name: f"rop.{snake(name)}" for name in (
    "LogonId", "InputHandleIndex", "OutputHandleIndex", "SourceHandleIndex", "DestHandleIndex", "ResponseHandleIndex",
    "ReturnValue")}

# What a ROP does needs something to do it with.
NEEDS = {"set_columns": ("columns",), "set_recipients": ("recipient_columns",), "name_folder": ("name", "folder"),
         "name_properties": ("names", "ids"), "logon": ("logon_flags",), "notify": ("target",),
         "pending": ("session_index",), "restrict": ("restriction",), "create_message": ("associated",)}
BY_COLUMNS = ("PropertyRow", "RecipientRow")    # C types that are read by columns

# What the session keeps has a shape.
TAGS, NUMBER = (("tag",), True), (("u8", "u16", "u32", "bool"), False)
KEPT = {"columns": TAGS, "recipient_columns": TAGS, "row_columns": TAGS, "names": (("PropertyName",), True),
        "ids": (("u16",), True), "folder_names": (("fid",), True), "old_folder": (("fid",), False), "folder": (("fid",), False),
        "parent": (("fid",), False), "old_parent": (("fid",), False), "restriction": (("Restriction",), False),
        "unchanged": (("bool",), False), "copies": (("bool",), False), "associated": (("bool",), False),
        "properties": (("TaggedPropertyValue",), True), "problems": (("PropertyProblem",), True),
        "message": (("mid",), False),
        "name": (("z8", "z16"), False), "state_property": (("tag",), False), "user_dn": (("z8",), False),
        "display_name": (("z16",), False)}

HEX_TYPES = ("error", "fid", "mid", "cn", "tag", "counter48")
MAX_SLOTS = 16
FILTER = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z0-9]+(_[a-z0-9]+)*)+")


@dataclass
class Header:
    """A header field to register: everything that makes up the meaning of a filter name."""
    filter: str
    label: str
    ftype: str
    display: str
    strings: str | None
    mask: int
    where: str
    note: str | None = None
    index: int = -1


FTYPES = {
    "u8": "FT_UINT8", "u16": "FT_UINT16", "u24": "FT_UINT24", "u32": "FT_UINT32", "u64": "FT_UINT64",
    "i8": "FT_INT8", "i16": "FT_INT16", "i32": "FT_INT32", "i64": "FT_INT64", "bool": "FT_BOOLEAN",
    "error": "FT_UINT32", "fid": "FT_UINT64", "mid": "FT_UINT64", "cn": "FT_UINT64", "tag": "FT_UINT32",
    "guid": "FT_GUID", "filetime": "FT_ABSOLUTE_TIME", "counter48": "FT_UINT48", "z8": "FT_STRING", "z16": "FT_STRING",
    "str8": "FT_STRING", "str16": "FT_STRING", "bytes": "FT_BYTES", "handle": "FT_UINT8",
}
WIDTHS = ["FT_UINT8", "FT_UINT16", "FT_UINT24", "FT_UINT32", "FT_UINT64"]


def depends(node: Node) -> bool:
    """Whether an expression depends on anything."""
    return node[0] in ("slot", "call") or any(depends(n) for n in node[1:] if isinstance(n, tuple))


class Checker:
    def __init__(self, model: Model, error_codes: dict[str, int], tag_names: dict[str, int], errors: Errors) -> None:
        self.model = model
        self.property_ids = {name: tag >> 16 for name, tag in tag_names.items()}
        self.error_codes = error_codes  # name of an error code -> value
        self.errors = errors
        self.headers: dict[str, Header] = {}               # (filter, mask) -> Header
        self.forms: list[Form] = []

    # ---- header fields ----

    def header(self, proto_filter: str, label: str, ftype: str, display: str, strings: str | None, mask: int,
               where: str, note: str | None = None) -> Header:
        if not FILTER.fullmatch(proto_filter):
            raise DefinitionError(where, f"'{proto_filter}' cannot be a filter name")
        new = Header(proto_filter, label, ftype, display, strings, mask, where, note)
        old = self.headers.get(proto_filter)
        if old is None:
            self.headers[proto_filter] = new
            return new
        if old.ftype in WIDTHS and ftype in WIDTHS and old.mask == 0 and mask == 0:
            # The same number in another width is the same meaning: the widest holds all.
            old.ftype = max(old.ftype, ftype, key=WIDTHS.index)
            ftype = old.ftype
        old.note = old.note or note
        if (old.label, old.ftype, old.display, old.strings, old.mask) != (label, ftype, display, strings, mask):
            raise DefinitionError(where, f"two meanings for one filter name: {proto_filter} is something else at "
                                         f"{old.where}; give one of them another with 'as'")
        return old

    def field_header(self, form: Form, f: Field) -> Header:
        if f.as_name:
            name = f"{form.prefix}.{f.as_name}"
        elif f.name in COMMON and not form.is_struct and form.proto != "mapihttp":
            name = COMMON[f.name]
        else:
            name = f"{form.prefix}.{snake(f.name)}"
        display, strings = "BASE_NONE", None
        ftype = FTYPES.get(f.type, "FT_NONE")
        if f.type in self.model.ctypes and self.model.ctypes[f.type].as_bytes:
            ftype = "FT_BYTES"
        if f.enum or f.each:
            enum = self.enum(f.enum or f.each, f.where)
            if f.enum:
                strings = enum.name
        if f.type in SCALARS or f.type == "handle":
            if ftype.startswith("FT_UINT"):
                is_hex = f.hex or f.flags or f.type in HEX_TYPES or f.enum and not enum.decimal
                display = "BASE_HEX" if is_hex else "BASE_DEC"
            elif ftype.startswith("FT_INT"):
                display = "BASE_DEC"
            elif f.type == "filetime":
                display = "ABSOLUTE_TIME_UTC"
        if f.type == "error":
            strings = "!errors"
        return self.header(name, f.label or f.name, ftype, display, strings, 0, f.where, f.note)

    def enum(self, name: str, where: str) -> Enum:
        if name not in self.model.enums:
            self.missing(name)
            raise DefinitionError(where, f"unknown enumeration {name}")
        self.model.enums[name].used = True
        return self.model.enums[name]

    def missing(self, name: str) -> None:
        """What was refused is not unknown."""
        if name in self.model.broken:
            raise Consequence()

    # ---- expressions ----

    def names_in(self, node: Node) -> Iterator[str]:
        if node[0] in ("name", "part"):
            yield node[1]
        elif node[0] != "decided":
            for sub in node[1:]:
                if isinstance(sub, tuple):
                    yield from self.names_in(sub)

    def resolve(self, node: Node, form: Form, earlier: Scope, where: str) -> Node:
        """Names become slots or constants; returns the tree with ("slot", n) and ("const", n) in their place."""
        scope = [f for n in self.names_in(node) for f in earlier.get(n, ())]
        if any(f.broken for f in scope):
            raise Consequence()

        def constant(name: str) -> int | None:
            found = set()
            for f in scope:
                if f.enum:
                    found |= {v for v, n, _ in self.model.enums[f.enum].values if n == name}
                if f.flags:
                    flags = self.model.flags[f.flags]
                    found |= {b.mask for b in flags.bits if b.name == name}
                    for b in flags.bits:
                        if b.enum:
                            values = self.model.enums[b.enum].values
                            found |= {v * (b.mask & -b.mask) for v, n, _ in values if n == name}
                if f.type == "error" and name in self.error_codes:
                    found.add(self.error_codes[name])
            if len(found) > 1:
                raise DefinitionError(where, f"{name} has several values here: {', '.join(map(hex, sorted(found)))}")
            return found.pop() if found else None

        def slot(name: str) -> int:
            for f in earlier[name]:
                if f.array is not None or f.type not in SCALARS and f.type != "handle" or f.type in ("guid",):
                    raise DefinitionError(where, f"{name} is not a number")
            if not earlier[name][0].slot:
                earlier[name][0].slot = self.new_slot(form, where)
            for f in earlier[name]:
                f.slot = earlier[name][0].slot
            return earlier[name][0].slot

        def walk(n: Node) -> Node:
            if n[0] == "const":
                return n
            if n[0] == "decided":
                if n[1].broken:
                    raise Consequence()
                return ("slot", n[1].slot)
            if n[0] == "name":
                if n[1] in earlier:
                    return ("slot", slot(n[1]))
                value = constant(n[1])
                if value is None and form.broken:
                    raise Consequence()
                if value is None:
                    if any(f.name == n[1] for f in form.fields):
                        raise DefinitionError(where, f"{n[1]} comes later: only earlier fields can be named")
                    raise DefinitionError(where, f"unknown name {n[1]}")
                return ("const", value)
            if n[0] == "part":
                if n[1] not in earlier and form.broken:
                    raise Consequence()
                if n[1] not in earlier:
                    raise DefinitionError(where, f"unknown name {n[1]}")
                for f in earlier[n[1]]:
                    for b in self.model.flags[f.flags].bits if f.flags else ():
                        if b.name == n[2]:
                            return ("&", ("slot", slot(n[1])), ("const", b.mask))
                raise DefinitionError(where, f"{n[1]} has no bits named {n[2]}")
            if n[0] == "call":
                if n[1] == "ok":
                    if "ReturnValue" not in earlier:
                        raise DefinitionError(where, "'ok' needs a ReturnValue before it")
                    return ("==", ("slot", slot("ReturnValue")), ("const", 0))
                if n[1] == "left_out" and "ReturnValue" not in earlier:
                    raise DefinitionError(where, "'left_out' needs a ReturnValue before it")
                if n[1] == "deviation":
                    if n[2] not in self.model.deviations:
                        raise DefinitionError(where, f"unknown deviation {n[2]}")
                    self.model.deviations[n[2]].used = True
                    return n
                return (n[0], n[1], walk(n[2])) if isinstance(n[2], tuple) else n
            if n[0] == "named":
                values = [("==", n[1], ("const", value)) for value, _, _ in self.enum(n[2], where).values]
                return walk(functools.reduce(lambda a, b: ("||", a, b), values))
            parts = [walk(x) for x in n[1:]]
            if n[0] in ("==", "!=", "<", "<=", ">", ">=", "&"):
                self.within(parts, form, earlier, where)
            return (n[0], *parts)

        return walk(node)

    def condition(self, node: Node, form: Form, earlier: Scope, where: str) -> Node:
        resolved = self.resolve(node, form, earlier, where)
        if not depends(resolved):
            raise DefinitionError(where, "the condition is always the same")
        return resolved

    @staticmethod
    def within(parts: list[Node], form: Form, earlier: Scope, where: str) -> None:
        """A field never has a value that its bytes cannot hold."""
        for (kind, n), other in (parts, reversed(parts)) if len(parts) == 2 and all(len(p) == 2 for p in parts) else ():
            if kind == "slot" and other[0] == "const":
                fields = [f for fs in earlier.values() for f in fs if f.slot == n]
                if fields and all(other[1] >> (8 * SCALARS.get(f.type, 1)) for f in fields):
                    raise DefinitionError(where, f"{fields[0].name} has no room for {other[1]:#x}")

    # ---- forms ----

    def form(self, form: Form) -> None:
        form.index = len(self.forms)
        self.forms.append(form)
        earlier: Scope = {}
        closed = None
        for f in form.fields:
            with self.errors.collected():
                f.broken = True
                if closed and closed.name != f.name:
                    raise DefinitionError(f.where, f"nothing can follow {closed.name}, "
                                                   "which takes all bytes to the end")
                if f.type == "decision":
                    self.decision(form, f, earlier)
                else:
                    if f.array == "rest" and f.size is None:
                        closed = f
                    self.field(form, f, earlier)
                f.broken = False
            form.broken |= f.broken
            if f.type != "decision":
                earlier.setdefault(f.name, []).append(f)

    def field(self, form: Form, f: Field, earlier: Scope) -> None:
        self.type(form, f)
        if f.cond:
            f.cond = self.condition(f.cond, form, earlier, f.where)
        for part in ("size", "array", "at"):
            node = getattr(f, part)
            if isinstance(node, tuple):
                setattr(f, part, self.resolve(node, form, earlier, f.where))
        if f.type == "buffer":      # its reader shows it
            return
        f.header = self.field_header(form, f)
        if f.flags:
            self.flags(f)

    def decision(self, form: Form, f: Field, earlier: Scope) -> None:
        if f.cond:
            f.cond = self.condition(f.cond, form, earlier, f.where)
        f.array = self.condition(f.array, form, earlier, f.where)
        f.slot = self.new_slot(form, f.where)

    def new_slot(self, form: Form, where: str) -> int:
        form.slots += 1
        if form.slots > MAX_SLOTS:
            raise DefinitionError(where, f"{form.name} refers to more than {MAX_SLOTS} of its fields")
        return form.slots

    def type(self, form: Form, f: Field) -> None:
        if f.type in ("bytes", "str8", "str16"):
            if f.array is None:
                raise DefinitionError(f.where, f"{f.type} needs a length in brackets")
        elif f.type == "buffer":
            if f.size is None or not f.arg or not form.proto == "mapihttp":
                raise DefinitionError(f.where, "a buffer is in a message, with its kind and size: buffer(rops) size n")
        elif f.type in SCALARS or f.type in ("z8", "z16", "handle"):
            pass
        elif f.type in self.model.structs:
            self.model.structs[f.type].used = True
        elif f.type in self.model.ctypes:
            ctype = self.model.ctypes[f.type]
            ctype.used = True
            for name in ctype.reads:
                if name not in self.model.structs:
                    raise DefinitionError(ctype.where, f"unknown structure {name}")
                self.model.structs[name].used = True
            if f.arg and f.arg not in ctype.args:
                raise DefinitionError(f.where, f"{f.type} knows no '{f.arg}' "
                                               f"(known: {', '.join(ctype.args) or 'nothing'})")
        else:
            self.missing(f.type)
            raise DefinitionError(f.where, f"unknown type {f.type}")
        if f.arg and f.type not in self.model.ctypes and f.type not in ("handle", "buffer"):
            raise DefinitionError(f.where, f"{f.type} takes no argument")
        if f.type == "handle" and (form.is_struct or f.array is not None):
            raise DefinitionError(f.where, "a handle index belongs into a ROP, once")
        if f.enum and f.flags:
            raise DefinitionError(f.where, "a field is an enumeration or flags, not both")
        if (f.enum or f.flags or f.hex) and not (f.type in SCALARS and re.fullmatch(r"[ui]\d+|tag", f.type)):
            raise DefinitionError(f.where, f"{f.type} cannot have names for its values")
        if f.latin1 and f.type not in ("z8", "str8"):
            raise DefinitionError(f.where, f"{f.type} is no 8-bit text")
        if f.at is not None and not form.is_block:
            raise DefinitionError(f.where, "'at' counts from the beginning of an auxiliary block")
        types, array = KEPT.get(f.keep, NUMBER)
        if f.keep and (f.type not in types or (f.array is not None) != array):
            shape = ' or '.join(types) + ('[...]' if array else '')
            raise DefinitionError(f.where, f"what is kept as {f.keep} is {shape}")
        if f.each and f.array is None:
            raise DefinitionError(f.where, "'each' names the elements of an array")
        if f.flags:
            if f.flags not in self.model.flags:
                self.missing(f.flags)
                raise DefinitionError(f.where, f"unknown flags {f.flags}")
            flags = self.model.flags[f.flags]
            flags.used = True
            if flags.width != SCALARS[f.type]:
                raise DefinitionError(f.where, f"flags {f.flags} have {flags.width} bytes, "
                                               f"{f.type} has {SCALARS[f.type]}")
        if f.size is not None and f.array is None and f.type in (*SCALARS, "z8", "z16", "handle"):
            raise DefinitionError(f.where, f"{f.type} has its size already")

    def flags(self, f: Field) -> None:
        flags = self.model.flags[f.flags]
        bits = []
        for bit in flags.bits:
            name = f"{f.header.filter}.{snake(bit.name)}"
            if bit.filter:
                name = f"{f.header.filter.split('.')[0]}.{bit.filter}"
            if bit.enum:
                enum = self.enum(bit.enum, bit.where)
                h = self.header(name, bit.label, FTYPES[f.type], "BASE_HEX", enum.name, bit.mask, bit.where)
            elif bit.mask & (bit.mask - 1):
                h = self.header(name, bit.label, FTYPES[f.type], "BASE_HEX", None, bit.mask, bit.where)
            else:
                h = self.header(name, bit.label, "FT_BOOLEAN", str(8 * flags.width), None, bit.mask, bit.where)
            bits.append(h)
        f.bits = bits

    def cycles(self) -> None:
        state: dict[str, str] = {}

        def visit(form: Form, path: list[str]) -> None:
            if state.get(form.name) == "done":
                return
            if state.get(form.name) == "open":
                raise DefinitionError(form.where, f"structure {form.name} contains itself ({' > '.join(path)})")
            state[form.name] = "open"
            for f in form.fields:
                if f.type in self.model.structs:
                    visit(self.model.structs[f.type], path + [f.type])
            state[form.name] = "done"

        for form in self.model.structs.values():
            visit(form, [form.name])

    # ---- all of it ----

    def run(self) -> None:
        m = self.model
        with self.errors.collected():
            self.cycles()
        for form in m.structs.values():
            self.form(form)
        for owner in list(m.rops.values()) + list(m.messages.values()):
            for form in (owner.request, owner.response):
                if form:
                    self.form(form)
        for block in {id(b): b for b in m.blocks.values()}.values():
            self.form(block.form)
        for meaning in m.properties.values():
            with self.errors.collected():
                self.property(meaning)
        names: dict[str, Rop] = {}
        for rop in m.rops.values():
            with self.errors.collected():
                if names.setdefault(rop.name, rop) is not rop:
                    raise DefinitionError(rop.where, f"{rop.name} is the name of {names[rop.name].id:#04x} already")
            with self.errors.collected():
                self.rop(rop)
        if not self.errors.list:        # what a refused line would have used is not unused
            self.unused()

    def property(self, meaning: Property) -> None:
        if self.property_ids.get(meaning.name) != meaning.id:
            raise DefinitionError(meaning.where, f"property-tags.tsv has no {meaning.name} of {meaning.id:#06x}")
        if meaning.enum:
            self.enum(meaning.enum, meaning.where)
            return
        if meaning.flags not in self.model.flags:
            self.missing(meaning.flags)
            raise DefinitionError(meaning.where, f"unknown flags {meaning.flags}")
        flags = self.model.flags[meaning.flags]
        flags.used = True
        for bit in flags.bits:
            if bit.mask & (bit.mask - 1):
                raise DefinitionError(meaning.where, f"{bit.name} of {flags.name} is more than one bit")

    def unused(self) -> None:
        m = self.model
        for what, table in (("enumeration", m.enums), ("flags", m.flags), ("structure", m.structs), ("group", m.groups),
                            ("type", m.ctypes), ("deviation", m.deviations), ("columns", m.columns)):
            for item in table.values():
                with self.errors.collected():
                    if not item.used:
                        raise DefinitionError(item.where, f"{what} {item.name} is used nowhere")

    def rop(self, rop: Rop) -> None:
        """What it is said to do needs something to do it with."""
        m = self.model
        forms = [form for form in (rop.request, rop.response) if form]
        if rop.id in m.reserved:
            raise DefinitionError(rop.where, f"RopId {rop.id:#04x} is reserved at {m.reserved[rop.id].where}")
        if rop.answered_as is not None and rop.answered_as not in m.rops:
            raise DefinitionError(rop.where, f"is answered as RopId {rop.answered_as:#04x}, which is not defined")
        if any(form.broken for form in forms):
            return
        kept = {f.keep for form in forms for f in form.fields}
        for verb in rop.does:
            for word in NEEDS.get(verb, ()):
                if word not in kept:
                    raise DefinitionError(rop.where, f"'does {verb}' needs a field with 'keep {word}'")
        self.rows(rop, [f for form in forms for f in self.inside(form)])

    def rows(self, rop: Rop, fields: list[Field]) -> None:
        rows = [f for f in fields if f.type in BY_COLUMNS]
        if rows and not rop.rows:
            raise DefinitionError(rows[0].where, f"{rows[0].type} is read by columns: {rop.name} must say 'rows ...'")
        if rop.rows and not rows:
            raise DefinitionError(rop.where, f"{rop.name} says 'rows' and has none")
        if rop.rows == ("request", None) and "columns" not in {f.keep for f in rop.request.fields}:
            raise DefinitionError(rop.where, "'rows request' needs a field of the request with 'keep columns'")
        if rop.rows and rop.rows[0] == "fixed":
            if rop.rows[1] not in self.model.columns:
                self.missing(rop.rows[1])
                raise DefinitionError(rop.where, f"unknown columns {rop.rows[1]}")
            self.model.columns[rop.rows[1]].used = True
        for f in fields:
            if f.keep == "row_columns":
                raise DefinitionError(f.where, f"'keep row_columns' ends with the reading of a message: {rop.name}, "
                                               "whose rows the session keeps for later passes, must say 'rows ...'")

    def inside(self, form: Form) -> Iterator[Field]:
        for f in form.fields:
            yield f
            if f.type in self.model.structs:
                yield from self.inside(self.model.structs[f.type])
