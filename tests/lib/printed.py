# SPDX-License-Identifier: GPL-2.0-or-later
"""What `tshark -z` prints, read back."""

from __future__ import annotations

import functools
import re

import tshark

Row = dict[str, str]


# Statistics that one run of tshark prints, and the line that begins each. test_statistics.py compares them with runs of their own.
TITLES = {"oxcnotif,wakeups": "Exchange Wake-ups:", "oxcnotif,sessions": "Exchange Sessions:",
          "oxcnotif,tree": "Exchange Notifications:", "oxcnotif,srt": "OXCNOTIF SRT Statistics:"}


@functools.lru_cache(maxsize=None)
def together(capture, two_pass: bool, args: tuple[str, ...]) -> dict[str, str]:
    """Statistic -> its text, from one start of tshark for all of them."""
    text = tshark.text(capture, two_pass=two_pass, args=("-q", *(word for name in TITLES for word in ("-z", name)), *args))
    starts = sorted((text.find(f"\n{title}") + 1, name) for name, title in TITLES.items())
    assert starts[0][0] > 0, text
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return {name: text[start:end] for (start, name), end in zip(starts, ends)}


def alone(capture, statistic: str, two_pass: bool = False, args=()) -> str:
    return tshark.text(capture, two_pass=two_pass, args=("-q", "-z", statistic, *args))


def printed(capture, statistic: str, two_pass: bool = False, args=()) -> str:
    """One with a filter of its own is run alone."""
    if statistic in TITLES:
        return together(capture, two_pass, tuple(args))[statistic]
    return alone(capture, statistic, two_pass, args)


def tables(capture, statistic: str, two_pass: bool = False, args=()) -> dict[str, list[Row]]:
    """Title -> rows (column -> text) of a table; cells that are not printed are missing."""
    text = printed(capture, statistic, two_pass, args)
    lines = text[text.index("Filter for statistics:"):].splitlines()[1:]
    columns = [name.strip() for name in lines[0].split("|")[:-1]]
    found: dict[str, list[Row]] = {}
    for line in lines[1:]:
        if line.startswith("===="):
            break
        if "|" in line:
            row = dict(zip(columns, (cell.strip() for cell in line.split("|")[:-1])))
            found[title].append(row)
        else:
            title = line
            found[title] = []
    return found


def tree(capture, statistic: str = "oxcnotif,tree", two_pass: bool = False, args=()) -> dict[tuple[str, ...], int]:
    """Path of a counter -> its count."""
    counts: dict[tuple[str, ...], int] = {}
    path: list[str] = []
    for line in printed(capture, statistic, two_pass, args).splitlines():
        match = re.match(r"( *)(\S.*?) {2,}(\d+) ", line)
        if match:
            depth = len(match[1])
            path = [*path[:depth], match[2]]
            counts[tuple(path)] = int(match[3])
    return counts


def times(capture, two_pass: bool = False, args=()) -> dict[str, dict[str, tuple[int, float, float, float]]]:
    """First column's title -> row -> (calls, min, max, average) of the service response times."""
    found: dict[str, dict[str, tuple[int, float, float, float]]] = {}
    for line in printed(capture, "oxcnotif,srt", two_pass, args).splitlines():
        match = re.match(r"Index +(.+?) +Calls", line)
        if match:
            rows = found[match[1]] = {}
        match = re.match(r" *\d+  (.+?) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", line)
        if match:
            rows[match[1]] = (int(match[2]), *map(float, match.groups()[2:5]))
    return found
