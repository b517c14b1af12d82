# SPDX-License-Identifier: GPL-2.0-or-later
"""The definition language: reads *.def into a model. The grammar is described in README.md beside this file."""

import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field as dc_field
from typing import Any

from expression import Node, Tokens, is_positional, parse_expression
from model import (BUFFERS, CALLS, DOES, ENDPOINTS, HANDLES, HEADS, KEEPS, PROTOCOLS, SCALARS, STRINGS, Bit, Block,
                   Columns, CType, DefinitionError, Deviation, Enum, Errors, Field, Flags, Form, Group, Message, Model,
                   Property, Rop, minimum_size, snake)


@dataclass
class Line:
    indent: int
    text: str
    where: str
    ref: str
    children: list = dc_field(default_factory=list)
    broken: bool = False        # a line below it was refused


def read_lines(path: pathlib.Path, shown: str, errors: Errors) -> list[Line]:
    """The lines of a file as a tree by indentation."""
    root = Line(-1, "", shown, "")
    stack = [root]
    with open(path, encoding="utf-8") as f:
        for number, raw in enumerate(f, 1):
            where = f"{shown}:{number}"
            text, _, comment = split_comment(raw.rstrip("\n"))
            if not text.strip():
                continue
            with errors.collected():
                indent = len(text) - len(text.lstrip())
                line = Line(indent, text.strip(), where, comment.strip())
                while stack[-1].indent >= indent:
                    stack.pop()
                parent = stack[-1]
                stack.append(line)
                before, parent.broken = parent.broken, True
                if "\t" in text:
                    raise DefinitionError(where, "a tab: indent with spaces")
                if parent.children and parent.children[0].indent != indent:
                    raise DefinitionError(where, "indentation fits no line above")
                parent.children.append(line)
                parent.broken = before
    return root.children


def split_comment(raw: str) -> tuple[str, str, str]:
    quoted = False
    for i, c in enumerate(raw):
        if c == '"':
            quoted = not quoted
        elif c == "#" and not quoted:
            return raw[:i].rstrip(), "#", raw[i + 1:]
    return raw, "", ""


DEFINITIONS = ("spec", "proto", "enum", "flags", "struct", "group", "type", "deviation", "columns", "rop", "reserved",
               "message", "block", "property")


class Parser:
    def __init__(self, model: Model, errors: Errors) -> None:
        self.model = model
        self.errors = errors
        self.proto = "rop"
        self.spec = ""

    def unique(self, table: dict[Any, Any], key: Any, item: Any, what: str) -> None:
        if key in table:
            raise DefinitionError(item.where, f"{what} is defined a second time (first at {table[key].where})")
        table[key] = item

    def files(self, paths: list[pathlib.Path]) -> None:
        """Reads all files; groups first, since they are used as if they stood where their name stands."""
        trees = [read_lines(path, path.name, self.errors) for path in paths]
        for tree in trees:
            for line in tree:
                if line.text.split()[0] == "group":
                    with self.errors.collected():
                        self.read_group(line, Tokens(line.text[len("group"):], line.where))
        for tree in trees:
            self.proto = "rop"
            self.spec = ""
            for line in tree:
                with self.errors.collected():
                    self.definition(line)

    def definition(self, line: Line) -> None:
        word = line.text.split()[0]
        if word not in DEFINITIONS:
            raise DefinitionError(line.where, f"'{word}' begins no definition")
        if word == "group":
            return
        try:
            tokens = Tokens(line.text[len(word):], line.where)
            getattr(self, "read_" + word)(line, tokens)
            tokens.end()
        except DefinitionError:
            self.model.broken |= set(line.text.split()[1:3])
            raise

    def leaf(self, line: Line) -> None:
        if line.children:
            raise DefinitionError(line.children[0].where, "nothing can be indented under the line above")

    def read_spec(self, line: Line, tokens: Tokens) -> None:
        self.spec = tokens.string()
        self.leaf(line)

    def read_proto(self, line: Line, tokens: Tokens) -> None:
        name = tokens.identifier("a protocol")
        if name not in PROTOCOLS:
            raise DefinitionError(tokens.where, f"unknown protocol '{name}' (known: {', '.join(sorted(PROTOCOLS))})")
        self.proto = name
        self.leaf(line)

    # ---- names of values ----

    def items(self, line: Line, tokens: Tokens, read: Callable[[Tokens], None]) -> bool:
        """What is separated by commas, behind the head of a definition and below it; false if one is refused."""
        before = len(self.errors.list)
        for t in ([tokens] if tokens.peek() else []) + [Tokens(c.text, c.where) for c in line.children]:
            while True:
                with self.errors.collected():
                    read(t)
                while t.peek() not in (None, ","):      # behind an error
                    t.next()
                if not t.take(","):
                    break
        for child in line.children:
            with self.errors.collected():
                self.leaf(child)
        return len(self.errors.list) == before and not line.broken

    @staticmethod
    def close(tokens: Tokens) -> None:
        if tokens.peek() not in (None, ","):
            raise DefinitionError(tokens.where, f"'{tokens.peek()}' does not belong here")

    def read_enum(self, line: Line, tokens: Tokens) -> None:
        enum = Enum(tokens.identifier("a name"), line.where)
        self.unique(self.model.enums, enum.name, enum, f"enumeration {enum.name}")
        numbers: dict[int, str] = {}
        names: dict[str, int] = {}

        def read(t: Tokens) -> None:
            enum.decimal = str(t.peek()).isdecimal()
            number = t.number(0xFFFFFFFF)
            name = t.identifier("a name")
            label = t.string() if t.peek() not in (None, ",") else name
            self.close(t)
            if number in numbers:
                raise DefinitionError(t.where, f"value {number:#x} has a name already: {numbers[number]}")
            if name in names:
                raise DefinitionError(t.where, f"{name} is already the name of {names[name]:#x}")
            numbers[number], names[name] = name, number
            enum.values.append((number, name, label))

        if self.items(line, tokens, read) and not enum.values:
            raise DefinitionError(line.where, f"enumeration {enum.name} has no values")

    def read_flags(self, line: Line, tokens: Tokens) -> None:
        name = tokens.identifier("a name")
        width_name = tokens.identifier("a width (u8, u16, u32)")
        if width_name not in ("u8", "u16", "u32"):
            raise DefinitionError(line.where, f"flags are u8, u16 or u32, not '{width_name}'")
        flags = Flags(name, SCALARS[width_name], line.where)
        self.unique(self.model.flags, name, flags, f"flags {name}")
        if self.items(line, tokens, lambda t: self.bit(flags, t)) and not flags.bits:
            raise DefinitionError(line.where, f"flags {name} have no bits")

    def bit(self, flags: Flags, t: Tokens) -> None:
        mask = t.number((1 << (8 * flags.width)) - 1)
        bit = Bit(mask, t.identifier("a name"), None, where=t.where)
        while t.peek() not in (None, ","):
            if t.take("enum"):
                bit.enum = t.identifier("an enumeration")
            elif t.take("as"):
                bit.filter = t.identifier("a filter name")
            else:
                bit.label = t.string()
        bit.label = bit.label or bit.name
        if mask == 0:
            raise DefinitionError(t.where, "a flag needs at least one bit")
        for other in flags.bits:
            if mask & other.mask:
                raise DefinitionError(t.where, f"bits {mask & other.mask:#x} have a name already")
            if bit.name == other.name:
                raise DefinitionError(t.where, f"{bit.name} is the name of other bits already")
        flags.bits.append(bit)

    def read_reserved(self, line: Line, tokens: Tokens) -> None:
        def read(t: Tokens) -> None:
            rop = Rop(t.number(0xFF), t.identifier("a name"), t.where, line.ref, "rop")
            self.close(t)
            self.unique(self.model.reserved, rop.id, rop, f"reserved RopId {rop.id:#04x}")

        self.items(line, tokens, read)

    def read_property(self, line: Line, tokens: Tokens) -> None:
        meaning = Property(tokens.number(0xFFFF), tokens.identifier("a name"), line.where)
        if tokens.take("flags"):
            meaning.flags = tokens.identifier("flags")
        else:
            tokens.expect("enum")
            meaning.enum = tokens.identifier("an enumeration")
        self.unique(self.model.properties, meaning.id, meaning, f"property {meaning.id:#06x}")
        self.leaf(line)

    # ---- what C does ----

    def read_type(self, line: Line, tokens: Tokens) -> None:
        ctype = CType(tokens.identifier("a name"), tokens.identifier("a C function"), line.where)
        self.own_name(ctype.name, line)
        while tokens.peek():
            if tokens.take("bytes"):
                ctype.as_bytes = True
            elif tokens.take("reads"):
                while tokens.peek():
                    ctype.reads.append(tokens.identifier("a structure"))
            else:
                ctype.args[tokens.identifier("an argument")] = len(ctype.args) + 1
        self.unique(self.model.ctypes, ctype.name, ctype, f"type {ctype.name}")
        self.leaf(line)

    @staticmethod
    def own_name(name: str, line: Line) -> None:
        if name in SCALARS or name in STRINGS or name in ("handle", "buffer"):
            raise DefinitionError(line.where, f"{name} is a type of the language")

    def read_deviation(self, line: Line, tokens: Tokens) -> None:
        deviation = Deviation(tokens.identifier("a name"), tokens.string(), line.where)
        self.unique(self.model.deviations, deviation.name, deviation, f"deviation {deviation.name}")
        if len(self.model.deviations) > 32:
            raise DefinitionError(line.where, "more than 32 deviations")
        for child in line.children:
            self.leaf(child)
            t = Tokens(child.text, child.where)
            deviation.text += " " + t.string()
            t.end()

    def read_columns(self, line: Line, tokens: Tokens) -> None:
        name = tokens.identifier("a name")
        tags = []
        while tokens.peek():
            tags.append(tokens.number(0xFFFFFFFF))
        columns = Columns(name, tags, line.where)
        if not tags:
            raise DefinitionError(line.where, f"columns {name} name no tag")
        self.unique(self.model.columns, name, columns, f"columns {name}")
        self.leaf(line)

    # ---- structures, groups, ROPs, messages ----

    def read_struct(self, line: Line, tokens: Tokens) -> None:
        name = tokens.identifier("a name")
        self.own_name(name, line)
        form = Form(name, line.where, None, self.proto, is_struct=True, ref=self.section(line))
        while tokens.peek():
            if tokens.take("prefix"):
                parts = [tokens.identifier("a filter name")]
                while tokens.take("."):
                    parts.append(tokens.identifier("a filter name"))
                form.prefix = ".".join(parts)
            elif tokens.take("label"):
                form.label = tokens.string()
            else:
                raise DefinitionError(line.where, f"'{tokens.peek()}' does not belong here")
        if form.prefix is None:
            form.prefix = f"{self.proto}.{snake(name)}"
        if form.prefix.split(".")[0] not in PROTOCOLS:
            raise DefinitionError(line.where, f"prefix {form.prefix} is under none of our protocols")
        self.unique(self.model.structs, name, form, f"structure {name}")
        self.fields(form, line.children, None)
        form.broken |= line.broken
        if not form.fields and not form.broken:
            raise DefinitionError(line.where, f"structure {name} has no fields")

    def read_group(self, line: Line, tokens: Tokens) -> None:
        group = Group(tokens.identifier("a name"), line.where, line.children)
        tokens.end()
        self.unique(self.model.groups, group.name, group, f"group {group.name}")
        if not group.lines and not line.broken:
            raise DefinitionError(line.where, f"group {group.name} has no fields")

    def reference(self, line: Line) -> str:
        if not line.ref:
            raise DefinitionError(line.where, "the section of the specification is missing (# MS-… n.n.n)")
        return self.section(line)

    def section(self, line: Line) -> str:
        return line.ref if line.ref.startswith("MS-") or not self.spec or not line.ref else f"{self.spec} {line.ref}"

    def read_rop(self, line: Line, tokens: Tokens) -> None:
        rop = Rop(tokens.number(0xFF), tokens.identifier("a name"), line.where, self.reference(line), self.proto)
        self.unique(self.model.rops, rop.id, rop, f"RopId {rop.id:#04x}")
        short = rop.name[3:] if rop.name.startswith("Rop") else rop.name
        prefix = f"rop.{snake(short)}" if self.proto == "rop" else self.proto
        if tokens.take("trailer"):
            rop.trailer = True
        else:
            self.head(rop, tokens, prefix)
        while tokens.peek():
            self.rop_word(rop, tokens)
        self.directions(rop, line, prefix)
        if rop.trailer and not rop.response:
            raise DefinitionError(line.where, f"trailer {rop.name} has no response")

    def head(self, rop: Rop, tokens: Tokens, prefix: str) -> None:
        """The handle indexes of the request and of the response, and what every ROP begins with."""
        words: list[str] = []
        kind = None
        tokens.expect("(")
        while not words or tokens.take(","):
            words.append(tokens.identifier("a handle index"))
            if words[-1] not in HANDLES:
                raise DefinitionError(rop.where, f"handle indexes are {', '.join(HANDLES)}, not '{words[-1]}'")
            if words[-1] == "out":
                kind = tokens.string()
        tokens.expect(")")
        if tuple(words) not in HEADS:
            heads = " ".join(f"({', '.join(head)})" for head in HEADS)
            raise DefinitionError(rop.where, f"no ROP has these handle indexes; there are {heads}")

        def handle(word: str) -> Field:
            name, role = HANDLES[word]
            return Field(name, "handle", rop.where, arg=role, kind=kind if word == "out" else None)

        rop.request = self.form(rop, "request", rop.where, prefix)
        rop.request.fields += [Field("LogonId", "u8", rop.where)] + [handle(word) for word in words]
        if not tokens.take("unanswered"):
            rop.response = self.form(rop, "response", rop.where, prefix)
            rop.response.fields += [handle(HEADS[tuple(words)]), Field("ReturnValue", "error", rop.where)]

    def rop_word(self, rop: Rop, tokens: Tokens) -> None:
        """What stands in the line of a ROP behind its head."""
        word = tokens.identifier("a word")
        if word == "does":
            while not rop.does or tokens.take(","):
                verb = tokens.identifier("a word")
                if verb not in DOES:
                    raise DefinitionError(rop.where, f"'{verb}' is nothing a ROP does "
                                                     f"(known: {', '.join(sorted(DOES))})")
                rop.does.append(verb)
        elif word == "rows":
            kind = tokens.identifier("where the columns come from")
            if kind not in ("columns", "request", "recipients", "fixed"):
                raise DefinitionError(rop.where, f"rows are by columns, request, recipients or fixed, not '{kind}'")
            rop.rows = (kind, tokens.identifier("columns") if kind == "fixed" else None)
        elif word == "answered":
            rop.answered_as = tokens.number(0xFF)
        else:
            raise DefinitionError(rop.where, f"'{word}' does not belong here")

    def read_message(self, line: Line, tokens: Tokens) -> None:
        message = Message(tokens.identifier("a name"), line.where, self.reference(line), self.proto)
        self.unique(self.model.messages, message.name.lower(), message, f"message {message.name}")
        tokens.expect("(")
        while not message.endpoints or tokens.take(","):
            message.endpoints.append(tokens.identifier("an endpoint"))
            if message.endpoints[-1] not in ENDPOINTS:
                raise DefinitionError(line.where, f"endpoints are {' and '.join(ENDPOINTS)}, "
                                                  f"not '{message.endpoints[-1]}'")
        tokens.expect(")")
        if tokens.take("empty"):
            self.leaf(line)
            return
        if tokens.take("does"):
            message.does = tokens.identifier("a word")
            if message.does not in CALLS:
                raise DefinitionError(line.where, f"'{message.does}' is nothing a message does "
                                                  f"(known: {', '.join(sorted(CALLS))})")
        message.request = self.form(message, "request", line.where, self.proto)
        message.response = self.form(message, "response", line.where, self.proto)
        self.directions(message, line, self.proto)

    def read_block(self, line: Line, tokens: Tokens) -> None:
        block = Block([], [1], line.where)
        while not block.types or tokens.take(","):
            number, name = tokens.number(0xFF), tokens.identifier("a name")
            label = name if tokens.peek() in (None, ",", "version") else tokens.string()
            block.types.append((number, name, label))
        if tokens.take("version"):
            block.versions = [tokens.number(0xFF)]
            while tokens.take(","):
                block.versions.append(tokens.number(0xFF))
        block.form = Form(block.types[0][1], line.where, f"{self.proto}.aux", self.proto, is_block=True,
                          ref=self.reference(line))
        for number, _, _ in block.types:
            for version in block.versions:
                self.unique(self.model.blocks, (number, version), block, f"version {version} of block {number:#04x}")
        self.fields(block.form, line.children, None)
        block.form.broken |= line.broken

    def form(self, owner: Rop | Message, word: str, where: str, prefix: str) -> Form:
        return Form(f"{owner.name} {word}", where, prefix, self.proto, label=owner.name)

    def directions(self, owner: Rop | Message, line: Line, prefix: str) -> None:
        seen = set()
        for child in line.children:
            with self.errors.collected():
                word = child.text.split()[0]
                if word not in ("request", "response") and (isinstance(owner, Message) or word not in ("ok", "always")):
                    raise DefinitionError(child.where, f"'{word}' does not belong here")
                if word in seen:
                    raise DefinitionError(child.where, f"{owner.name} has two parts '{word}'")
                seen.add(word)
                if isinstance(owner, Rop) and owner.trailer and word == "response":
                    owner.response = self.form(owner, "response", child.where, prefix)
                form = owner.request if word == "request" else owner.response
                if form is None or isinstance(owner, Rop) and owner.trailer and word != "response":
                    raise DefinitionError(child.where, f"{owner.name} has no '{word}'")
                self.part(form, word, child)

    def part(self, form: Form, word: str, line: Line) -> None:
        """One part of a form; its first field may stand in the line that begins it."""
        text = line.text[len(word):].strip()
        lines = ([Line(line.indent, text, line.where, line.ref)] if text else []) + line.children
        if not lines:
            raise DefinitionError(line.where, f"nothing stands under this '{word}'")
        form.broken |= line.broken
        cond: Node | None = None
        if word == "ok":
            cond = ("call", "ok", None)
        elif word == "always":
            # Servers leave these fields out of what failed, against the specification.
            alone = Form(form.name, form.where, form.prefix, form.proto)
            self.fields(alone, lines, None)
            cond = ("!", ("call", "left_out", ("const", minimum_size(alone.fields))))
            if len(alone.fields) > 1:
                cond = self.decide(form, line, None, cond)
        self.fields(form, lines, cond)

    # ---- fields ----

    def fields(self, form: Form, lines: list[Line], cond: Node | None, in_group: bool = False) -> None:
        otherwise = None        # what an 'else' in the next line means
        for line in lines:
            before = len(self.errors.list)
            with self.errors.collected():
                word = line.text.split()[0]
                if word == "else" and line.text == word:
                    if otherwise is None:
                        raise DefinitionError(line.where, "'else' needs a 'when' right before it")
                    self.block(form, line, cond, otherwise, in_group)
                    otherwise = None
                elif word == "when":
                    t = Tokens(line.text[len(word):], line.where)
                    own = parse_expression(t)
                    t.end()
                    if is_positional(own):
                        own = self.decide(form, line, cond, own)
                    self.block(form, line, cond, own, in_group)
                    otherwise = ("!", own)
                elif word == "use":
                    self.use(form, line, cond, in_group)
                    otherwise = None
                else:
                    self.leaf(line)
                    form.fields += self.field(line, cond)
                    otherwise = None
            form.broken |= len(self.errors.list) > before

    @staticmethod
    def decide(form: Form, line: Line, cond: Node | None, own: Node) -> Node:
        """Asked again behind the first field of a block the answer would be another: it is asked once, at its head."""
        decision = Field("", "decision", line.where, array=own, cond=cond)
        form.fields.append(decision)
        return ("decided", decision)

    def block(self, form: Form, line: Line, cond: Node | None, own: Node, in_group: bool) -> None:
        if not line.children:
            raise DefinitionError(line.where, f"nothing stands under this '{line.text.split()[0]}'")
        form.broken |= line.broken
        self.fields(form, line.children, own if cond is None else ("&&", cond, own), in_group)

    def use(self, form: Form, line: Line, cond: Node | None, in_group: bool) -> None:
        t = Tokens(line.text[len("use"):], line.where)
        name = t.identifier("a group")
        t.end()
        self.leaf(line)
        if name not in self.model.groups:
            raise DefinitionError(line.where, f"unknown group {name}")
        if in_group:
            raise DefinitionError(line.where, "a group uses no other group")
        self.model.groups[name].used = True
        self.fields(form, self.model.groups[name].lines, cond, in_group=True)

    def field(self, line: Line, cond: Node | None) -> list[Field]:
        """The fields that a line stands for: itself, and those it names in front of it."""
        t = Tokens(line.text, line.where)
        f = Field(t.identifier("a field name"), None, line.where)
        f.type = t.identifier("a type")
        count: list[Field] = []
        optional = False
        if f.type == "handle":
            f.arg = t.identifier("in or other")
            if f.arg not in ("in", "other"):
                raise DefinitionError(line.where, f"a handle is in or other, not '{f.arg}'")
        elif t.take("("):
            f.arg = t.identifier("an argument")
            if f.type == "buffer" and f.arg not in BUFFERS:
                raise DefinitionError(line.where, f"buffers are {' or '.join(BUFFERS)}, not '{f.arg}'")
            t.expect(")")
        if t.take("["):
            if t.take("]"):
                f.array = "rest"
            else:
                f.array = self.counted(t, count)
                t.expect("]")
        while t.peek() is not None:
            word = t.next()
            if word == "size":
                f.size = self.counted(t, count)
            elif word == "at":
                f.at = self.counted(t, count)
                for offset in count[-1:]:
                    offset.note = "Counted from the start of the block; 0: absent"
            elif word == "optional":
                optional = True
            elif word == "if":
                own = parse_expression(t)
                cond = own if cond is None else ("&&", cond, own)
            else:
                self.field_word(f, word, t)
        before = []
        if optional:
            has = Field(f"Has{f.name}", "bool", line.where, cond=cond)
            before.append(has)
            cond = ("name", has.name) if cond is None else ("&&", cond, ("name", has.name))
        for each in count:
            each.cond = cond
        f.cond = cond
        return [*before, *count, f]

    @staticmethod
    def counted(t: Tokens, count: list[Field]) -> Node:
        """A count or size: an expression, or a field that stands right in front (its name and type)."""
        if not t.peek_type():
            return parse_expression(t)
        f = Field(t.identifier("a field name"), t.identifier("a type"), t.where)
        while t.peek() in ("info", "hex"):
            setattr(f, t.next(), True)
        count.append(f)
        return ("name", f.name)

    @staticmethod
    def field_word(f: Field, word: str, t: Tokens) -> None:
        if word == "flags":
            f.flags = t.identifier("flags")
        elif word == "enum":
            f.enum = t.identifier("an enumeration")
        elif word == "each":
            f.each = t.identifier("an enumeration")
        elif word == "as":
            f.as_name = t.identifier("a filter name")
        elif word == "keep":
            f.keep = t.identifier("a word")
            if f.keep not in KEEPS:
                raise DefinitionError(t.where, f"'{f.keep}' is nothing that is kept "
                                               f"(known: {', '.join(sorted(KEEPS))})")
        elif word in ("label", "note"):
            setattr(f, word, t.string())
        elif word in ("info", "hex", "latin1"):
            setattr(f, word, True)
        else:
            raise DefinitionError(t.where, f"'{word}' does not belong here")
