# SPDX-License-Identifier: GPL-2.0-or-later
"""The profile "Exchange notifications": its columns name who, what and how long; its colours set failures apart; each of
its filters is one that Wireshark takes."""

from __future__ import annotations

import csv
import pathlib
import re
import shutil
import subprocess

import lab
import pytest

PROFILE = pathlib.Path(__file__).resolve().parents[2] / "profile" / "Exchange notifications"
COLUMNS = re.compile(r'^\t"([^"]*)", "([^"]*)"', re.MULTILINE)
FAILURES = ("Wait cut off or abandoned", "Refused or failed")


def uat(name):
    lines = (PROFILE / name).read_text().splitlines()
    return list(csv.reader(line for line in lines if not line.startswith("#")))


def rules():
    """The colour rules: name, filter, and background as three numbers of 16 bits."""
    for line in (PROFILE / "colorfilters").read_text().splitlines():
        if line.startswith("@"):
            _, name, condition, colours = line.split("@")
            yield name, condition, [int(part) for part in colours.split("]")[0].strip("[").split(",")]


@pytest.fixture(scope="module")
def listed(tshark):
    """The packet list of mapihttp-cut with the profile: frame -> name of the rule that colours it, its columns."""
    config = tshark.folder()
    shutil.copytree(PROFILE, config / "profiles" / PROFILE.name)
    def printed(*args):
        return subprocess.run(
            ["tshark", "-C", PROFILE.name, "--color", "-2", "-n", "-r", str(tshark.readable(lab.capture("mapihttp-cut"))), *args],
            env=tshark.environment() | {"WIRESHARK_CONFIG_DIR": str(config)}, capture_output=True, text=True, check=True, timeout=60,
            **tshark.identity()).stdout.splitlines()

    coloured = (line.split("\t") for line in printed("-T", "fields", "-e", "frame.number", "-e", "frame.coloring_rule.name"))
    rule_of = {int(number): rule for number, rule in coloured}
    titles = [title for title, _ in COLUMNS.findall((PROFILE / "preferences").read_text())]
    frames = {}
    for line in printed("-T", "tabs"):
        row = dict(zip(titles, map(str.strip, line.split("\t"))))
        frames[int(row["No."])] = rule_of[int(row["No."])], (row["User"], row["Event"])
    assert len(frames) == lab.truth("mapihttp-cut")["frames"]
    return frames


def test_columns_name_session_user_event_folder_and_times():
    columns = dict(COLUMNS.findall((PROFILE / "preferences").read_text()))
    named = " ".join(columns.values())
    for field in ("oxcnotif.session", "oxcnotif.user", "oxcnotif.wakeup.outcome", "oxcnotif.notification_type", "oxcnotif.folder_name",
                  "oxcnotif.followup_time", "oxcnotif.wakeup.wait_time"):
        assert f"{field}:" in named or f"{field} or" in named, field


def test_each_wake_up_has_its_colour_and_its_user(listed):
    names = {1: "Wake-up", 2: "Wait without an event", 3: "Refused or failed", 4: "Wait cut off or abandoned"}
    begins = {1: "Pending", 2: "Timeout", 3: "Refused", 4: "Cut off"}
    for wakeup in lab.truth("mapihttp-cut")["wakeups"]:
        rule, (user, event) = listed[wakeup["frame"]]
        assert (rule, user) == (names[wakeup["outcome"]], "Anna Lab"), wakeup["frame"]
        assert event.startswith(begins[wakeup["outcome"]])
        if wakeup["followup_in"]:
            assert listed[wakeup["followup_in"]][0] == "Follow-up"


def test_nothing_else_looks_like_a_failure(listed):
    truth = lab.truth("mapihttp-cut")
    expected = {wakeup["frame"] for wakeup in truth["wakeups"] if wakeup["outcome"] in (3, 4)}
    refused_calls = {call["frame_resp"] for call in truth["calls"] if "refused" in call["comment"]}
    assert expected <= {frame for frame, (rule, _) in listed.items() if rule in FAILURES} <= expected | refused_calls


def test_failures_are_dark_and_the_rest_is_light():
    for name, _, background in rules():
        assert (sum(background) < 0xC000 * 2) == (name in FAILURES or name == "Session lost"), name


def test_wireshark_takes_each_filter(tshark):
    conditions = [condition for _, condition, _ in rules()]
    conditions += [row[2] for row in uat("dfilter_buttons")] + [row[2] for row in uat("io_graphs")]
    joined = " || ".join(f"({condition})" for condition in conditions)
    tshark.run(["-r", str(tshark.readable(lab.capture("push"))), "-Y", joined, "-c", "1"])
    assert len(uat("io_graphs")) > 5 and all(len(row) == 9 for row in uat("io_graphs"))
    assert all(len(row) == 4 for row in uat("dfilter_buttons"))
