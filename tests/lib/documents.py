# SPDX-License-Identifier: GPL-2.0-or-later
"""The documents: their fenced blocks, and whether a block shows what its command prints.

A block that shows output begins with `$ COMMAND`.  Lines are compared one by one, white space counts as one blank: fields
are separated by tabs, tables are padded.  A line … stands for any number of lines, … at the end of one for its rest."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex

import command
import tshark as tools

REPOSITORY = tools.REPOSITORY
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


@dataclasses.dataclass
class Block:
    page: pathlib.Path
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    @property
    def is_example(self) -> bool:
        return self.text.startswith("$ ")

    @property
    def command(self) -> str:
        return self.text.partition("\n")[0][2:]

    @property
    def output(self) -> str:
        return self.text.partition("\n")[2]


def blocks() -> list[Block]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [Block(page, text[:match.start()].count("\n") + 1, match[1], match[2]) for match in FENCE.finditer(text)]
    return found


def printed(line: str, folder: pathlib.Path) -> str:
    """What a command of an example prints; files that it makes are in the folder."""
    program, *words = shlex.split(line)
    if program in ("tshark", "scripts/tshark"):
        words = [str(tools.readable(REPOSITORY / word)) if word.startswith("test-captures/") else word for word in words]
        return tools.run(["-n", *words]).stdout
    assert program == "scripts/oxcnotif", line
    words = [str(REPOSITORY / word) if (REPOSITORY / word).is_file() else word for word in words]
    words = [str(folder / word) if word.endswith(".html") else word for word in words]
    done = command.run(*words)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.replace(str(folder) + "/", "")


def plain(line: str) -> str:
    return " ".join(line.split())


def difference(output: str, shown: str) -> str | None:
    """What is wrong with what a block shows of an output; None if nothing is."""
    lines = [plain(text) for text in output.splitlines() if text.strip()]
    at, skip = 0, False
    for wanted in filter(None, map(plain, shown.splitlines())):
        if wanted == "…":
            skip = True
            continue
        fits = [number for number in range(at, len(lines)) if lines[number] == wanted or
                (wanted.endswith("…") and lines[number].startswith(wanted[:-1].rstrip()))]
        if not fits or (not skip and fits[0] != at):
            return f"shown: {wanted!r}; printed: {lines[at:at + 3]}"
        at, skip = fits[0] + 1, False
    return None if skip or at == len(lines) else f"printed, too: {lines[at:at + 3]}"
