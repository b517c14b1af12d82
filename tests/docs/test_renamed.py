# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/renamed.md names every filter that is gone, and what to use instead."""

import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
LIST = REPOSITORY / "docs" / "renamed.md"
BEFORE = pathlib.Path(__file__).resolve().parent / "filters-before.txt"


def rows(title: str) -> list[tuple[str, str]]:
    """The table under a heading: the names of filters in its two columns."""
    part = LIST.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z0-9_.]+)[^`]*` \| `([a-z0-9_.]+)[^`]*` \|$", part, re.M)


def test_names_every_filter_that_is_gone(tshark):
    gone = set(BEFORE.read_text(encoding="utf-8").split()) - tshark.registered()
    assert gone == {before for before, _ in rows("Gone")}


def test_names_filters_that_exist(tshark):
    table = rows("Gone") + rows("Values that are bits")
    assert len(table) > 10
    assert not {now for _, now in table} - tshark.registered()


def test_bits_belong_to_their_field(tshark):
    for before, now in rows("Values that are bits"):
        assert before in tshark.registered()
        assert now.startswith(before + ".")
