# SPDX-License-Identifier: GPL-2.0-or-later
"""Each command of tshark in README.md and docs/ that is followed by its output prints that."""

from __future__ import annotations

import re
import shlex

import pytest

import tshark as tools

# test_questions.py has docs/questions.md, which shows excerpts.
DOCUMENTS = [path for path in [tools.REPOSITORY / "README.md", *sorted((tools.REPOSITORY / "docs").glob("*.md"))]
             if path.name != "questions.md"]
BLOCK = re.compile(r"^```[a-z]*\n\$ (?:scripts/)?tshark (.+)\n((?:.*\n)*?)```$", re.M)


def examples() -> list[object]:
    found = []
    for document in DOCUMENTS:
        for number, match in enumerate(BLOCK.finditer(document.read_text(encoding="utf-8")), 1):
            found.append(pytest.param(match[1], match[2], id=f"{document.name}-{number}"))
    return found


def test_there_is_an_example():
    assert examples()


@pytest.mark.parametrize("command,output", examples())
def test_example_prints_what_the_document_shows(tshark, command: str, output: str):
    args = [str(tools.readable(tools.REPOSITORY / arg)) if arg.startswith("test-captures/") else arg
            for arg in shlex.split(command)]
    assert tshark.run(["-n", *args]).stdout == output
