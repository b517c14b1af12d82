# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/guide: exit statuses, and an answer to each complaint; test_examples.py compares its examples with what is printed."""

from __future__ import annotations

import re

from tshark import REPOSITORY

GUIDE = REPOSITORY / "docs" / "guide"


def test_exit_statuses_are_those_of_the_command():
    import command  # noqa: F401  (sets the path)
    from oxcnotif.errors import Status

    documented = re.findall(r"^\| (\d) \|", (GUIDE / "command.md").read_text(encoding="utf-8"), flags=re.M)
    assert [int(number) for number in documented] == [int(status) for status in Status]


def test_every_complaint_has_an_answer():
    """The table of what people say links to a section of its own, each with real output."""
    text = (GUIDE / "README.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\d+)\. (.*)\n((?:(?!## ).*\n)*)", text, flags=re.M)
    listed = re.findall(r"^\| (.*) \| \[(\d+)\]\(#(.*)\) \|", text, flags=re.M)
    assert [(number, said) for said, number, _ in listed] == [(number, said) for number, said, _ in sections] and len(listed) >= 5
    for _, _, body in sections:
        assert "```console" in body
    for said, number, anchor in listed:
        assert anchor == re.sub(r"[^a-z0-9 -]", "", f"{number}. {said}".lower()).replace(" ", "-")
