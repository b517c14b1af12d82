# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/guide shows what the commands print, and names only files and filters that there are."""

from __future__ import annotations

import pathlib
import re
import shlex

import pytest

import command
from tshark import REPOSITORY

GUIDE = REPOSITORY / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))
EXAMPLES = [
    pytest.param(line, shown, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, (line, shown) in enumerate(re.findall(r"```console\n\$ (.+)\n((?:.*\n)*?)```", page.read_text(encoding="utf-8")))
]


def plain(line: str) -> str:
    return " ".join(line.split())


def printed(tshark, line: str, folder: pathlib.Path) -> str:
    program, *words = shlex.split(line)
    if program == "tshark":
        words = [str(tshark.readable(REPOSITORY / word)) if word.startswith("test-captures/") else word for word in words]
        return tshark.run(["-n", *words]).stdout
    assert program == "scripts/oxcnotif", line
    words = [str(REPOSITORY / word) if (REPOSITORY / word).is_file() else word for word in words]
    words = [str(folder / word) if word.endswith(".html") else word for word in words]
    done = command.run(*words)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.replace(str(folder) + "/", "")


@pytest.mark.parametrize("line,shown", EXAMPLES)
def test_example(tshark, tmp_path: pathlib.Path, line: str, shown: str):
    """Line by line; a line … stands for any number of lines, … at an end for the rest of that line."""
    lines = [plain(text) for text in printed(tshark, line, tmp_path).splitlines() if text.strip()]
    at, skip = 0, False
    for wanted in map(plain, shown.splitlines()):
        if not wanted:
            continue
        if wanted == "…":
            skip = True
            continue
        fits = [number for number in range(at, len(lines)) if lines[number] == wanted or
                (wanted.endswith("…") and lines[number].startswith(wanted[:-1].rstrip()))]
        assert fits and (skip or fits[0] == at), (wanted, lines[at:at + 3])
        at, skip = fits[0] + 1, False
    assert skip or at == len(lines), lines[at:]


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), (page.name, target)


def test_filters_exist(tshark):
    text = re.sub(r"\S+\.(pcapng|pcap|toml)\b", "", "\n".join(page.read_text(encoding="utf-8") for page in PAGES))
    named = set(re.findall(r"\b(?:oxcnotif|mapihttp|emsmdb|asyncemsmdb|rop)\.[a-z0-9_.]*[a-z0-9_]", text))
    assert named - tshark.registered() == set()


def test_exit_statuses_are_those_of_the_command():
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
