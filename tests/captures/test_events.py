# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as JSON lines (-z oxcnotif,events): every line fits docs/events.schema.json, and they agree with the fields."""

from __future__ import annotations

import collections
import decimal
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest

import lab
import secrets_block
import truth
import tshark as tools

CAPTURES = sorted((tools.REPOSITORY / "test-captures").glob("*.pcap*")) + \
    sorted((tools.REPOSITORY / "test-captures" / "field").glob("*.pcap"))
SCHEMA = json.loads((tools.REPOSITORY / "docs" / "events.schema.json").read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=None)
def validator() -> Any:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


OUTCOMES = {1: "pending", 2: "timeout", 3: "refused", 4: "cut_off"}


def events(path: pathlib.Path, display_filter: str = "", two_pass: bool = False, args: Sequence[str] = ()) -> list[dict[str, Any]]:
    name = "oxcnotif,events" + (f",{display_filter}" if display_filter else "")
    output = tools.run([*(["-2"] if two_pass else []), *args, "-r", str(tools.readable(path)), "-q", "-z", name]).stdout
    return [json.loads(line) for line in output.splitlines()]


def compare_with_lab(found: list[dict[str, Any]], name: str) -> None:
    """Notifications by number, wake-ups one by one."""
    facts = lab.truth(name)
    assert sum(line["event"] == "notification" for line in found) == len(facts["notifications"])
    assert collections.Counter((line["frame"], line["method"], line["outcome"]) for line in found if line["event"] == "wakeup") == \
        collections.Counter((wakeup["frame"], wakeup["method"], OUTCOMES[wakeup["outcome"]]) for wakeup in facts["wakeups"])


def compare_with_truth(found: list[dict[str, Any]], name: str) -> None:
    """Notifications by number; waits that were answered, and with an event or without."""
    facts = truth.load(name)
    assert sum(line["event"] == "notification" for line in found) == sum(response.is_notify for _, response in facts.notifications())
    answered = [call for call in facts.calls if call.is_wait and call.resp_frame is not None]
    ended = [line["outcome"] for line in found if line["event"] == "wakeup" and line["method"] in (2, 3)]
    assert len(ended) - ended.count("cut_off") == len(answered)
    assert ended.count("pending") == sum(bool(call.event_pending or call.flags_out) for call in answered)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in CAPTURES])
def test_every_line_fits_the_schema_and_the_fields(tshark, path: pathlib.Path):
    keys = lab.preferences(path.stem) if path.stem in lab.names("") and path.parent == lab.CAPTURES else []
    found = events(path, args=keys)
    for line in found:
        validator().validate(line)
    if path.stem in truth.CAPTURES:
        compare_with_truth(found, path.stem)
    elif path.parent == lab.CAPTURES:
        compare_with_lab(found, path.stem)
    rows = tshark.fields(path, ["oxcnotif.notification_handle"], "oxcnotif.notification_handle", args=keys)
    assert sum(line["event"] == "notification" for line in found) == \
        sum(len(row["oxcnotif.notification_handle"]) for row in rows)
    followed = {line["frame"] for line in found if line["event"] == "wakeup" and line.get("followup") == "followed"}
    assert followed == {line["wakeup_in"] for line in found if line["event"] == "followup"}
    assert [line for line in found if line["event"] == "wakeup" and (line["outcome"] == "pending") != ("followup" in line)] == []


@pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])
@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in CAPTURES])
def test_times_are_those_of_the_frames(tshark, path: pathlib.Path, two_pass: bool):
    """A session is met in another frame in the second pass, and keeps the time of its first."""
    times = {row["frame"]: decimal.Decimal(row["frame.time_epoch"][0]) for row in tshark.fields(path, ["frame.time_epoch"])}
    output = tools.run([*(["-2"] if two_pass else []), "-r", str(tools.readable(path)), "-q", "-z", "oxcnotif,events"]).stdout
    found = [json.loads(line, parse_float=decimal.Decimal) for line in output.splitlines()]
    assert [(line["event"], line["frame"]) for line in found if "time" in line and line["time"] != times[line["frame"]]] == []


def test_cut_offs_of_a_capture_are_those_of_its_truth(tshark):
    """mapihttp-cut.md names the frames in which waits were cut off."""
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    rows = tshark.fields(path, [], "oxcnotif.wakeup.outcome == 4")
    assert [line["frame"] for line in events(path) if line.get("outcome") == "cut_off"] == [row["frame"] for row in rows]


def test_explanations_are_those_of_the_fields(tshark):
    """An expert item has one summary wherever it is; what differs from frame to frame is oxcnotif.explanation."""
    path = tools.REPOSITORY / "test-captures" / "push.pcapng"
    found = [(line["frame"], line["explanation"]) for line in events(path, two_pass=True) if "explanation" in line]
    rows = tshark.fields(path, ["oxcnotif.explanation"], "oxcnotif.explanation", two_pass=True)
    assert found and sorted(found) == sorted((row["frame"], text) for row in rows for text in row["oxcnotif.explanation"])


@pytest.mark.parametrize("name", ["gromox-mapihttp-errors", "hermex-3-rpchttp", "hermex-4-errors", "mapihttp-cut", "push", "rpc-async",
                                  "rpc-linked", "rpc-tcp"])
def test_a_tree_changes_no_event(tshark, name: str):
    """Without one, fields are not added: what is found on the way, expert items above all, is the same."""
    path = tools.REPOSITORY / "test-captures" / f"{name}.pcapng"
    alone = events(path)
    output = tools.run(["-r", str(tools.readable(path)), "-q", "-z", "oxcnotif,events", "-z", "io,stat,0,_ws.expert"]).stdout
    assert any(line["event"] == "diagnosis" for line in alone)
    assert alone == [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_filter_is_applied_to_frames(tshark):
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    found = events(path, "frame.number < 50")
    assert found and all(line.get("frame", 0) < 50 for line in found)


def test_wrong_filter_is_reported(tshark):
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    done = tools.run(["-r", str(tools.readable(path)), "-q", "-z", "oxcnotif,events,no such filter"], check=False)
    assert "oxcnotif,events" in done.stderr


def capture_line(path: pathlib.Path) -> dict[str, Any]:
    [line] = [line for line in events(path) if line["event"] == "capture"]
    validator().validate(line)
    return line


def test_whole_capture_is_described(tshark):
    """mapihttp-cut.json counts the frames; the traffic is clear text, in both directions."""
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    line = capture_line(path)
    assert line["frames"] == truth["frames"]
    assert line["exchange_connections"] == len({call["stream"]["tcp_stream"] for call in truth["calls"]})
    assert (line["cut_short"], line["tls_connections"], line["one_direction"]) == (0, 0, 0)
    [session] = [line for line in events(path) if line["event"] == "session"]
    assert (session["client"], session["server"]) == tuple(
        truth["calls"][0]["stream"][side].split(":")[0] for side in ("client", "server"))


def edited(path: pathlib.Path, *options: str, program: str = "editcap") -> pathlib.Path:
    target = tools.scratch() / "home" / f"edited-{len(options)}-{path.name}"
    arguments = {"editcap": [*options, str(tools.readable(path)), str(target)],
                 "tshark": ["-r", str(tools.readable(path)), *options, "-w", str(target)]}[program]
    # A sanitizer is for the plugin, which editcap does not load, and editcap does not end with it.
    tools.run(["-u", "LD_PRELOAD", program, *arguments] if program == "editcap" else [program, *arguments], program="env")
    return target


def test_tls_without_keys_is_counted(tshark):
    path = tools.REPOSITORY / "test-captures" / "hermex-2-mapihttp-tls.pcapng"
    with_keys, without = capture_line(path), capture_line(secrets_block.without(path))
    assert with_keys["tls_connections"] == without["tls_connections"] > 0
    assert with_keys["tls_undecrypted"] == 0
    assert without["tls_undecrypted"] == without["tls_connections"]


def test_frames_cut_short_and_missing_directions_are_counted(tshark):
    path = tools.REPOSITORY / "test-captures" / "mapihttp-cut.pcapng"
    lengths = tshark.fields(path, ["frame.len"])
    assert capture_line(edited(path, "-s", "200"))["cut_short"] == sum(int(row["frame.len"][0]) > 200 for row in lengths)
    half = capture_line(edited(path, "-Y", "tcp.dstport == 80", program="tshark"))
    assert half["one_direction"] == half["exchange_connections"] > 0
