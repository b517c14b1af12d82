# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the C tables, the header-field registrations and the field reference."""

import itertools
from collections.abc import Iterable
from typing import Any

from check import Checker, Header
from expression import Node
from model import SCALARS, Field, Form, Model, snake

C_TYPES = {"bool": "BOOL", "fid": "FOLDER_ID", "mid": "ID", "cn": "ID", "tag": "TAG", "guid": "GUID",
           "filetime": "FILETIME", "counter48": "COUNTER", "z8": "STRINGZ_8", "z16": "STRINGZ_16", "str8": "STRING_8",
           "str16": "STRING_16", "bytes": "BYTES", "handle": "HANDLE", "buffer": "BUFFER"}
MADE = ("/* Made from ropdefs/ by ropdefs/compile.py: change the definitions, not this file.\n *\n"
        " * SPDX-License-Identifier: GPL-2.0-or-later\n */\n\n")

# What an expression asks for, in C.
CALLS = {"left": "(uint64_t)(r->end - offset)", "next16": "oxc_next(r, offset, 2)", "next32": "oxc_next(r, offset, 4)",
         "boundary": "oxc_boundary(r, offset, {0})", "left_out": "oxc_left_out(r, s, offset, {0})",
         "private": "oxc_store_is(r, s, OXC_STORE_PRIVATE)", "public": "oxc_store_is(r, s, OXC_STORE_PUBLIC)",
         "unknown_store": "oxc_store_is(r, s, OXC_STORE_UNKNOWN)", "deviation": "oxc_deviates(r, {0})"}
EXT_FROM = 24       # a linear search is as good for shorter lists


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def minus_ones(count: int) -> str:
    """What field and subtree numbers are before they are registered."""
    return "".join("    " + "-1, " * min(24, count - i) + "\n" for i in range(0, count, 24)).replace(", \n", ",\n")


def shown(form: Form) -> list[Field]:
    """The fields that stand in the tree."""
    return [f for f in form.fields if f.header]


def balanced(text: str) -> bool:
    """Whether each parenthesis that closes was opened before."""
    depth = 0
    for c in text:
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth < 0:
            return False
    return True


class Emitter:
    def __init__(self, model: Model, checker: Checker, tags: list[tuple[int, str]], errors: list[tuple[int, str]],
                 named: dict[str, list[tuple[int, str]]]) -> None:
        self.model = model
        self.checker = checker
        self.tags = tags            # sorted (tag, name)
        self.errors = errors        # sorted (value, name)
        self.named = named          # {property set: sorted (LID, name)}
        self.functions: dict[str, str] = {}         # C expression -> name of its function
        self.flag_tables: dict[tuple[int, ...], tuple[int, str, list[Header], Any]] = {}
        self.etts = 0

    # ---- expressions ----

    def expression(self, node: Node) -> str | None:
        """Name of the C function that works the expression out; equal expressions have one."""
        if not isinstance(node, tuple):
            return None
        text = self.c_expression(node)
        return self.functions.setdefault(text, f"expression_{len(self.functions)}")

    def c_expression(self, node: Node) -> str:
        word = node[0]
        if word == "const":
            return f"{node[1]:#x}"
        if word == "slot":
            return f"s->slots[{node[1]}]"
        if word == "call":
            arg: Any = None if node[2] is None else node[2] if isinstance(node[2], str) else self.c_expression(node[2])
            if node[1] == "deviation":
                arg = list(self.model.deviations).index(node[2])
            return CALLS[node[1]].format(arg)
        if word == "!":
            return f"!{self.c_expression(node[1])}"
        left, right = (self.c_expression(n) for n in node[1:])
        if word in ("<<", ">>"):
            return f"({right} < 64 ? {left} {word} {right} : 0)"
        return f"({left} {word} {right})"

    def expressions(self, out: list[str]) -> None:
        """Functions of the type ropdef_expression_fn."""
        for text, name in self.functions.items():
            text = text[1:-1] if text.startswith("(") and text.endswith(")") and balanced(text[1:-1]) else text
            out.append(f"static uint64_t\n{name}(oxc_read_t *r _U_, oxc_form_state_t *s _U_, int offset _U_)\n{{\n"
                       f"    return {text};\n}}\n\n")

    # ---- C ----

    def strings(self, name: str) -> tuple[str, str]:
        if name is None:
            return "NULL", ""
        if name == "!errors":
            return "&ropdef_error_vals_ext", " | BASE_EXT_STRING"
        enum = self.model.enums[name]
        if len(enum.values) >= EXT_FROM:
            return f"&vals_{name}_ext", " | BASE_EXT_STRING"
        return f"VALS(vals_{name})", ""

    def header_row(self, h: Header) -> str:
        strings, ext = self.strings(h.strings)
        return (f"    {{ &hf[{h.index}], {{ {c_string(h.label)}, {c_string(h.filter)}, {h.ftype}, {h.display}{ext}, "
                f"{strings}, 0x{h.mask:x}, {c_string(h.note) if h.note else 'NULL'}, HFILL }} }},  /* {h.where} */\n")

    def ett(self) -> str:
        self.etts += 1
        return f"&ett[{self.etts - 1}]"

    def flags_table(self, f: Field) -> str:
        key = tuple(b.index for b in f.bits)
        if key not in self.flag_tables:
            enums = [b for b in self.model.flags[f.flags].bits if b.enum]
            self.flag_tables[key] = (len(self.flag_tables), self.ett(), f.bits, enums[0] if enums else None)
        return f"&bits_{self.flag_tables[key][0]}"

    @staticmethod
    def is_scalar(f: Field) -> bool:
        """Whether a field is one number that stands behind the field before."""
        return f.type in SCALARS and all(n is None for n in (f.array, f.size, f.at))

    @classmethod
    def is_plain(cls, f: Field) -> bool:
        """Whether a field is always there, has always the same size, and matters to nobody who does not see it."""
        return (cls.is_scalar(f) and f.cond is None and not f.keep and not f.slot
                and f.name not in ("ReturnValue", "LogonId"))

    def run(self, form: Form, f: Field) -> tuple[int, int]:
        """How many plain fields stand together from this one on, and their bytes."""
        at = form.fields.index(f)
        plain = list(itertools.takewhile(self.is_plain, form.fields[at:]))
        return len(plain), sum(SCALARS[f.type] for f in plain)

    def field_row(self, form: Form, f: Field) -> str:
        m = self.model
        if f.type == "decision":
            follows = form.fields[form.fields.index(f) + 1]
            return self.row(f, name=c_string(follows.name), type="ROPDEF_DECISION", slot=f.slot,
                            cond=self.expression(f.cond), count=self.expression(f.array))
        flags: list[str] = []
        ref, kind = 0, SCALARS.get(f.type, 0)
        arg: Any = 0
        if f.type in C_TYPES:
            ctype = C_TYPES[f.type]
        elif f.type in SCALARS:
            ctype = "INT" if f.type[0] == "i" else "UINT"
        elif f.type in m.structs:
            ctype, ref = "STRUCT", m.structs[f.type].index
        else:
            ctype, ref = "C_TYPE", list(m.ctypes).index(f.type)
            arg = m.ctypes[f.type].args.get(f.arg, 0)
        if f.type == "handle" and f.arg in ("in", "out"):
            flags.append(f"ROPDEF_HANDLE_{f.arg.upper()}")
        if f.type == "buffer":
            arg = f"ROPDEF_BUFFER_{f.arg.upper()}"
        if f.array is not None and f.type not in ("bytes", "str8", "str16"):
            flags.append("ROPDEF_ARRAY")
        if self.is_scalar(f):
            flags.append("ROPDEF_SCALAR")
        if f.info:
            flags.append("ROPDEF_INFO")
        if f.latin1:
            flags.append("ROPDEF_LATIN1")
        if f.name == "ReturnValue" and f.type == "error" and not form.is_struct:
            flags.append("ROPDEF_IS_RETURN_VALUE")
        if f.name == "LogonId" and not form.is_struct:
            flags.append("ROPDEF_IS_LOGON_ID")
        run, run_size = self.run(form, f)
        return self.row(
            f, name=c_string(f.name), hf=f.header and f"&hf[{f.header.index}]", type=f"ROPDEF_{ctype}",
            size=1 if f.type == "handle" else kind, flags=" | ".join(flags), keep=f.keep and f"ROPDEF_KEEP_{f.keep.upper()}",
            slot=f.slot, run=run, run_size=run_size, cond=self.expression(f.cond), count=self.expression(f.array),
            limit=self.expression(f.size), at=self.expression(f.at), ref=ref, arg=arg,
            bits=f.flags and self.flags_table(f), names=(f.enum or f.each) and f"vals_{f.enum or f.each}",
            kind=f.kind and c_string(f.kind))

    @staticmethod
    def row(f: Field, **members: Any) -> str:
        """An initialiser of what is not 0."""
        text = ", ".join(f".{name} = {value}" for name, value in members.items() if value)
        return f"    {{ {text} }},  /* {f.where} */\n"

    def c_file(self) -> str:
        m, c = self.model, self.checker
        protocols = sorted({h.filter.split(".")[0] for h in c.headers.values()})
        by_proto = {p: [h for h in c.headers.values() if h.filter.split(".")[0] == p] for p in protocols}
        index = 0
        for p in protocols:
            for h in by_proto[p]:
                h.index = index
                index += 1
        forms = [(form, "".join(self.field_row(form, f) for f in form.fields)) for form in c.forms]
        form_etts = [self.ett() for _ in forms]

        out = [MADE + "#include \"ropdefs.h\"\n#include \"rop/expression.h\"\n#include \"rop/property.h\"\n\n"
               "#include <string.h>\n\n"]
        out.append(f"static int hf[] = {{\n{minus_ones(index)}}};\nstatic int ett[] = {{\n{minus_ones(self.etts)}}};\n\n")
        self.enumerations(out, {h.strings for h in c.headers.values()} | {f.each for form in c.forms for f in form.fields})
        for number, (n, ett, bits, enum) in enumerate(self.flag_tables.values()):
            out.append(f"static int *const bit_list_{n}[] = {{ {', '.join(f'&hf[{b.index}]' for b in bits)}, NULL }};\n")
            info = f"0x{enum.mask:x}, vals_{enum.enum}" if enum else "0, NULL"
            out.append(f"static const ropdef_flags_t bits_{n} = {{ {ett}, bit_list_{n}, {info} }};\n")
        out.append("\n")
        self.expressions(out)
        for i, (form, rows) in enumerate(forms):
            rows = rows or "    { .name = NULL },\n"      # C has no empty array
            out.append(f"static const ropdef_field_t fields_{i}[] = {{  /* {form.name}, {form.where} */\n{rows}}};\n")
        out.append("\nconst ropdef_form_t ropdef_forms[] = {\n")
        for i, (form, _) in enumerate(forms):
            out.append(f"    {{ {c_string(form.label or form.name)}, fields_{i}, {len(form.fields)}, {form_etts[i]} }},\n")
        out.append("};\n\nconst oxc_type_fn ropdef_c_types[] = {\n")
        out.extend(f"    {t.function},\n" for t in m.ctypes.values())
        out.append("    NULL\n};\n\nconst char *const ropdef_deviations[] = {\n")
        out.extend(f"    {c_string(d.text)},\n" for d in m.deviations.values())
        out.append("    NULL\n};\n")
        for col in m.columns.values():
            out.append(f"\nstatic const uint32_t column_tags_{col.name}[] = {{ {', '.join(f'0x{t:08x}' for t in col.tags)} }};\n"
                       f"static const oxc_columns_t columns_{col.name} = {{ 0, {len(col.tags)}, column_tags_{col.name} }};\n")
        self.rops(out)
        self.messages(out)
        self.blocks(out)
        for p in protocols:
            out.append(f"static hf_register_info headers_{p}[] = {{\n{''.join(self.header_row(h) for h in by_proto[p])}}};\n\n")
        out.append("void\nropdefs_register(const char *protocol)\n{\n    int proto = proto_get_id_by_filter_name(protocol);\n\n")
        for p in protocols:
            out.append(f"    if (strcmp(protocol, \"{p}\") == 0)\n"
                       f"        proto_register_field_array(proto, headers_{p}, (int)G_N_ELEMENTS(headers_{p}));\n")
        out.append("}\n\nvoid\nropdefs_register_subtrees(void)\n{\n    static int *etts[G_N_ELEMENTS(ett)];\n\n"
                   "    for (size_t i = 0; i < G_N_ELEMENTS(ett); i++)\n        etts[i] = &ett[i];\n"
                   "    proto_register_subtree_array(etts, (int)G_N_ELEMENTS(etts));\n}\n")
        return "".join(out)

    def enumerations(self, out: list[str], names: set[Any]) -> None:
        for enum in self.model.enums.values():
            if enum.name not in names:
                continue
            self.value_string(out, f"vals_{enum.name}", [(v, label) for v, _, label in sorted(enum.values)])
            if len(enum.values) >= EXT_FROM:
                out.append(f"static value_string_ext vals_{enum.name}_ext = VALUE_STRING_EXT_INIT(vals_{enum.name});\n\n")

    @staticmethod
    def value_string(out: list[str], name: str, rows: Iterable[tuple[int, str]], storage: str = "static ") -> None:
        out.append(f"{storage}const value_string {name}[] = {{\n")
        out.extend(f"    {{ 0x{value:x}, {c_string(text)} }},\n" for value, text in rows)
        out.append("    { 0, NULL }\n};\n\n")

    def names_file(self) -> str:
        """Names of numbers, which refer to nothing else: what shows values needs them, and no forms."""
        m = self.model
        out = [MADE + "#include \"ropdefs.h\"\n\n"]
        ids: dict[int, str] = {}
        for tag, name in self.tags:
            ids.setdefault(tag >> 16, name)
        rops = sorted([(r.id, r.name) for r in m.rops.values()] + [(r.id, f"{r.name} (reserved)") for r in m.reserved.values()])
        for array, rows in (("property_tag", self.tags), ("property_id", sorted(ids.items())), ("error", self.errors),
                            ("rop", rops)):
            self.value_string(out, f"{array}_vals", rows)
            out.append(f"value_string_ext ropdef_{array}_vals_ext = VALUE_STRING_EXT_INIT({array}_vals);\n\n")
        blocks = {number: label for block in m.blocks.values() for number, _, label in block.types}
        self.value_string(out, "ropdef_block_vals", sorted(blocks.items()), storage="")
        self.named_properties(out)
        self.enumerations(out, {p.enum for p in m.properties.values()})
        self.property_values(out)
        return "".join(out)

    def named_properties(self, out: list[str]) -> None:
        for number, names in enumerate(self.named.values()):
            out.append(f"static const value_string lids_{number}[] = {{\n")
            out.extend(f"    {{ 0x{lid:08x}, {c_string(name)} }},\n" for lid, name in names)
            out.append(f"    {{ 0, NULL }}\n}};\nstatic value_string_ext lids_{number}_ext = "
                       f"VALUE_STRING_EXT_INIT(lids_{number});\n\n")
        out.append("const ropdef_property_set_t ropdef_property_sets[] = {\n")
        out.extend(f"    {{ {c_string(name)}, &lids_{number}_ext }},\n" for number, name in enumerate(self.named))
        out.append("    { NULL, NULL }\n};\n\n")

    def rops(self, out: list[str]) -> None:
        out.append("\n")
        for rop in sorted(self.model.rops.values(), key=lambda r: r.id):
            does = " | ".join(f"ROPDEF_DOES_{d.upper()}" for d in rop.does) or "0"
            rows, fixed = "NONE", "NULL"
            if rop.rows:
                rows = rop.rows[0].upper()
                fixed = f"&columns_{rop.rows[1]}" if rop.rows[1] else "NULL"
            out.append(f"static const ropdef_rop_t rop_{rop.id:02x} = {{  /* {rop.where}: {rop.ref} */\n"
                       f"    0x{rop.id:02x}, {c_string(rop.name)}, {str(rop.trailer).lower()}, "
                       f"{str(rop.proto == 'oxcnotif').lower()}, "
                       f"{rop.request.index if rop.request else -1}, {rop.response.index if rop.response else -1}, "
                       f"{does}, ROPDEF_ROWS_{rows}, {fixed}, "
                       f"{rop.answered_as if rop.answered_as is not None else -1}\n}};\n")
        out.append("\nconst ropdef_rop_t *const ropdef_rops[256] = {\n")
        out.extend(f"    [0x{i:02x}] = &rop_{i:02x},\n" for i in sorted(self.model.rops))
        out.append("};\n\n")

    def messages(self, out: list[str]) -> None:
        out.append("const ropdef_message_t ropdef_messages[] = {\n")
        for m in self.model.messages.values():
            address_book = str("emsmdb" not in m.endpoints).lower()
            forms = f"{m.request.index}, {m.response.index}" if m.request else "-1, -1"
            out.append(f"    {{ {c_string(m.name)}, OXC_CALL_{m.does.upper()}, {address_book}, {forms} }},"
                       f"  /* {m.where}: {m.ref} */\n")
        out.append("    { NULL, OXC_CALL_OTHER, false, -1, -1 }\n};\n\n")

    def blocks(self, out: list[str]) -> None:
        out.append("const ropdef_block_t ropdef_blocks[] = {\n")
        for (number, version), block in self.model.blocks.items():
            out.append(f"    {{ 0x{number:02x}, {version}, {block.form.index} }},  /* {block.where}: {block.form.ref} */\n")
        out.append("    { 0, 0, -1 }\n};\n\n")

    def property_values(self, out: list[str]) -> None:
        for name in dict.fromkeys(p.flags for p in self.model.properties.values() if p.flags):
            self.value_string(out, f"bit_names_{name}", [(bit.mask, bit.label) for bit in self.model.flags[name].bits])
        out.append("const ropdef_property_t ropdef_properties[] = {\n")
        for p in self.model.properties.values():
            out.append(f"    {{ 0x{p.id:04x}, {str(bool(p.flags)).lower()}, "
                       f"{f'bit_names_{p.flags}' if p.flags else f'vals_{p.enum}'} }},  /* {p.where}: {p.name} */\n")
        out.append("    { 0, false, NULL }\n};\n\n")

    def h_file(self) -> str:
        m = self.model
        forms = "".join(f"    ROPDEF_STRUCT_{snake(s.name).upper()} = {s.index},\n" for s in m.structs.values())
        args = "".join(f"    ROPDEF_{snake(t.name).upper()}_{snake(a).upper()} = {n},\n"
                       for t in m.ctypes.values() for a, n in t.args.items())
        return f"""{MADE}#ifndef ROPDEFS_H
#define ROPDEFS_H

#include "rop/tables.h"

/* Structures by name, and arguments of C types. */
enum {{
{forms}{args}    ROPDEF_DEVIATION_COUNT = {len(m.deviations)}
}};

extern const ropdef_form_t ropdef_forms[];
extern const oxc_type_fn ropdef_c_types[];
extern const char *const ropdef_deviations[];           /* what each says in the tree */
extern const ropdef_rop_t *const ropdef_rops[256];      /* by RopId; NULL where there is no definition */
extern const ropdef_message_t ropdef_messages[];        /* ends with a NULL name */
extern const ropdef_block_t ropdef_blocks[];            /* ends with form -1 */
extern const value_string ropdef_block_vals[];          /* types of blocks */
extern value_string_ext ropdef_rop_vals_ext;
extern value_string_ext ropdef_property_tag_vals_ext;
extern value_string_ext ropdef_property_id_vals_ext;
extern value_string_ext ropdef_error_vals_ext;
extern const ropdef_property_t ropdef_properties[];     /* ends with NULL names */
extern const ropdef_property_set_t ropdef_property_sets[];      /* ends with a NULL name */

/* Registers the header fields that the definitions have for a protocol, by its filter name; it must be registered. */
void ropdefs_register(const char *protocol);

/* Registers the subtrees of all definitions. */
void ropdefs_register_subtrees(void);

#endif /* ROPDEFS_H */
"""

    # ---- field reference ----

    def meaning(self, f: Field) -> str:
        """What values a field has, in one cell of a table."""
        enum = self.model.enums.get(f.enum or f.each)
        if enum:
            return ", ".join(f"{value:#x} {label}" for value, _, label in sorted(enum.values))
        if f.type in self.model.structs:
            return f"[{f.type}](#{f.type.lower()})"
        return f.type if f.type in self.model.ctypes or f.type in ("fid", "mid", "cn", "tag", "error") else ""

    def reference_rows(self, forms: list[tuple[Form, str]]) -> Iterable[tuple[tuple[str, str, str, str], list[str]]]:
        """field, filter, type, values -> the directions it occurs in"""
        rows: dict[tuple[str, str, str, str], list[str]] = {}
        for form, word in forms:
            for f in shown(form):
                rows.setdefault((f.name, f.header.filter, f.header.ftype, self.meaning(f)), []).append(word)
                for b, bit in zip(f.bits or (), self.model.flags[f.flags].bits if f.flags else ()):
                    values = self.model.enums[bit.enum].values if bit.enum else ()
                    text = ", ".join(f"{value:#x} {label}" for value, _, label in values) or b.label
                    rows.setdefault((f"{f.name}.{bit.name}", b.filter, b.ftype, f"`{bit.mask:#x}` {text}"), []).append(word)
        return rows.items()

    def reference(self) -> str:
        out = ["<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n# Field reference\n\n"
               "Made from the definitions in `ropdefs/` by `ropdefs/compile.py --reference`. Types are Wireshark's. "
               "A filter name means the same wherever it occurs. Fields of property values, restrictions, recipients, "
               "transports and links are made in C; `tshark -G fields` lists all.\n"]
        owners: list[tuple[Any, str]] = [(r, f"`0x{r.id:02X}` {r.name}") for r in sorted(self.model.rops.values(), key=lambda r: r.id)]
        owners += [(m, m.name) for m in self.model.messages.values()]
        for owner, title in owners:
            forms = [(form, word) for form, word in ((owner.request, "request"), (owner.response, "response")) if form]
            if not any(shown(form) for form, _ in forms):
                out.append(f"\n## {title}\n\n{owner.ref}: {'nothing but the auxiliary buffer' if forms else 'no body'}\n")
                continue
            out.append(f"\n## {title}\n\n{owner.ref}\n\n| field | filter | type | values | in |\n|---|---|---|---|---|\n")
            out.extend(f"| {name} | `{filt}` | {ftype} | {values} | {', '.join(dict.fromkeys(words))} |\n"
                       for (name, filt, ftype, values), words in self.reference_rows(forms))
        for block in {id(b): b for b in self.model.blocks.values()}.values():
            versions = "" if block.versions == [1] else f", version {' and '.join(map(str, block.versions))}"
            out.append(f"\n## Auxiliary block {', '.join(f'`0x{n:02X}` {name}' for n, name, _ in block.types)}{versions}\n\n"
                       f"{block.form.ref}\n")
            if block.form.fields:
                out.append("\n| field | filter | type | values |\n|---|---|---|---|\n")
            out.extend(f"| {name} | `{filt}` | {ftype} | {values} |\n"
                       for (name, filt, ftype, values), _ in self.reference_rows([(block.form, "")]))
        out.append("\n# Numbers of properties\n\n| property | values |\n|---|---|\n")
        for p in self.model.properties.values():
            if p.enum:
                names = (f"{value:#x} {label}" for value, _, label in sorted(self.model.enums[p.enum].values))
            else:
                names = (f"`{bit.mask:#x}` {bit.label}" for bit in self.model.flags[p.flags].bits)
            out.append(f"| `0x{p.id:04X}` {p.name} | {', '.join(names)} |\n")
        out.append("\n# Structures\n")
        for s in self.model.structs.values():
            out.append(f"\n## {s.name}\n\n{s.ref}\n\n| field | filter | type | values |\n|---|---|---|---|\n")
            out.extend(f"| {name} | `{filt}` | {ftype} | {values} |\n"
                       for (name, filt, ftype, values), _ in self.reference_rows([(s, "")]))
        return "".join(out)
