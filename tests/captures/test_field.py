# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases from the field: test-captures/field/NAME.pcap with NAME.md (the situation) and NAME.json (what is right)."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest

import tshark as tools

FOLDER = tools.REPOSITORY / "test-captures" / "field"

# Checks that fail today, by case: the kind of fault (as in test-captures/field/README.md). An entry must be removed
# by the change that mends it, since a strict xfail that passes is a failure.
EXPECTED_FAILURES: dict[tuple[str, str], str] = {
}

Check = dict[str, Any]


@functools.lru_cache(maxsize=None)
def checks_of(case: str) -> list[Check]:
    return json.loads((FOLDER / f"{case}.json").read_text(encoding="utf-8"))


def parameters() -> list[Any]:
    """One for each check; the checks of a capture run in one worker."""
    found = []
    for case in sorted(path.stem for path in FOLDER.glob("*.pcap")):
        for check in checks_of(case):
            marks = [pytest.mark.xdist_group(f"field-{case}")]
            kind = EXPECTED_FAILURES.get((case, check["name"]))
            if kind:
                marks.append(pytest.mark.xfail(strict=True, reason=f"kind {kind}"))
            found.append(pytest.param(case, check, id=f"{case}: {check['name']}", marks=marks))
    return found


@functools.lru_cache(maxsize=None)
def rows(case: str, display_filter: str, fields: tuple[str, ...], two_pass: bool,
         preferences: tuple[tuple[str, str], ...]) -> list[str]:
    """The frames that pass the filter: the values of the fields, with a blank between."""
    names = [field for field in fields if field != "frame.number"]
    found = tools.fields(FOLDER / f"{case}.pcap", names, display_filter, two_pass=two_pass, prefs=dict(preferences))
    return [" ".join(str(row["frame"]) if field == "frame.number" else ",".join(row[field]) for field in fields)
            for row in found]


@functools.lru_cache(maxsize=None)
def details(case: str) -> dict[int, str]:
    """The packet details of all frames, on the second pass."""
    text = tools.text(FOLDER / f"{case}.pcap", two_pass=True)
    frames = re.split(r"(?m)^Frame (\d+):", text)
    return {int(number): frame for number, frame in zip(frames[1::2], frames[2::2])}


def test_every_expected_failure_is_a_check():
    known = {(path.stem, check["name"]) for path in FOLDER.glob("*.pcap") for check in checks_of(path.stem)}
    assert set(EXPECTED_FAILURES) <= known


@pytest.mark.parametrize("case,check", parameters())
def test_field_case_shows_right_value(tshark, case: str, check: Check):
    if "filter" in check:
        # What is right in one pass is right on later visits, too.
        for two_pass in [True] if check.get("two_pass") else [False, True]:
            shown = rows(case, check["filter"], tuple(check.get("fields", ["frame.number"])), two_pass,
                         tuple(check.get("preferences", {}).items()))
            if check.get("some"):
                assert shown, "no frame passes the filter"
            else:
                assert shown == check["rows"], f"two passes: {two_pass}"
    elif "text" in check:
        frame = details(case)[check["frame"]]
        missing = [text for text in check["text"] if text not in frame]
        assert not missing, frame
    elif "no_byte" in check:
        capture = FOLDER / f"{case}.pcap"
        byte = bytes.fromhex(check["no_byte"]).decode("ascii")
        for args in ((), ("-V",), ("-q", "-z", "oxcnotif,sessions"), ("-q", "-z", "oxcnotif,wakeups")):
            assert byte not in tools.text(capture, "oxcnotif" if "-q" not in args else None, args=args), args
    else:
        assert check["well_formed"]
        packets = tools.pdml(FOLDER / f"{case}.pcap", f"frame.number == {check['frame']}")
        assert len(packets) == 1
