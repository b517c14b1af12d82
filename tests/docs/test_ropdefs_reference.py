# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/fields.md is what the definitions make of it, and what tshark knows."""

import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "docs" / "fields.md"

import compile as compiler


def test_is_up_to_date():
    _, _, emitter = compiler.compile_definitions(sorted((REPOSITORY / "ropdefs").glob("*.def")), REPOSITORY / "ropdefs")
    emitter.c_file()
    assert REFERENCE.read_text(encoding="utf-8") == emitter.reference(), \
        "run: python3 ropdefs/compile.py --reference docs/fields.md ropdefs"


def test_filters_are_registered(tshark):
    filters = set(re.findall(r"\| `([a-z0-9_.]+)` \| FT_", REFERENCE.read_text(encoding="utf-8")))
    assert len(filters) > 500
    assert not filters - tshark.registered()
