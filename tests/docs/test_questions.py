# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/questions.md has an example for each question; test_examples.py compares them with what is printed."""

from __future__ import annotations

import re

from tshark import REPOSITORY

PAGE = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")


def test_every_question_has_an_example():
    questions = re.split(r"^## ", PAGE, flags=re.M)[1:]
    assert len(questions) == 11
    assert all("```console" in question for question in questions)
