# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare what the plugin shows of wake-ups and follow-ups with the truth beside a generated capture.

Precision: of the links shown, how many are true.  Recall: of the true links that the capture can show, how many are
shown; with lost packets, only of pairs whose packets are all there.  A link is a wake-up's frame with the frame of the
request that fetched what it announced.
"""

from __future__ import annotations

import collections
import dataclasses
import json

METHODS = {1: "UDP datagram", 2: "EcDoAsyncWaitEx", 3: "NotificationWait", 4: "RopPending"}
PENDING, CUT_OFF, ABANDONED = 1, 4, 5

# What the report asks tshark for, and what it calls it.
FIELDS = {
    "method": "oxcnotif.wakeup.method", "outcome": "oxcnotif.wakeup.outcome", "followup": "oxcnotif.followup_in",
    "time": "oxcnotif.followup_time", "superseded": "oxcnotif.superseded_in", "wakeup": "oxcnotif.wakeup_in",
    "match": "oxcnotif.match", "confidence": "oxcnotif.match.confidence", "session": "oxcnotif.session",
    "closer": "oxcnotif.wakeup.closed_by",
}

# Confidence is looked at in these steps, in per cent; a step ends where the next one begins.
STEPS = (0, 50, 60, 70, 80, 90, 95, 99, 100)
ENOUGH = 50             # fewer links in a step say nothing about it
TOLERANCE = 0.10        # how far "about c %" may be off, beyond two standard errors of so few links


def read_truth(path) -> dict[str, list[dict]]:
    records = collections.defaultdict(list)
    with open(path, encoding="ascii") as lines:
        for line in lines:
            record = json.loads(line)
            records[record["type"]].append(record)
    return records


@dataclasses.dataclass
class Count:
    """Links of one method under one condition."""
    wakeups: int = 0            # pending ones that the capture has
    followed: int = 0           # true links that count for recall
    found: int = 0              # of those, shown
    shown: int = 0
    right: int = 0              # of those shown, true

    def __add__(self, other: "Count") -> "Count":
        return Count(*(a + b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(other))))

    @property
    def precision(self) -> float | None:
        return self.right / self.shown if self.shown else None

    @property
    def recall(self) -> float | None:
        return self.found / self.followed if self.followed else None


@dataclasses.dataclass
class Score:
    """What one or several captures of one condition gave."""
    links: dict[int, Count] = dataclasses.field(default_factory=lambda: {method: Count() for method in METHODS})
    superseded: Count = dataclasses.field(default_factory=Count)
    calibration: dict[int, list[float]] = dataclasses.field(
        default_factory=lambda: {step: [0, 0, 0.0] for step in STEPS})     # links, right, sum of confidences
    kinds: collections.Counter = dataclasses.field(default_factory=collections.Counter)     # (oxcnotif.match, right)
    outcomes: int = 0           # wake-ups and ends of waits that the capture has
    wrong_outcomes: int = 0     # of those, not shown, or shown as something else
    wrong_closers: int = 0      # ends of waits that were cut off, shown as somebody else's doing
    cut_off: int = 0            # of those, all
    strange: int = 0            # wake-ups shown that are none
    one_way: int = 0            # a link that stands on one of its frames only
    wrong_times: int = 0        # a right link with a wrong oxcnotif.followup_time
    torn: int = 0               # sessions shown as several, or several shown as one
    frames: int = 0
    sessions: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)

    @property
    def all(self) -> Count:
        return sum(self.links.values(), Count())

    def note(self, text: str) -> None:
        if len(self.examples) < 40:
            self.examples.append(text)


def integers(values: list[str]) -> list[int]:
    return [int(value, 0) for value in values]


def add(score: Score, rows: list[dict], truth: dict[str, list[dict]]) -> None:
    """Score one capture.  rows: one per frame in which any of FIELDS is shown, {"frame": n, name: [values]}."""
    capture = truth["capture"][0]
    strict = "loss" in capture["conditions"]
    shown = {row["frame"]: row for row in rows}
    wakeups = {w["frame"]: w for w in truth["wakeup"] if w["frame"] is not None and w["outcome"] == PENDING}
    requests = {f["request"]: f for f in truth["fetch"] if f["request"] is not None}
    score.frames += capture["frames"]
    score.sessions += len(truth["session"])

    true_links = {w["frame"]: w["followup"] for w in wakeups.values() if w["fate"] == "followed" and w["visible"]}
    counted = {w["frame"] for w in wakeups.values() if w["frame"] in true_links and (w["survived"] or not strict)}
    for wakeup in wakeups.values():
        score.links[wakeup["method"]].wakeups += 1

    for row in rows:
        frame = row["frame"]
        for followup in integers(row["followup"]):
            true = true_links.get(frame) == followup
            method = wakeups[frame]["method"] if frame in wakeups else next(iter(integers(row["method"])), 0)
            count = score.links.setdefault(method, Count())
            count.shown += 1
            count.right += true
            other = shown.get(followup, {"wakeup": [], "confidence": [], "match": []})
            if frame not in integers(other["wakeup"]):
                score.one_way += 1
                score.note(f"frame {frame} says followup_in {followup}, which does not say wakeup_in {frame}")
            # A RopPending is itself in the response of a fetch, which may show another link: the request shows one only.
            confidence = [float(value) for value in other["confidence"] or row["confidence"]]
            if confidence:
                step = max(step for step in STEPS if step <= confidence[0])
                entry = score.calibration[step]
                entry[0] += 1
                entry[1] += true
                entry[2] += confidence[0]
            kind = integers(other["match"] or row["match"])
            score.kinds[kind[0] if kind else 0, true] += 1
            if true:
                wanted = wakeups[frame]["followup_time"]
                if not any(abs(float(value) - wanted) < 2e-6 for value in row["time"]):
                    score.wrong_times += 1
            else:
                what = wakeups.get(frame)
                score.note(f"wrong: frame {frame} ({METHODS.get(method)}) -> {followup}; true: "
                           + ("no wake-up" if what is None else f"session {what['session']}, {what['fate']} {what['followup']}")
                           + (f"; that fetch is session {requests[followup]['session']}'s" if followup in requests else "; no fetch"))
        for wakeup in integers(row["wakeup"]):
            if frame in requests and frame not in integers(shown.get(wakeup, {"followup": []})["followup"]):
                score.one_way += 1
                score.note(f"frame {frame} says wakeup_in {wakeup}, which does not say followup_in {frame}")

    for frame in counted:
        count = score.links[wakeups[frame]["method"]]
        count.followed += 1
        if frame in shown and true_links[frame] in integers(shown[frame]["followup"]):
            count.found += 1
        else:
            score.note(f"missed: frame {frame} ({METHODS[wakeups[frame]['method']]}) -> {true_links[frame]}, "
                       f"session {wakeups[frame]['session']}")

    _superseded(score, shown, wakeups, strict)
    _outcomes(score, shown, truth)
    _sessions(score, shown, wakeups, requests)
    # The response says the same as the request. Behind a gap another of Wireshark's heuristics may take a stream and wait
    # for more of it in vain: with lost packets, only responses that are dissected at all are looked at.
    for fetch in truth["fetch"]:
        request, response = shown.get(fetch["request"]), shown.get(fetch["response"])
        if fetch["answered"] and request and request["wakeup"] and \
                (not strict if response is None else not set(request["wakeup"]) <= set(response["wakeup"])):
            score.one_way += 1
            score.note(f"fetch {fetch['request']} says wakeup_in, its response {fetch['response']} does not")


def _superseded(score, shown, wakeups, strict):
    true = {w["frame"]: w["superseded_by"] for w in wakeups.values() if w["fate"] == "superseded" and w["superseded_by"]}
    for frame, row in shown.items():
        for later in integers(row["superseded"]):
            score.superseded.shown += 1
            if true.get(frame) == later:
                score.superseded.right += 1
            else:
                score.note(f"wrong: frame {frame} superseded_in {later}; true: {true.get(frame)}")
    for frame, later in true.items():
        if wakeups[frame]["survived"] or not strict:
            score.superseded.followed += 1
            found = frame in shown and later in integers(shown[frame]["superseded"])
            score.superseded.found += found
            if not found:
                score.note(f"not shown: frame {frame} superseded_in {later}")


def _outcomes(score, shown, truth):
    """Everything that ended a wait is shown as what it was, and nothing else is."""
    known = set()
    for wakeup in truth["wakeup"]:
        places = [wakeup["frame"]]
        if wakeup["outcome"] == CUT_OFF:
            places.append(wakeup["request"])
        places = [place for place in places if place is not None]
        known.update(places)
        if wakeup["frame"] is None or None in wakeup["frames"] or not wakeup.get("certain", True):
            continue
        score.outcomes += 1
        if "closer" in wakeup:
            score.cut_off += 1
            if any(closer != wakeup["closer"] for closer in integers(shown.get(wakeup["frame"], {"closer": []})["closer"]) or [0]):
                score.wrong_closers += 1
                score.note(f"frame {wakeup['frame']} was closed by {wakeup['closer']}; "
                           f"shown: {shown.get(wakeup['frame'], {}).get('closer')}")
        said = [pair for place in places if place in shown
                for pair in zip(integers(shown[place]["method"]), integers(shown[place]["outcome"]))]
        if (wakeup["method"], wakeup["outcome"]) not in said:
            score.wrong_outcomes += 1
            score.note(f"frame {wakeup['frame']} is method {wakeup['method']} outcome {wakeup['outcome']}; shown: {said}")
    for frame, row in shown.items():
        if row["method"] and frame not in known:
            score.strange += 1
            score.note(f"frame {frame} is shown as a wake-up (method {row['method']}, outcome {row['outcome']}), and is none")


def _sessions(score, shown, wakeups, requests):
    """oxcnotif.session against the sessions there are, on fetches and on wake-ups that have one session only."""
    pairs = set()
    for frame, record in [*requests.items(), *((frame, w) for frame, w in wakeups.items() if w["method"] != 4)]:
        if frame in shown:
            pairs.update((record["session"], number) for number in integers(shown[frame]["session"])[:1])
    score.torn += 2 * len(pairs) - len({a for a, _ in pairs}) - len({b for _, b in pairs})


# What must hold: condition -> (least precision, least recall or None when it is only stated).
# Conditions that hide nothing: everything must be right.
WHOLE = ("complete", "auth", "failed", "addresses", "own", "copies", "routed", "busy", "chains", "cuts", "vanish", "delegates", "shared",
         "proxy", "proxy+cuts", "loopback", "rpch", "rpch+cuts", "http2", "cuts+http2", "field")
LATE = ("start", "nat+start", "start+field", "start+rpch", "middle")
REQUIRED = {**dict.fromkeys(WHOLE, (1.0, 1.0)), **dict.fromkeys(LATE, (0.97, 0.93)), "loss": (0.995, 0.98)}
WITHOUT_KEYS = (0.95, None)


def verdict(condition: str, score: Score) -> list[str]:
    """What does not hold."""
    precision, recall = REQUIRED.get(condition, WITHOUT_KEYS)
    problems = []
    if score.all.shown == 0:
        return [f"{condition}: no link is shown at all"]
    if score.all.precision < precision:
        problems.append(f"{condition}: precision {score.all.precision:.4f} < {precision}")
    if recall is not None and (score.all.recall or 0) < recall:
        problems.append(f"{condition}: recall {score.all.recall or 0:.4f} < {recall}")
    if condition in WHOLE:
        for method, count in score.links.items():
            if count.followed and (count.precision != 1.0 or count.recall != 1.0):
                problems.append(f"{condition}: {METHODS.get(method, method)}: precision {count.precision}, recall {count.recall}")
        for name in ("wrong_outcomes", "wrong_closers", "strange", "wrong_times", "torn"):
            if getattr(score, name):
                problems.append(f"{condition}: {name} = {getattr(score, name)}")
        if (score.superseded.precision, score.superseded.recall) != (1.0, 1.0):
            problems.append(f"{condition}: superseded: precision {score.superseded.precision}, recall {score.superseded.recall}")
    if condition == "loss":
        problems += _missing_packets(score)
    if score.one_way:
        problems.append(f"{condition}: {score.one_way} links stand on one of their frames only")
    for step, (links, right, confidence) in score.calibration.items():
        stated = confidence / links / 100 if links else 0.0
        if links >= ENOUGH and abs(right / links - stated) > TOLERANCE + 2 * (stated * (1 - stated) / links) ** 0.5:
            problems.append(f"{condition}: of {links} links with confidence about {confidence / links:.0f} %, "
                            f"{100 * right / links:.1f} % are right")
    if sum(links for links, _, _ in score.calibration.values()) < score.all.shown:
        problems.append(f"{condition}: links without oxcnotif.match.confidence")
    return problems


# With lost packets: wake-ups shown as superseded that are, beyond two standard errors of so few; and at most so many of what is
# shown as the end of a wait is none.
SUPERSEDED = 0.98
NONE_SUCH = 0.005


def _missing_packets(score: Score) -> list[str]:
    """What is claimed of a wake-up although the packet that would show it is missing."""
    problems = []
    least = SUPERSEDED - 2 * (SUPERSEDED * (1 - SUPERSEDED) / max(score.superseded.shown, 1)) ** 0.5
    if (score.superseded.precision or 0) < least:
        problems.append(f"loss: superseded: precision {score.superseded.precision} < {least:.4f}")
    if score.strange > NONE_SUCH * score.outcomes:
        problems.append(f"loss: {score.strange} of {score.outcomes} ends of waits shown are none")
    return problems


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def markdown(scores: dict[str, Score]) -> str:
    """The tables, for people."""
    lines = ["| condition | method | wake-ups | followed | shown | precision | recall |", "|---|---|--:|--:|--:|--:|--:|"]
    for condition, score in scores.items():
        rows = [*((METHODS.get(method, "?"), count) for method, count in sorted(score.links.items())), ("all", score.all)]
        for name, count in rows:
            if count.wakeups or count.shown:
                lines.append(f"| {condition} | {name} | {count.wakeups} | {count.followed} | {count.shown} | "
                             f"{_share(count.precision)} | {_share(count.recall)} |")
    lines += ["", "| condition | confidence | links | mean confidence | right |", "|---|---|--:|--:|--:|"]
    for condition, score in scores.items():
        for step, following in zip(STEPS, (*STEPS[1:], None)):
            links, right, confidence = score.calibration[step]
            if links:
                span = f"{step}" if following in (None, step + 1) else f"{step}–{following - 1}"
                lines.append(f"| {condition} | {span} % | {links} | {confidence / links:.1f} % | {100 * right / links:.1f} % |")
    lines += ["", "| condition | sessions | frames | superseded: precision | recall | ends of waits shown wrong | closers shown wrong "
                  "| no wake-ups shown as such | sessions torn or joined |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for condition, score in scores.items():
        lines.append(f"| {condition} | {score.sessions} | {score.frames} | {_share(score.superseded.precision)} | "
                     f"{_share(score.superseded.recall)} | {score.wrong_outcomes} of {score.outcomes} | "
                     f"{score.wrong_closers} of {score.cut_off} | {score.strange} | {score.torn} |")
    return "\n".join(lines) + "\n"
