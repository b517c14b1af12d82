#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the definitions and translates them into C tables and the field reference.

usage: compile.py [--check] [--out FOLDER] [--reference FILE] [--stats] FOLDER_OR_FILE...
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from check import Checker                                   # noqa: E402
from emit import Emitter                                    # noqa: E402
from lang import Parser                                     # noqa: E402
from model import DefinitionError, DefinitionErrors, Errors, Model      # noqa: E402


def read_table(path: pathlib.Path, key: int, names: tuple[int, ...]) -> tuple[dict[int, str], dict[str, int]]:
    """Rows of a tab-separated table as {number: first usable name}, and {any name: number}."""
    by_value: dict[int, str] = {}
    by_name: dict[str, int] = {}
    if not path.exists():
        return by_value, by_name
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        cells = line.split("\t")
        if cells[key] == "-":           # known by its id only
            continue
        try:
            value = int(cells[key], 16)
        except (ValueError, IndexError):
            raise DefinitionError(f"{path.name}:{number}", f"no number in '{line}'") from None
        for cell in names:
            for name in cells[cell].split("|") if cell < len(cells) else ():
                if name.strip():
                    by_value.setdefault(value, name.strip())
                    by_name.setdefault(name.strip(), value)
    return by_value, by_name


def read_named_properties(path: pathlib.Path) -> dict[str, list[tuple[int, str]]]:
    """{property set: sorted [(LID, name)]} of a tab-separated table."""
    sets: dict[str, dict[int, str]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or not line.strip():
            continue
        try:
            digits, property_set, name, _ = line.split("\t")
            lid = int(digits, 16)
        except ValueError:
            raise DefinitionError(f"{path.name}:{number}", f"not a LID, a set, a name, a section: '{line}'") from None
        if lid in sets.setdefault(property_set, {}):
            raise DefinitionError(f"{path.name}:{number}", f"{lid:#x} of {property_set} has a name already")
        sets[property_set][lid] = name
    return {property_set: sorted(names.items()) for property_set, names in sorted(sets.items())}


def compile_definitions(paths: list[pathlib.Path], tables: pathlib.Path) -> tuple[Model, Checker, Emitter]:
    tags, tag_names = read_table(tables / "property-tags.tsv", 0, (4, 5))
    errors, error_names = read_table(tables / "error-codes.tsv", 0, (1,))
    model, collected = Model(), Errors()
    Parser(model, collected).files(paths)
    checker = Checker(model, error_names, tag_names, collected)
    checker.run()
    collected.check([path.name for path in paths])
    return model, checker, Emitter(model, checker, sorted(tags.items()), sorted(errors.items()),
                                   read_named_properties(tables / "named-properties.tsv"))


def main() -> int:
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", type=pathlib.Path)
    ap.add_argument("--check", action="store_true", help="only check")
    ap.add_argument("--reference", type=pathlib.Path, help="write the field reference to this file")
    ap.add_argument("--stats", action="store_true", help="print how much is defined, and what is left to C")
    ap.add_argument("paths", nargs="+", type=pathlib.Path)
    args = ap.parse_args()
    tables = pathlib.Path(__file__).resolve().parent
    files = []
    for path in args.paths:
        files += sorted(path.glob("*.def")) if path.is_dir() else [path]
    try:
        model, checker, emitter = compile_definitions(files, tables)
        texts = {"ropdefs.c": emitter.c_file(), "ropdefs_names.c": emitter.names_file(), "ropdefs.h": emitter.h_file(),
                 "fields.md": emitter.reference()}
    except (DefinitionError, DefinitionErrors, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if args.reference and not args.check:
        args.reference.write_text(texts["fields.md"], encoding="utf-8")
    if args.out and not args.check:
        args.out.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (args.out / name).write_text(text, encoding="utf-8")
    if args.stats:
        by_c = {r.name for r in model.rops.values() for form in (r.request, r.response) if form
                for f in checker.inside(form) if f.type in model.ctypes}
        print(f"{len(model.rops)} ROPs, {len(model.messages)} messages, {len(model.structs)} structures; "
              f"{len(by_c)} ROPs use one of {len(model.ctypes)} types written in C")
    return 0


if __name__ == "__main__":
    sys.exit(main())
