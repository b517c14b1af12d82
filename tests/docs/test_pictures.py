# SPDX-License-Identifier: GPL-2.0-or-later
"""Each picture in docs/ is made by scripts/pictures, which runs scripts/guide-pictures, and shown on a page."""

from __future__ import annotations

import pathlib
import re

from tshark import REPOSITORY

DOCS = REPOSITORY / "docs"
PICTURES = sorted(path for ending in ("png", "svg", "gif", "jpg") for path in DOCS.rglob(f"*.{ending}"))


def source(script: str) -> str:
    return (REPOSITORY / "scripts" / script).read_text(encoding="utf-8")


def test_every_picture_is_made_by_the_script() -> None:
    made = {DOCS / "pictures" / f"{name}.png" for name in re.findall(r"^picture ([\w-]+) ", source("pictures"), re.M)}
    made |= {DOCS / "guide" / "pictures" / f"{name}.png" for name in re.findall(r'^    \("([\w-]+)", "[\w./-]+",', source("guide-pictures"), re.M)}
    assert set(PICTURES) == made and len(made) > 8
    assert re.search(r"^\[.*scripts/guide-pictures$", source("pictures"), re.M)


def test_pictures_are_of_bundled_captures() -> None:
    for line in re.findall(r"^picture .*", source("pictures"), re.M):
        [capture] = re.findall(r"test-captures/\S+", line)
        assert (REPOSITORY / capture).exists()


def test_every_picture_is_shown_on_a_page() -> None:
    shown: set[pathlib.Path] = set()
    for page in [REPOSITORY / "README.md", *DOCS.rglob("*.md")]:
        shown |= {(page.parent / target).resolve() for target in re.findall(r"!\[[^]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))}
    assert set(PICTURES) == shown
