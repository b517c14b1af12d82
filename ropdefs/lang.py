# SPDX-License-Identifier: GPL-2.0-or-later
"""The definition language: reads *.def into a model. The grammar is described in README.md beside this file."""

import re
from dataclasses import dataclass, field as dc_field


class DefinitionError(Exception):
    """What is wrong with a definition, and where."""

    def __init__(self, where, reason):
        super().__init__(f"{where}: error: {reason}")


@dataclass
class Enum:
    name: str
    where: str
    values: list = dc_field(default_factory=list)   # (number, identifier, label)
    used: bool = False


@dataclass
class Bit:
    mask: int
    name: str
    label: str
    enum: str = None
    filter: str = None
    where: str = ""


@dataclass
class Flags:
    name: str
    width: int
    where: str
    bits: list = dc_field(default_factory=list)
    used: bool = False


@dataclass
class CType:
    name: str
    function: str
    where: str
    args: dict = dc_field(default_factory=dict)
    used: bool = False


@dataclass
class Deviation:
    name: str
    text: str
    where: str
    used: bool = False


@dataclass
class Columns:
    name: str
    tags: list
    where: str
    used: bool = False


@dataclass
class Field:
    name: str
    type: str
    where: str
    arg: str = None
    array: object = None        # None: no array; "rest": to the end; else an expression
    cond: object = None
    size: object = None
    flags: str = None
    enum: str = None
    each: str = None
    as_name: str = None
    keep: str = None
    label: str = None
    kind: str = None            # of a server object that the field opens
    info: bool = False
    hex: bool = False
    # settled by the checker
    filter: str = None
    slot: int = -1


@dataclass
class Form:
    name: str
    where: str
    prefix: str
    proto: str
    fields: list = dc_field(default_factory=list)
    is_struct: bool = False
    ref: str = ""
    label: str = None
    used: bool = False
    index: int = -1


@dataclass
class Rop:
    id: int
    name: str
    where: str
    ref: str
    proto: str
    trailer: bool = False
    request: Form = None
    response: Form = None
    does: list = dc_field(default_factory=list)
    rows: tuple = None
    answered_as: int = None


@dataclass
class Message:
    name: str
    where: str
    ref: str
    proto: str
    request: Form = None
    response: Form = None


@dataclass
class Model:
    enums: dict = dc_field(default_factory=dict)
    flags: dict = dc_field(default_factory=dict)
    structs: dict = dc_field(default_factory=dict)
    ctypes: dict = dc_field(default_factory=dict)
    deviations: dict = dc_field(default_factory=dict)
    columns: dict = dc_field(default_factory=dict)
    rops: dict = dc_field(default_factory=dict)
    reserved: dict = dc_field(default_factory=dict)
    messages: dict = dc_field(default_factory=dict)


# ---- expressions ----

TOKEN = re.compile(r'\s*(0[xX][0-9A-Fa-f]+|\d+|[A-Za-z_][A-Za-z_0-9]*|"[^"]*"|\|\||&&|==|!=|<=|>=|<<|>>|[-+*&!<>(){}\[\],.=])')

KEYWORDS = {"flags", "enum", "as", "keep", "size", "each", "info", "hex", "label", "if"}
BUILTINS = {"ok": 0, "left": 0, "next16": 0, "next32": 0, "private": 0, "public": 0, "unknown_store": 0, "boundary": 1,
            "left_out": 1, "deviation": 1}
POSITIONAL = {"left", "next16", "next32", "boundary", "left_out"}      # their value depends on where they are asked


def tokenize(text, where):
    tokens, pos = [], 0
    text = text.rstrip()
    while pos < len(text):
        m = TOKEN.match(text, pos)
        if not m:
            raise DefinitionError(where, f"cannot read '{text[pos:].strip()}'")
        tokens.append(m.group(1))
        pos = m.end()
    return tokens


class Tokens:
    def __init__(self, text, where):
        self.list = tokenize(text, where)
        self.pos = 0
        self.where = where

    def peek(self):
        return self.list[self.pos] if self.pos < len(self.list) else None

    def next(self):
        token = self.peek()
        if token is None:
            raise DefinitionError(self.where, "the line ends too early")
        self.pos += 1
        return token

    def take(self, token):
        if self.peek() == token:
            self.pos += 1
            return True
        return False

    def expect(self, token):
        found = self.peek()
        if not self.take(token):
            raise DefinitionError(self.where, f"'{token}' expected, not '{found or 'the end of the line'}'")

    def identifier(self, what):
        token = self.next()
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise DefinitionError(self.where, f"{what} expected, not '{token}'")
        return token

    def string(self):
        token = self.next()
        if not token.startswith('"'):
            raise DefinitionError(self.where, f"a \"text\" expected, not '{token}'")
        return token[1:-1]


LEVELS = [["||"], ["&&"], ["==", "!=", "in"], ["<", "<=", ">", ">="], ["&"], ["<<", ">>"], ["+", "-"], ["*"]]
MAX_EXPRESSION_DEPTH = 32


def parse_expression(tokens, level=0, depth=0):
    """Returns a tree of tuples: ("const", n), ("name", id), ("part", field, id), ("call", name, args), (op, a[, b])."""
    if level == len(LEVELS):
        return parse_unary(tokens, depth)
    left = parse_expression(tokens, level + 1, depth)
    while tokens.peek() in LEVELS[level]:
        op = tokens.next()
        if op == "in":
            tokens.expect("{")
            alternatives = [parse_expression(tokens, 4, depth)]
            while tokens.take(","):
                alternatives.append(parse_expression(tokens, 4, depth))
            tokens.expect("}")
            node = ("==", left, alternatives[0])
            for a in alternatives[1:]:
                node = ("||", node, ("==", left, a))
            left = node
        else:
            left = (op, left, parse_expression(tokens, level + 1, depth))
    return left


def parse_unary(tokens, depth):
    if depth > MAX_EXPRESSION_DEPTH:
        raise DefinitionError(tokens.where, "expression is nested too deeply")
    if tokens.take("!"):
        return ("!", parse_unary(tokens, depth + 1))
    if tokens.take("("):
        node = parse_expression(tokens, 0, depth + 1)
        tokens.expect(")")
        return node
    token = tokens.next()
    if re.fullmatch(r"0[xX][0-9A-Fa-f]+|\d+", token):
        return ("const", int(token, 0))
    if not re.fullmatch(r"[A-Za-z_]\w*", token) or token in KEYWORDS:
        raise DefinitionError(tokens.where, f"a value expected, not '{token}'")
    if token in BUILTINS:
        if BUILTINS[token] == 0:
            return ("call", token, None)
        tokens.expect("(")
        if token == "deviation":
            arg = tokens.identifier("the name of a deviation")
        else:
            arg = parse_expression(tokens, 0, depth + 1)
        tokens.expect(")")
        return ("call", token, arg)
    if tokens.take("."):
        return ("part", token, tokens.identifier("the name of a flag"))
    return ("name", token)


def is_positional(node):
    return node[0] == "call" and node[1] in POSITIONAL or any(is_positional(n) for n in node[1:] if isinstance(n, tuple))


# ---- files ----

@dataclass
class Line:
    indent: int
    text: str
    where: str
    ref: str
    children: list = dc_field(default_factory=list)


def read_lines(path, shown):
    """The lines of a file as a tree by indentation."""
    root = Line(-1, "", shown, "")
    stack = [root]
    with open(path, encoding="utf-8") as f:
        for number, raw in enumerate(f, 1):
            where = f"{shown}:{number}"
            text, _, comment = split_comment(raw.rstrip("\n"))
            if not text.strip():
                continue
            if "\t" in text:
                raise DefinitionError(where, "a tab: indent with spaces")
            indent = len(text) - len(text.lstrip(" "))
            line = Line(indent, text.strip(), where, comment.strip())
            while stack[-1].indent >= indent:
                stack.pop()
            siblings = stack[-1].children
            if siblings and siblings[0].indent != indent:
                raise DefinitionError(where, "indentation fits no line above")
            siblings.append(line)
            stack.append(line)
    return root.children


def split_comment(raw):
    quoted = False
    for i, c in enumerate(raw):
        if c == '"':
            quoted = not quoted
        elif c == "#" and not quoted:
            return raw[:i].rstrip(), "#", raw[i + 1:]
    return raw, "", ""


SCALARS = {
    # type: bytes
    "u8": 1, "u16": 2, "u24": 3, "u32": 4, "u64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8,
    "bool": 1, "error": 4, "fid": 8, "mid": 8, "cn": 8, "tag": 4, "guid": 16, "filetime": 8, "counter48": 6,
}
STRINGS = {"z8", "z16", "str8", "str16", "bytes"}
KEEPS = {"folder", "message", "notification_types", "whole_store", "name", "columns", "recipient_columns", "row_columns",
         "logon_flags",
         "folder_names", "names", "ids", "target", "notification_flags", "table_event", "session_index"}
DOES = {"release", "logon", "set_columns", "reset_columns", "set_recipients", "name_folder", "name_properties",
        "subscribe", "notify", "pending", "end_of_answers", "progress", "list_folders", "open_table"}
HANDLES = {"in", "out", "other"}
PROTOCOLS = {"rop", "oxcnotif", "mapihttp"}


class Parser:
    def __init__(self, model):
        self.model = model
        self.proto = "rop"
        self.spec = ""

    def unique(self, table, key, item, what):
        if key in table:
            raise DefinitionError(item.where, f"{what} is defined a second time (first at {table[key].where})")
        table[key] = item

    def file(self, path, shown):
        self.proto = "rop"
        self.spec = ""
        for line in read_lines(path, shown):
            tokens = Tokens(line.text, line.where)
            word = tokens.next()
            reader = getattr(self, "read_" + word, None) if word in (
                "spec", "proto", "enum", "flags", "struct", "type", "deviation", "columns", "rop", "reserved",
                "message") else None
            if not reader:
                raise DefinitionError(line.where, f"'{word}' begins no definition")
            reader(line, tokens)
            if tokens.peek() is not None:
                raise DefinitionError(line.where, f"'{tokens.peek()}' does not belong here")

    def leaf(self, line):
        if line.children:
            raise DefinitionError(line.children[0].where, "nothing can be indented under the line above")

    def read_spec(self, line, tokens):
        self.spec = tokens.string()
        self.leaf(line)

    def read_proto(self, line, tokens):
        self.proto = self.protocol(tokens)
        self.leaf(line)

    def protocol(self, tokens):
        name = tokens.identifier("a protocol")
        if name not in PROTOCOLS:
            raise DefinitionError(tokens.where, f"unknown protocol '{name}' (known: {', '.join(sorted(PROTOCOLS))})")
        return name

    def number(self, tokens, limit):
        token = tokens.next()
        if not re.fullmatch(r"0[xX][0-9A-Fa-f]+|\d+", token):
            raise DefinitionError(tokens.where, f"a number expected, not '{token}'")
        value = int(token, 0)
        if value > limit:
            raise DefinitionError(tokens.where, f"{token} is too large (at most 0x{limit:X})")
        return value

    def read_enum(self, line, tokens):
        enum = Enum(tokens.identifier("a name"), line.where)
        self.unique(self.model.enums, enum.name, enum, f"enumeration {enum.name}")
        numbers, names = {}, {}
        for child in line.children:
            t = Tokens(child.text, child.where)
            number = self.number(t, 0xFFFFFFFF)
            name = t.identifier("a name")
            label = t.string() if t.peek() else name
            self.leaf(child)
            if t.peek():
                raise DefinitionError(child.where, f"'{t.peek()}' does not belong here")
            if number in numbers:
                raise DefinitionError(child.where, f"value {number:#x} has a name already: {numbers[number]}")
            if name in names:
                raise DefinitionError(child.where, f"{name} is already the name of {names[name]:#x}")
            numbers[number], names[name] = name, number
            enum.values.append((number, name, label))
        if not enum.values:
            raise DefinitionError(line.where, f"enumeration {enum.name} has no values")

    def read_flags(self, line, tokens):
        name = tokens.identifier("a name")
        width_name = tokens.identifier("a width (u8, u16, u32)")
        if width_name not in ("u8", "u16", "u32"):
            raise DefinitionError(line.where, f"flags are u8, u16 or u32, not '{width_name}'")
        flags = Flags(name, SCALARS[width_name], line.where)
        self.unique(self.model.flags, name, flags, f"flags {name}")
        seen, names = 0, set()
        for child in line.children:
            t = Tokens(child.text, child.where)
            mask = self.number(t, (1 << (8 * flags.width)) - 1)
            bit = Bit(mask, t.identifier("a name"), None, where=child.where)
            while t.peek():
                if t.take("enum"):
                    bit.enum = t.identifier("an enumeration")
                elif t.take("as"):
                    bit.filter = t.identifier("a filter name")
                else:
                    bit.label = t.string()
            self.leaf(child)
            bit.label = bit.label or bit.name
            if mask == 0:
                raise DefinitionError(child.where, "a flag needs at least one bit")
            if mask & seen:
                raise DefinitionError(child.where, f"bits {mask & seen:#x} have a name already")
            if bit.name in names:
                raise DefinitionError(child.where, f"{bit.name} is the name of other bits already")
            seen |= mask
            names.add(bit.name)
            flags.bits.append(bit)
        if not flags.bits:
            raise DefinitionError(line.where, f"flags {name} have no bits")

    def read_type(self, line, tokens):
        ctype = CType(tokens.identifier("a name"), tokens.identifier("a C function"), line.where)
        if ctype.name in SCALARS or ctype.name in STRINGS or ctype.name == "handle":
            raise DefinitionError(line.where, f"{ctype.name} is a type of the language")
        while tokens.peek():
            ctype.args[tokens.identifier("an argument")] = len(ctype.args) + 1
        self.unique(self.model.ctypes, ctype.name, ctype, f"type {ctype.name}")
        self.leaf(line)

    def read_deviation(self, line, tokens):
        deviation = Deviation(tokens.identifier("a name"), tokens.string(), line.where)
        self.unique(self.model.deviations, deviation.name, deviation, f"deviation {deviation.name}")
        if len(self.model.deviations) > 32:
            raise DefinitionError(line.where, "more than 32 deviations")
        self.leaf(line)

    def read_columns(self, line, tokens):
        name = tokens.identifier("a name")
        tags = []
        while tokens.peek():
            tags.append(self.number(tokens, 0xFFFFFFFF))
        columns = Columns(name, tags, line.where)
        if not tags:
            raise DefinitionError(line.where, f"columns {name} name no tag")
        self.unique(self.model.columns, name, columns, f"columns {name}")
        self.leaf(line)

    def read_reserved(self, line, tokens):
        rop = Rop(self.number(tokens, 0xFF), tokens.identifier("a name"), line.where, line.ref, "rop")
        self.unique(self.model.reserved, rop.id, rop, f"reserved RopId {rop.id:#04x}")
        self.leaf(line)

    def read_struct(self, line, tokens):
        name = tokens.identifier("a name")
        if name in SCALARS or name in STRINGS or name == "handle":
            raise DefinitionError(line.where, f"{name} is a type of the language")
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
        if not form.fields:
            raise DefinitionError(line.where, f"structure {name} has no fields")

    def reference(self, line):
        if not line.ref:
            raise DefinitionError(line.where, "the section of the specification is missing (# MS-… n.n.n)")
        return self.section(line)

    def section(self, line):
        return line.ref if line.ref.startswith("MS-") or not self.spec or not line.ref else f"{self.spec} {line.ref}"

    def read_rop(self, line, tokens):
        rop = Rop(self.number(tokens, 0xFF), tokens.identifier("a name"), line.where, self.reference(line), self.proto)
        rop.trailer = tokens.take("trailer")
        self.unique(self.model.rops, rop.id, rop, f"RopId {rop.id:#04x}")
        short = rop.name[3:] if rop.name.startswith("Rop") else rop.name
        prefix = f"rop.{snake(short)}" if self.proto == "rop" else self.proto
        self.directions(rop, line, prefix)

    def read_message(self, line, tokens):
        message = Message(tokens.identifier("a name"), line.where, self.reference(line), self.proto)
        self.unique(self.model.messages, message.name.lower(), message, f"message {message.name}")
        self.directions(message, line, self.proto)

    def directions(self, owner, line, prefix):
        for child in line.children:
            t = Tokens(child.text, child.where)
            word = t.next()
            if word in ("request", "response"):
                if getattr(owner, word):
                    raise DefinitionError(child.where, f"{owner.name} has two {word}s")
                form = Form(f"{owner.name} {word}", child.where, prefix, self.proto, label=owner.name)
                setattr(owner, word, form)
                self.fields(form, child.children, None)
            elif word == "does" and isinstance(owner, Rop):
                verb = t.identifier("a word")
                if verb not in DOES:
                    raise DefinitionError(child.where, f"'{verb}' is nothing a ROP does (known: {', '.join(sorted(DOES))})")
                owner.does.append(verb)
                self.leaf(child)
            elif word == "rows" and isinstance(owner, Rop):
                kind = t.identifier("where the columns come from")
                if kind not in ("columns", "request", "recipients", "fixed"):
                    raise DefinitionError(child.where, f"rows are by columns, request, recipients or fixed, not '{kind}'")
                owner.rows = (kind, t.identifier("columns") if kind == "fixed" else None)
                self.leaf(child)
            elif word == "answered" and isinstance(owner, Rop):
                owner.answered_as = self.number(t, 0xFF)
                self.leaf(child)
            else:
                raise DefinitionError(child.where, f"'{word}' does not belong here")
            if t.peek() is not None:
                raise DefinitionError(child.where, f"'{t.peek()}' does not belong here")
        if not owner.request and not owner.response:
            raise DefinitionError(line.where, f"{owner.name} has neither request nor response")

    def fields(self, form, lines, cond):
        otherwise = None        # what an 'else' in the next line means
        for line in lines:
            if line.text == "else":
                if otherwise is None:
                    raise DefinitionError(line.where, "'else' needs a 'when' right before it")
                self.block(form, line, cond, otherwise)
                otherwise = None
            elif line.text.startswith("when "):
                t = Tokens(line.text[5:], line.where)
                own = parse_expression(t)
                if t.peek() is not None:
                    raise DefinitionError(line.where, f"'{t.peek()}' does not belong here")
                if is_positional(own):
                    # Asked again behind the first field of the block the answer would be another.
                    decision = Field("", "decision", line.where, array=own, cond=cond)
                    form.fields.append(decision)
                    own = ("decided", decision)
                self.block(form, line, cond, own)
                otherwise = ("!", own)
            else:
                self.leaf(line)
                form.fields.append(self.field(line, cond))
                otherwise = None

    def block(self, form, line, cond, own):
        if not line.children:
            raise DefinitionError(line.where, f"nothing stands under this '{line.text.split()[0]}'")
        self.fields(form, line.children, own if cond is None else ("&&", cond, own))

    def field(self, line, cond):
        t = Tokens(line.text, line.where)
        f = Field(t.identifier("a field name"), None, line.where)
        f.type = t.identifier("a type")
        if f.type == "handle":
            f.arg = t.identifier("in, out or other")
            if f.arg not in HANDLES:
                raise DefinitionError(line.where, f"a handle is in, out or other, not '{f.arg}'")
            if f.arg == "out":
                f.kind = t.string()
        elif t.take("("):
            f.arg = t.identifier("an argument")
            t.expect(")")
        if t.take("["):
            if t.take("]"):
                f.array = "rest"
            else:
                f.array = parse_expression(t)
                t.expect("]")
        own = None
        while t.peek() is not None:
            word = t.next()
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
                    raise DefinitionError(line.where, f"'{f.keep}' is nothing that is kept (known: {', '.join(sorted(KEEPS))})")
            elif word == "size":
                f.size = parse_expression(t)
            elif word == "label":
                f.label = t.string()
            elif word == "info":
                f.info = True
            elif word == "hex":
                f.hex = True
            elif word == "if":
                own = parse_expression(t)
            else:
                raise DefinitionError(line.where, f"'{word}' does not belong here")
        if cond is not None and own is not None:
            f.cond = ("&&", cond, own)
        else:
            f.cond = own if cond is None else cond
        return f


def snake(name):
    """The specification's name as a filter name: TableRowFolderID -> table_row_folder_id."""
    name = re.sub(r"IDs\b", "Ids", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().replace("__", "_")
