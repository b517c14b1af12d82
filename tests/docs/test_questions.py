# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/questions.md shows what tshark prints, and names only filters that there are."""

from __future__ import annotations

import re
import shlex

import pytest
from tshark import REPOSITORY

PAGE = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ (.+)\n((?:.*\n)*?)```", PAGE)


def plain(line):
    """White space does not count: fields are separated by tabs, tables are padded."""
    return " ".join(line.split())


def test_every_question_has_an_example():
    questions = re.split(r"^## ", PAGE, flags=re.M)[1:]
    assert len(questions) == 11
    assert all("```console" in question for question in questions)


@pytest.mark.parametrize("command,shown", EXAMPLES, ids=[str(n) for n in range(len(EXAMPLES))])
def test_example(tshark, command, shown):
    program, *args = shlex.split(command)
    assert program == "tshark"
    args = [str(tshark.readable(REPOSITORY / arg)) if arg.startswith("test-captures/") else arg for arg in args]
    printed = iter([plain(line) for line in tshark.run(["-n", *args]).stdout.splitlines()])
    for line in map(plain, shown.splitlines()):
        start = line.removesuffix("…").rstrip()
        # In this order, and others may stand between.
        assert any(text.startswith(start) if line.endswith("…") else text == line for text in printed), line


def test_filters_exist(tshark):
    named = set(re.findall(r"\b(?:oxcnotif|mapihttp|emsmdb|asyncemsmdb|rop)\.[a-z0-9_.]*[a-z0-9_]",
                           re.sub(r"\S+\.pcapng", "", PAGE)))
    assert len(named) > 30
    assert named - tshark.registered() == set()
