# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurement measures: a plugin that shows the truth passes, one that shows something else does not."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import scoring  # noqa: E402  (after the path is set)

GENERATE = HERE.parents[1] / "test-captures" / "generator" / "generate"


@pytest.fixture(scope="module")
def truths(tmp_path_factory):
    out = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, str(GENERATE), "--sessions", "100", "--condition", "complete", "--condition", "loss", "--out",
                    str(out)], check=True, stdout=subprocess.DEVNULL)
    return {name: scoring.read_truth(out / f"{name}.truth.jsonl") for name in ("complete", "loss")}


def perfect(truth):
    """The rows of a plugin that knows everything."""
    rows = {}

    def row(frame):
        return rows.setdefault(frame, {"frame": frame, **{name: [] for name in scoring.FIELDS}})

    for wakeup in truth["wakeup"]:
        if wakeup["frame"] is None:
            continue
        at = row(wakeup["frame"])
        at["method"].append(str(wakeup["method"]))
        at["outcome"].append(str(wakeup["outcome"]))
        if "closer" in wakeup:
            at["closer"].append(str(wakeup["closer"]))
        if wakeup["method"] != 4:
            at["session"].append(str(1000 + wakeup["session"]))
        if wakeup["fate"] == "followed" and wakeup["visible"]:
            at["followup"].append(str(wakeup["followup"]))
            at["time"].append(f"{wakeup['followup_time']:.9f}")
            for name in ("followup", "followup_response"):
                if wakeup[name] is not None:
                    row(wakeup[name])["wakeup"].append(str(wakeup["frame"]))
                    row(wakeup[name])["confidence"].append("100")
                    row(wakeup[name])["match"].append("1")
        if wakeup["superseded_by"] is not None:
            at["superseded"].append(str(wakeup["superseded_by"]))
    for fetch in truth["fetch"]:
        if fetch["request"] is not None:
            row(fetch["request"])["session"].insert(0, str(1000 + fetch["session"]))
    return list(rows.values())


def score(condition, truth, rows):
    result = scoring.Score()
    scoring.add(result, rows, truth)
    return result, scoring.verdict(condition, result)


@pytest.mark.parametrize("condition", ["complete", "loss"])
def test_the_truth_passes(truths, condition):
    result, problems = score(condition, truths[condition], perfect(truths[condition]))
    assert problems == []
    assert result.all.precision == result.all.recall == 1.0
    assert result.all.followed > 300 and result.torn == result.strange == result.wrong_outcomes == 0
    assert "| all |" in scoring.markdown({condition: result})


def links(rows):
    return [row for row in rows if row["followup"]]


def test_one_wrong_link_is_seen(truths):
    rows = perfect(truths["complete"])
    first, second = links(rows)[:2]
    first["followup"], second["followup"] = second["followup"], first["followup"]
    result, problems = score("complete", truths["complete"], rows)
    assert result.all.shown - result.all.right == 2 and problems


def test_one_missing_link_is_seen(truths):
    rows = perfect(truths["complete"])
    links(rows)[0]["followup"] = []
    result, problems = score("complete", truths["complete"], rows)
    assert result.all.recall < 1.0 == result.all.precision
    assert any("recall" in problem for problem in problems) and any("one of their frames" in problem for problem in problems)


def test_a_link_of_a_superseded_wakeup_is_wrong(truths):
    rows = perfect(truths["complete"])
    row = next(row for row in rows if row["superseded"])
    row["followup"] = row["superseded"]
    result, problems = score("complete", truths["complete"], rows)
    assert result.all.precision < 1.0 and problems


def test_confidence_must_mean_something(truths):
    rows = perfect(truths["complete"])
    for row in rows:
        row["confidence"] = ["60" for _ in row["confidence"]]
    _, problems = score("start", truths["complete"], rows)
    assert any("confidence about 60" in problem for problem in problems)


def test_sessions_must_not_be_joined(truths):
    rows = perfect(truths["complete"])
    for row in rows:
        row["session"] = ["1001" if number == "1002" else number for number in row["session"]]
    result, problems = score("complete", truths["complete"], rows)
    assert result.torn and any("torn" in problem for problem in problems)


def test_an_invented_wakeup_and_a_wrong_outcome_are_seen(truths):
    rows = perfect(truths["complete"])
    next(row for row in rows if row["outcome"] == ["2"])["outcome"] = ["1"]
    rows.append({"frame": 1, **{name: [] for name in scoring.FIELDS}, "method": ["1"], "outcome": ["1"]})
    result, problems = score("complete", truths["complete"], rows)
    assert (result.strange, result.wrong_outcomes) == (1, 1) and len(problems) >= 2


def test_a_plugin_that_shows_nothing_fails(truths):
    for condition in ("complete", "loss", "start"):
        assert score(condition, truths["complete"], [])[1]


def test_a_wrong_closer_is_seen(truths):
    rows = perfect(truths["complete"])
    row = next(row for row in rows if row["closer"])
    row["closer"] = ["3"]
    result, problems = score("complete", truths["complete"], rows)
    assert result.wrong_closers == 1 and result.cut_off > 1 and any("closers" in problem for problem in problems)


def test_claims_about_missing_packets_are_seen(truths):
    rows = perfect(truths["loss"])
    superseded = [row for row in rows if row["superseded"]]
    for row in superseded[::8]:
        row["superseded"] = [str(row["frame"])]
    rows += [{"frame": -number, **{name: [] for name in scoring.FIELDS}, "method": ["2"], "outcome": ["5"]}
             for number in range(1, 30)]
    _, problems = score("loss", truths["loss"], rows)
    assert any("superseded" in problem for problem in problems) and any("are none" in problem for problem in problems)
