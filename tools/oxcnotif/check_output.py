# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of `oxcnotif check` as text, JUnit XML and TAP."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from .check import MAX_FRAMES, Result

# Characters that XML 1.0 cannot hold, and those that would move the cursor of a terminal.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _line(text: str) -> str:
    return _NO_TEXT.sub("�", text)


def _frames(result: Result) -> str:
    shown = ", ".join(map(str, result.frames[:MAX_FRAMES]))
    more = len(result.frames) - MAX_FRAMES
    return f"frame{'s' if len(result.frames) > 1 else ''} {shown}{f' and {more} more' if more > 0 else ''}"


def text(results: Sequence[Result]) -> str:
    """A line a rule, and where to look for those that are broken."""
    lines = []
    for result in results:
        lines.append(f"{'ok    ' if result.passed else 'FAILED'}  {_line(f'{result.rule}: {result.text}')}")
        if not result.passed and result.frames:
            lines += [f"        {_frames(result)}", f"        filter: {result.filter}"]
    broken = sum(not result.passed for result in results)
    lines.append(f"{broken} of {len(results)} rules broken" if broken else f"all {len(results)} rules kept")
    return "\n".join(lines) + "\n"


def tap(results: Sequence[Result]) -> str:
    """Test Anything Protocol, version 13."""
    lines = ["TAP version 13", f"1..{len(results)}"]
    for number, result in enumerate(results, 1):
        name = _line(f"{result.capture}: {result.rule}").replace("\\", "\\\\").replace("#", "\\#")
        lines.append(f"{'ok' if result.passed else 'not ok'} {number} - {name}")
        lines.append(f"# {_line(result.text)}")
        if not result.passed and result.frames:
            lines.append(f"# {_frames(result)}; filter: {result.filter}")
    return "\n".join(lines) + "\n"


def junit(results: Sequence[Result]) -> str:
    """JUnit XML: a test suite a capture, a test case a rule."""

    def clean(value: str) -> str:
        return _NO_XML.sub("�", value)

    root = ElementTree.Element("testsuites", name="oxcnotif check")
    captures = list(dict.fromkeys(result.capture for result in results))
    for capture in captures:
        own = [result for result in results if result.capture == capture]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=clean(capture),
            tests=str(len(own)),
            failures=str(sum(not result.passed for result in own)),
            errors="0",
            skipped="0",
        )
        for result in own:
            case = ElementTree.SubElement(suite, "testcase", classname=clean(capture), name=clean(result.rule))
            if result.passed:
                ElementTree.SubElement(case, "system-out").text = clean(result.text)
                continue
            failure = ElementTree.SubElement(case, "failure", message=clean(result.text), type="rule")
            if result.frames:
                failure.text = clean(f"{_frames(result)}\nfilter: {result.filter}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


FORMATS = {"text": text, "junit": junit, "tap": tap}
