# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of every statistic against the ground truth: tree, tables, response times, flow graph; in one pass, in two,
and in sharkd."""

from __future__ import annotations

import collections
import json
import pathlib
import re
import subprocess
import sys

import lab
import printed
import pytest

import truth

GENERATE = pathlib.Path(__file__).resolve().parents[2] / "test-captures" / "generator" / "generate"
WINDOW = 60.0
METHODS = {1: "Push datagram", 2: "EcDoAsyncWaitEx", 3: "NotificationWait", 4: "RopPending"}
OUTCOMES = {2: "No event", 3: "Refused", 4: "Cut off"}
TYPES = {0x2: "NewMail", 0x4: "ObjectCreated", 0x8: "ObjectDeleted", 0x10: "ObjectModified", 0x20: "ObjectMoved",
         0x40: "ObjectCopied", 0x80: "SearchCompleted", 0x100: "TableModified", 0x200: "IcsNotification"}
TABLE_EVENTS = {1: "TableChanged", 3: "TableRowAdded", 4: "TableRowDeleted", 5: "TableRowModified", 7: "TableRestrictionChanged"}
# push-late: its datagrams are wake-ups only where the user says so.
LAB = [name for name in lab.names("") if lab.truth(name).get("wakeups") and name != "push-late"]
EVERY = [*LAB, *(name for name in truth.CAPTURES if name != "outlook2007")]


def capture_of(name):
    return lab.capture(name) if name in LAB else truth.capture_path(name)


def args_of(name):
    return lab.preferences(name) if name in LAB else []


def grouped(names):
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]


def frame_times(tshark, name):
    """Seconds of each frame: what the file says, no dissector."""
    rows = tshark.fields(capture_of(name), ["frame.time_epoch"])
    return {row["frame"]: float(row["frame.time_epoch"][0]) for row in rows}


# --- wake-ups ---------------------------------------------------------------

def percentile(values, percent):
    """Nearest rank: the smallest value that so many in 100 do not exceed."""
    values = sorted(values)
    return values[max(0, -(-len(values) * percent // 100) - 1)]


class Counts:
    """One row of the table of wake-ups."""

    def __init__(self):
        self.pending = self.followed = self.superseded = self.never = 0
        self.outcomes = collections.Counter()
        self.times = []

    def add(self, outcome, fate, time):
        if outcome != 1:
            self.outcomes[outcome] += 1
            return
        self.pending += 1
        if fate == "followed":
            self.followed += 1
            self.times.append(time)
        elif fate == "superseded":
            self.superseded += 1
        else:
            self.never += 1

    def row(self):
        shown = {"Wake-ups": self.pending, "Followed": self.followed, "Superseded": self.superseded, "never": self.never,
                 **{column: self.outcomes[outcome] for outcome, column in OUTCOMES.items()}}
        if self.times:
            shown |= {"Min (s)": min(self.times), "Max (s)": max(self.times), "Avg (s)": sum(self.times) / len(self.times),
                      **{f"{p} % (s)": percentile(self.times, p) for p in (50, 90, 99)}}
        return shown


def numbers(row):
    """A row as printed, in the form of Counts.row()."""
    shown = {name: float(text) if "(s)" in name else int(text) for name, text in row.items()
             if name not in ("Session", "Means of wake-up")}
    shown["never"] = shown.pop("Missed") + shown.pop("Undecided")
    # The lab's clients wait for each answer, or close the connection.
    assert shown.pop("Abandoned") == 0
    return shown


def is_left(row):
    """Where a wake-up was counted before a later frame told its session."""
    return row["Session"] in ("unknown", "0") and not any(
        int(row[column]) for column in ("Wake-ups", "Followed", "Superseded", "Missed"))


def assert_row(actual, expected):
    assert {k: v for k, v in actual.items() if "(s)" not in k} == {k: v for k, v in expected.items() if "(s)" not in k}
    assert {k: v for k, v in actual.items() if "(s)" in k} == \
        pytest.approx({k: v for k, v in expected.items() if "(s)" in k}, abs=2e-6)


def lab_wakeups(tshark, name):
    """(session, method) -> Counts."""
    when = frame_times(tshark, name)
    found = collections.defaultdict(Counts)
    for wakeup in lab.truth(name)["wakeups"]:
        began = when[wakeup["frame"]]
        fate, time = "never", None
        if wakeup["followup_in"]:
            time = when[wakeup["followup_in"]] - began
            fate = "followed" if time <= WINDOW else "never"
        elif wakeup["superseded_in"] and when[wakeup["superseded_in"]] - began <= WINDOW:
            fate = "superseded"
        found[wakeup["session"], wakeup["method"]].add(wakeup["outcome"], fate, time)
    return found


def by_method(counts):
    """The same for each method, over all sessions."""
    found = collections.defaultdict(Counts)
    for (_, method), one in counts.items():
        total = found[method]
        for name in ("pending", "followed", "superseded", "never"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.outcomes += one.outcomes
        total.times += one.times
    return found


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", grouped(LAB))
def test_wakeup_table(tshark, name, two_pass):
    expected = lab_wakeups(tshark, name)
    shown = printed.tables(capture_of(name), "oxcnotif,wakeups", two_pass, args_of(name))
    all_sessions = {row["Means of wake-up"]: row for row in shown["All sessions"]}
    totals = by_method(expected)
    assert set(all_sessions) == {METHODS[method] for method in totals}
    for method, counts in totals.items():
        assert all_sessions[METHODS[method]]["Session"] == "all"
        assert_row(numbers(all_sessions[METHODS[method]]), counts.row())
    # The plugin numbers sessions by itself, so rows are compared as a set.
    rows = sorted((row["Means of wake-up"], sorted(numbers(row).items())) for row in shown["Each session"] if not is_left(row))
    wanted = sorted((METHODS[method], sorted(counts.row().items())) for (_, method), counts in expected.items())
    assert len(rows) == len(wanted)
    for (method, row), (wanted_method, wanted_row) in zip(rows, wanted):
        assert method == wanted_method
        assert_row(dict(row), dict(wanted_row))


# --- notifications and subscriptions ------------------------------------------

def notifications_of(name):
    """(NotificationFlags, TableEventType or None) of each RopNotify."""
    if name in LAB:
        return [(n["NotificationFlags"], n.get("TableEventType")) for n in lab.truth(name)["notifications"]]
    return [(response.fields["NotificationFlags"], response.fields.get("TableEventType"))
            for _, response in truth.load(name).notifications() if response.is_notify]


def subscriptions_of(name):
    """How many RopRegisterNotification succeeded."""
    if name in LAB:
        return sum(rop["RopId"] == 0x29 and rop["fields"]["ReturnValue"] == 0
                   for call in lab.truth(name)["calls"] for payload in call.get("payloads_out") or []
                   for rop in payload["rops"])
    return sum(response.rop_id == 0x29 and response.return_value == 0
               for call in truth.load(name).calls for response in call.responses or [])


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", grouped(EVERY))
def test_tree(tshark, name, two_pass):
    tree = printed.tree(capture_of(name), two_pass=two_pass, args=args_of(name))
    expected = collections.Counter()
    for flags, event in notifications_of(name):
        kind = TYPES.get(flags & 0xFFF, f"NotificationType 0x{flags & 0xFFF:03x}")
        if (flags & 0xFFF) == 0x400:
            kind = "Extended (reserved)"
        expected[kind,] += 1
        if event:
            expected[kind, TABLE_EVENTS.get(event, f"TableEventType {event}")] += 1
    by_type = ("Notifications", "By type")
    assert {path[2:]: count for path, count in tree.items() if path[:2] == by_type and path != by_type} == expected
    total = len(notifications_of(name))
    assert tree["Notifications",] == total
    by_folder = ("Notifications", "By folder")
    assert sum(count for path, count in tree.items() if len(path) == 3 and path[:2] == by_folder) == total
    assert tree["Subscriptions",] == subscriptions_of(name)


@pytest.mark.parametrize("name", grouped(LAB))
def test_tree_of_wakeups(tshark, name):
    tree = printed.tree(capture_of(name), args=args_of(name))
    totals = by_method(lab_wakeups(tshark, name))
    names = {1: "Pending notifications", 2: "Timeout", 3: "Refused",
             4: "Cut off before the answer"}
    expected = {(METHODS[method], names[outcome]): count for method, counts in totals.items()
                for outcome, count in {1: counts.pending, **counts.outcomes}.items() if count}
    # A wait that seemed abandoned until the next one was refused leaves a row with 0.
    assert {path[1:]: count for path, count in tree.items()
            if path[0] == "Wake-ups and ends of waits" and len(path) == 3 and count} == expected
    fates = {path[1]: count for path, count in tree.items()
             if path[0] == "Wake-up outcomes" and len(path) == 2}
    for label, wanted in (("Followed up", "followed"), ("Superseded by a later wake-up", "superseded")):
        assert fates.get(label, 0) == sum(getattr(counts, wanted) for counts in totals.values())
    assert fates.get("Never followed", 0) + fates.get("Undecided", 0) == sum(counts.never for counts in totals.values())


# --- sessions -------------------------------------------------------------------

@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", grouped(LAB))
def test_sessions(tshark, name, two_pass):
    """What belongs to no session that is known has no row."""
    facts = lab.truth(name)
    calls = {call["id"]: call for call in facts["calls"]}
    expected = []
    for session in facts["sessions"]:
        mine = [call for call in facts["calls"] if call["session"] == session["session"]]
        rops = [rop for call in mine for payload in call.get("payloads_out") or [] for rop in payload["rops"]]
        wakeups = [w for w in facts["wakeups"] if w["session"] == session["session"]]
        expected.append((
            sum(rop["RopId"] == 0x29 and rop["fields"]["ReturnValue"] == 0 for rop in rops),
            sum(calls[n["call"]]["session"] == session["session"] for n in facts["notifications"]),
            sum(w["outcome"] == 1 for w in wakeups),
            sum(w["outcome"] == 1 and bool(w["followup_in"]) for w in wakeups),
            sum(w["outcome"] == 4 for w in wakeups),
            sum(w["outcome"] == 3 for w in wakeups)))
    rows = printed.tables(capture_of(name), "oxcnotif,sessions", two_pass, args_of(name))["Sessions"]
    columns = ("Subscriptions", "Notifications", "Wake-ups", "Followed", "Cut off", "Refused")
    assert sorted(tuple(int(row[column]) for column in columns) for row in rows if not is_left(row)) == sorted(expected)


def test_session_details(tshark):
    """One capture in full: frames, addresses and ends as hermex-1-mapihttp.md has them."""
    rows = printed.tables(truth.capture_path("hermex-1-mapihttp"), "oxcnotif,sessions")["Sessions"]
    calls = truth.load("hermex-1-mapihttp").calls
    for row, session in zip(rows, ("A", "B", "C"), strict=True):
        begins = [call for call in calls if call.request_type == "Connect" and call.response_code == 0]
        begin = begins[int(row["Session"]) - 1]
        assert int(row["First frame"]) == begin.resp_frame
        ends = [call for call in calls if call.context == begin.context and call.request_type == "Disconnect" and
                call.response_code == 0]
        assert row["Ended"] == f"disconnected in {ends[0].resp_frame}", session
        assert (row["Client address"], row["Server address"]) == ("127.0.0.1", "127.0.0.1")
        assert row["User of session"].endswith("@lab.test")


# --- response times ----------------------------------------------------------------

@pytest.mark.parametrize("name", grouped(LAB))
def test_response_times(tshark, name):
    when = frame_times(tshark, name)
    fetches = collections.defaultdict(list)
    followups = {w["followup_in"] for w in lab.truth(name)["wakeups"] if w["followup_in"]}
    for call in lab.truth(name)["calls"]:
        if call["name"] in ("Execute", "EcDoRpcExt2", "EcDoRpcExt", "EcDoRpc") and call["frame_resp"] and \
                call["frame_req"] and not call["fault"] and call.get("complete", True):
            label = call["name"] + (", follow-up" if call["frame_req"] in followups else "")
            fetches[label].append(when[call["frame_resp"]] - when[call["frame_req"]])
    shown = printed.times(capture_of(name), args=args_of(name))
    assert set(shown) == {"Call", "EcDoAsyncWaitEx until", "NotificationWait until"}
    assert {label: row[0] for label, row in shown["Call"].items()} == {k: len(v) for k, v in fetches.items()}
    for label, values in fetches.items():
        assert shown["Call"][label][1:] == pytest.approx((min(values), max(values), sum(values) / len(values)), abs=2e-6)


def test_waits_have_tables_of_their_own(tshark):
    """The long waits of this capture are in no table of fetches: 297.6 s and 70 s by its driver's clock."""
    shown = printed.times(truth.capture_path("gromox-mapihttp-wait-timeout"))
    assert shown["NotificationWait until"]["Timeout"][2] == pytest.approx(297.6, abs=0.5)
    assert shown["NotificationWait until"]["Event"][2] == pytest.approx(70, abs=2)
    assert all(row[2] < 10 for row in shown["Call"].values())


# --- flow graph ---------------------------------------------------------------------

def flow(tshark, name):
    """The whole text, and the labels of the arrows (cut to the width of the drawing). In a single pass the graph has an
    arrow for a call that a later one replaces as the follow-up."""
    text = tshark.text(lab.capture(name), two_pass=True, args=("-q", "-z", "flow,oxcnotif,standard"))
    return text, [line.split("|")[2].strip() for line in text.splitlines()
                  if line.startswith("|") and len(line.split("|")) > 3 and line.split("|")[1].strip()]


@pytest.mark.parametrize("name", ["mapihttp-cut", "rpc-async", "rpch-plain"])
def test_flow_of_waits(tshark, name):
    """Each wait has one arrow, and so has its end."""
    _, labels = flow(tshark, name)
    facts = lab.truth(name)
    kinds = collections.Counter(label.split(":")[0] for label in labels)
    assert kinds["Wait"] == sum(call["name"] in ("NotificationWait", "EcDoAsyncWaitEx") for call in facts["calls"])
    assert kinds["Wake-up"] == sum(w["outcome"] == 1 for w in facts["wakeups"])
    assert kinds["No event"] == sum(w["outcome"] == 2 for w in facts["wakeups"])
    assert kinds["Refused"] == sum(w["outcome"] == 3 for w in facts["wakeups"])
    assert kinds["Cut off"] == sum(w["outcome"] == 4 for w in facts["wakeups"])
    assert kinds["Fetch"] == sum(bool(w["followup_in"]) for w in facts["wakeups"])


def test_flow_graph(tshark):
    """rpc-linked: subscriptions, RopPending, the fetches that follow, and what they bring."""
    text, labels = flow(tshark, "rpc-linked")
    facts = lab.truth("rpc-linked")
    assert sum(label.startswith("Wake-up: RopPending") for label in labels) == len(facts["wakeups"])
    assert sum(label.startswith("Fetch: EcDoRpcExt2") for label in labels) == \
        sum(bool(w["followup_in"]) for w in facts["wakeups"])
    assert sum(label.startswith("Subscribed") for label in labels) == subscriptions_of("rpc-linked")
    assert sum("RopNotify" in label for label in labels) == len({n["frame"] for n in facts["notifications"]})
    for wakeup in facts["wakeups"]:
        if wakeup["followup_in"]:
            assert f"after the wake-up of frame {wakeup['frame']}" in text


def test_flow_names_folders(tshark):
    """gromox-mapihttp-notify.md: subscriptions and notifications of folders whose names the session has shown."""
    text, _ = flow(tshark, "gromox-mapihttp-notify")
    expected = {row["oxcnotif.folder_name"][0] for row in tshark.fields(lab.capture("gromox-mapihttp-notify"), ["oxcnotif.folder_name"],
                                                                       "oxcnotif.notification_flags && oxcnotif.folder_name", two_pass=True)}
    assert expected and all(re.search(rf"RopNotify: .*\b{re.escape(name)}\b", text) for name in expected)


# --- many sessions ---------------------------------------------------------------------

@pytest.fixture(scope="module")
def generated(tshark, tmp_path_factory):
    """A capture of 60 interleaved sessions of all methods, and its truth."""
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, str(GENERATE), "--sessions", "60", "--seed", "5", "--condition", "complete", "--out",
                    str(folder)], check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (folder / "complete.truth.jsonl").read_text().splitlines()]
    return folder / "complete.pcapng", lines


@pytest.mark.xdist_group("generated")
@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
def test_wakeups_of_many_sessions(generated, two_pass):
    capture, facts = generated
    expected = collections.defaultdict(Counts)
    for fact in facts:
        if fact["type"] == "wakeup" and fact["outcome"] == 1:
            expected[fact["session"], fact["method"]].add(1, fact["fate"], fact.get("followup_time"))
    shown = printed.tables(capture, "oxcnotif,wakeups", two_pass)
    outcomes = set(OUTCOMES.values())

    def pending(row):
        return {name: value for name, value in row.items() if name not in outcomes}

    all_sessions = {row["Means of wake-up"]: row for row in shown["All sessions"]}
    for method, counts in by_method(expected).items():
        assert_row(pending(numbers(all_sessions[METHODS[method]])), pending(counts.row()))
    rows = sorted((row["Means of wake-up"], sorted(pending(numbers(row)).items())) for row in shown["Each session"]
                  if row["Wake-ups"] != "0")
    wanted = sorted((METHODS[method], sorted(pending(counts.row()).items())) for (_, method), counts in expected.items())
    assert len(rows) == len(wanted)
    for (method, row), (wanted_method, wanted_row) in zip(rows, wanted):
        assert method == wanted_method
        assert_row(dict(row), dict(wanted_row))


@pytest.mark.xdist_group("generated")
def test_missed_is_told_in_one_pass(generated):
    """Wake-ups that nothing followed for the window, though the capture goes on, are missed and not just open."""
    capture, facts = generated
    latest = max(fact["time"] for fact in facts if fact["type"] == "wakeup")
    missed = sum(fact["fate"] == "never" and fact["time"] + WINDOW < latest for fact in facts if fact["type"] == "wakeup")
    assert missed > 0
    shown = printed.tables(capture, "oxcnotif,wakeups")["All sessions"]
    assert sum(int(row["Missed"]) for row in shown) >= missed


@pytest.mark.xdist_group("generated")
def test_sessions_of_many(generated):
    capture, facts = generated
    expected = {fact["session"]: [0, 0, 0] for fact in facts if fact["type"] == "session"}
    for fact in facts:
        if fact["type"] == "fetch":
            expected[fact["session"]][0] += fact["notifications"]
        elif fact["type"] == "wakeup" and fact["outcome"] == 1:
            expected[fact["session"]][1] += 1
            expected[fact["session"]][2] += fact["fate"] == "followed"
    rows = printed.tables(capture, "oxcnotif,sessions")["Sessions"]
    assert sorted([int(row["Notifications"]), int(row["Wake-ups"]), int(row["Followed"])] for row in rows) == \
        sorted(expected.values())


# --- asked again, and in other programs ---------------------------------------------------

@pytest.mark.parametrize("name", ["rpc-async", "push", "mapihttp-cut"])
def test_sharkd_gives_the_same(tshark, name):
    """Twice, because statistics are started again for each question."""
    capture = lab.capture(name)
    shown = printed.tables(capture, "oxcnotif,wakeups")
    with tshark.Sharkd(capture) as sharkd:
        for _ in range(2):
            answer = sharkd.ask("tap", tap0="nstat:oxcnotif,wakeups", tap1="nstat:oxcnotif,sessions",
                                tap2="stat:oxcnotif", tap3="srt:oxcnotif", tap4="seqa:oxcnotif")
            taps = {tap["tap"]: tap for tap in answer["taps"]}
            assert len(taps) == 5
            for table in taps["nstat:oxcnotif,wakeups"]["tables"]:
                printed_rows = [[cell for cell in row.values()] for row in shown[table["t"]]]
                cells = [[cell.strip() if isinstance(cell, str) else cell for cell in row if cell is not None]
                         for row in table["i"]]
                assert [len(row) for row in cells] == [len(row) for row in printed_rows]
                for row, texts in zip(cells, printed_rows):
                    assert row[:2] == texts[:2]
                    assert row[2:] == pytest.approx([float(text) for text in texts[2:]], abs=2e-6)
            assert taps["seqa:oxcnotif"]["nodes"] and taps["seqa:oxcnotif"]["flows"]


def test_filter(tshark):
    """A filter by session leaves the numbers of that session as they are."""
    capture = truth.capture_path("hermex-1-mapihttp")
    everything = printed.tables(capture, "oxcnotif,wakeups")["Each session"]
    for row in everything:
        one = printed.tables(capture, f"oxcnotif,wakeups,oxcnotif.session == {row['Session']}")["Each session"]
        assert one == [row]


def test_every_statistic_is_offered(tshark):
    listed = set(re.findall(r"^\s+(\S+)$", tshark.run(["-z", "help"], check=False).stderr, re.M))
    assert {"oxcnotif,tree", "oxcnotif,wakeups", "oxcnotif,sessions", "oxcnotif,srt", "flow,oxcnotif"} <= listed


@pytest.mark.parametrize("two_pass", [False, True], ids=["one-pass", "two-passes"])
@pytest.mark.parametrize("name", ["mapihttp-cut", "push"])
def test_statistics_of_one_run_are_those_of_runs_of_their_own(tshark, name, two_pass):
    for statistic in printed.TITLES:
        one = printed.together(capture_of(name), two_pass, ())[statistic].rstrip("=\n")
        assert len(one) > 100 and one in printed.alone(capture_of(name), statistic, two_pass)
