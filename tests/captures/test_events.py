# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as JSON lines (-z oxcnotif,events): every line fits docs/events.schema.json, and they agree with the fields."""

from __future__ import annotations

import functools
import json
import pathlib
from typing import Any

import jsonschema
import pytest

import tshark as tools

CAPTURES = sorted((tools.REPOSITORY / "test-captures").glob("*.pcap*")) + \
    sorted((tools.REPOSITORY / "test-captures" / "field").glob("*.pcap"))
SCHEMA = json.loads((tools.REPOSITORY / "docs" / "events.schema.json").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=None)
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def events(path: pathlib.Path, display_filter: str = "", two_pass: bool = False) -> list[dict[str, Any]]:
    name = "oxcnotif,events" + (f",{display_filter}" if display_filter else "")
    output = tools.run([*(["-2"] if two_pass else []), "-r", str(tools.readable(path)), "-q", "-z", name]).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in CAPTURES])
def test_every_line_fits_the_schema_and_the_fields(tshark, path: pathlib.Path):
    found = events(path)
    for line in found:
        validator().validate(line)
    rows = tshark.fields(path, ["oxcnotif.notification_handle"], "oxcnotif.notification_handle")
    assert sum(line["event"] == "notification" for line in found) == \
        sum(len(row["oxcnotif.notification_handle"]) for row in rows)
    followed = {line["frame"] for line in found if line["event"] == "wakeup" and line.get("followup") == "followed"}
    assert followed == {line["wakeup_in"] for line in found if line["event"] == "followup"}
    assert [line for line in found if line["event"] == "wakeup" and (line["outcome"] == "pending") != ("followup" in line)] == []


def test_cut_offs_of_a_capture_are_those_of_its_truth(tshark):
    """mapihttp-cut.md names the frames in which waits were cut off."""
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    rows = tshark.fields(path, [], "oxcnotif.wakeup.outcome == 4")
    assert [line["frame"] for line in events(path) if line.get("outcome") == "cut_off"] == [row["frame"] for row in rows]


def test_filter_is_applied_to_frames(tshark):
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    found = events(path, "frame.number < 50")
    assert found and all(line.get("frame", 0) < 50 for line in found)


def test_wrong_filter_is_reported(tshark):
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    done = tools.run(["-r", str(tools.readable(path)), "-q", "-z", "oxcnotif,events,no such filter"], check=False)
    assert "oxcnotif,events" in done.stderr
