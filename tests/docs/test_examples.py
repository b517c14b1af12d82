# SPDX-License-Identifier: GPL-2.0-or-later
"""Each command in README.md and docs/ that is followed by its output prints that; nothing else looks like output."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess

import pytest

import documents
from documents import Block

BLOCKS = documents.blocks()
EXAMPLES = [pytest.param(block, id=block.where) for block in BLOCKS if block.is_example]
# A program that a block of commands without output may begin a line with, beside files of the repository.
PROGRAMS = {"curl", "split", "for"}
WITH_A_TEST_OF_ITS_OWN = {"scripts/check-plugin"}


@pytest.mark.parametrize("block", EXAMPLES)
def test_example_prints_what_the_document_shows(tshark, tmp_path: pathlib.Path, block: Block) -> None:
    if block.command in WITH_A_TEST_OF_ITS_OWN:
        return
    assert block.output.strip()
    assert documents.difference(documents.printed(block.command, tmp_path), block.output) is None


def test_plugin_of_another_release_is_reported_as_shown(tmp_path: pathlib.Path) -> None:
    [block] = [block for block in BLOCKS if block.is_example and block.command == "scripts/check-plugin"]
    plugins = tmp_path / ".local/lib/wireshark/plugins"
    (plugins / "4.0/epan").mkdir(parents=True)
    (plugins / "4.0/epan/oxcnotif.so").touch()
    (tmp_path / "tshark").write_text("#!/bin/sh\necho 'TShark (Wireshark) 4.4.9 (Git v4.4.9)'\n", encoding="utf-8")
    (tmp_path / "tshark").chmod(0o755)
    done = subprocess.run([documents.REPOSITORY / block.command, tmp_path / "tshark"], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, check=False)
    assert block.output.strip() in done.stderr.replace(str(plugins), "/usr/lib/x86_64-linux-gnu/wireshark/plugins")


def is_command(line: str) -> bool:
    word = line.split()[0]
    path = documents.REPOSITORY / word
    return word in PROGRAMS or (path.is_file() and os.access(path, os.X_OK))


@pytest.mark.parametrize("block", [pytest.param(block, id=block.where) for block in BLOCKS if not block.is_example])
def test_block_without_a_command_is_no_output(block: Block) -> None:
    """Commands alone, JSON, or a drawing."""
    assert block.language in ("", "sh", "json"), block.where
    if block.language == "json":
        json.loads(block.text)
    elif not re.search("[─│┌└├▼►]", block.text):
        assert all(is_command(line) for line in block.text.splitlines() if line.strip()), block.where


def test_every_kind_of_document_has_examples() -> None:
    pages = {block.page.name for block in BLOCKS if block.is_example}
    assert {"README.md", "questions.md", "check.md", "install.md"} <= pages and len(EXAMPLES) > 35


# ---- what is named in the text ----

TEXTS = {page: page.read_text(encoding="utf-8") for page in documents.PAGES}
CODE = re.compile(r"`([^`\n]+)`")
# The example of a ROP that nobody has, and names that renamed.md lists as gone.
INVENTED = "rop.count_things."
GONE = set(re.findall(r"^\| `([a-z0-9_.]+)", TEXTS[documents.REPOSITORY / "docs" / "renamed.md"], re.M))
PREFERENCES = {"oxcnotif.window", "oxcnotif.slow_followup", "emsmdb.take_over"}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(documents.REPOSITORY)))
def test_filters_that_are_named_exist(tshark, page: pathlib.Path) -> None:
    text = re.sub(r"[\w./-]+\.(pcapng|pcap|toml|json|py|md|c|h|def|so)\b", "", TEXTS[page])
    named = set(re.findall(r"(?<![\w./-])(?:oxcnotif|mapihttp|emsmdb|asyncemsmdb|rop|rpch)\.[a-z0-9_.]*[a-z0-9_]", text))
    assert {name for name in named - tshark.registered() - GONE - PREFERENCES if not name.startswith(INVENTED)} == set()


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(documents.REPOSITORY)))
def test_files_tests_and_tables_that_are_named_exist(tshark, page: pathlib.Path) -> None:
    told = tshark.run(["-z", "help"], check=False) if "oxcnotif," in TEXTS[page] else None
    tables = set((told.stdout + told.stderr).split()) if told else set()
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (documents.REPOSITORY / "tests").rglob("*.py"))
    missing = []
    for word in " ".join(CODE.findall(TEXTS[page])).split():
        folder = word.partition("/")[0]
        if folder in ("scripts", "tests", "docs", "plugin", "ropdefs", "bench", "tools", "test-captures", "packaging", "profile", "fuzz"):
            name = word.split("::")[0].split("[")[0].rstrip(".,;:)")
            if not any(mark in name for mark in "*…") and name != folder and not (documents.REPOSITORY / name).exists():
                missing.append(word)
        if (match := re.match(r"(test_\w+)(\[.*|\.py)?$", word)) and match[2] != ".py" and f"def {match[1]}(" not in sources:
            missing.append(word)
        if re.fullmatch(r"oxcnotif,[a-z]+", word) and word not in tables:
            missing.append(word)
    assert missing == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(documents.REPOSITORY)))
def test_links_lead_somewhere(page: pathlib.Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", TEXTS[page]):
        assert "://" in target or (page.parent / target).exists(), target
