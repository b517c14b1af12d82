#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure the matcher: generate captures of many sessions, run tshark with the plugin over them, compare with the truth.

Ends with 1 when a requirement is missed, with 2 when it could not measure.  The build directory is build/, or OXCNOTIF_BUILD.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]

import scoring  # noqa: E402  (after the path is set)
import tshark as tools  # noqa: E402

GENERATE = HERE.parents[1] / "test-captures" / "generator" / "generate"
CONDITIONS = ("complete", "loss", "start", "nat", "encrypted", "nat+start")
# What the field adds, each alone and all together; what hides nothing must be right.
FIELD = ("auth", "failed", "addresses", "own", "copies", "routed", "busy", "chains", "cuts", "vanish", "delegates", "shared", "proxy", "proxy+cuts",
         "loopback", "rpch", "rpch+cuts", "http2", "cuts+http2", "field", "start+field", "start+rpch", "middle")
# Behind this line of a document the tables are replaced; a file without it is replaced as a whole.
MEASURED = "<!-- behind this line: tests/matching/report.py --markdown -->\n\n"
ANYTHING = " || ".join(f"{name}" for name in scoring.FIELDS.values())


def generate(sessions: int, events: int, seed: int, condition: str, out: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The capture and its truth."""
    subprocess.run([sys.executable, str(GENERATE), "--sessions", str(sessions), "--events", str(events), "--seed", str(seed),
                    "--condition", condition, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    name = "-".join(sorted(condition.split("+")))
    return out / f"{name}.pcapng", out / f"{name}.truth.jsonl"


def shown(capture: pathlib.Path, prefs: dict[str, str]) -> list[dict]:
    """What the plugin shows, frame by frame."""
    rows = tools.fields(capture, list(scoring.FIELDS.values()), ANYTHING, two_pass=True, prefs=prefs)
    return [{"frame": row["frame"], **{name: row[field] for name, field in scoring.FIELDS.items()}} for row in rows]


def measure(condition: str, seeds: list[int], sessions: int, events: int, prefs: dict[str, str]) -> scoring.Score:
    score = scoring.Score()
    for seed in seeds:
        # Where the unprivileged user can read it, so that nothing is copied.
        capture, truth = generate(sessions, events, seed, condition, tools.scratch() / "captures")
        capture.chmod(0o644)
        scoring.add(score, shown(capture, prefs), scoring.read_truth(truth))
        capture.unlink()
        truth.unlink()
    return score


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--events", type=int, default=10, help="per session, on average")
    parser.add_argument("--seed", type=int, action="append", help="may be repeated: their counts are added (default 1)")
    parser.add_argument("--condition", action="append", help=f"may be repeated (default {', '.join(CONDITIONS)})")
    parser.add_argument("--pref", action="append", default=[], metavar="NAME:VALUE", help="a preference for tshark")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the tables to this file (behind its mark), not to the standard output")
    parser.add_argument("--examples", action="store_true", help="print some of what is wrong")
    options = parser.parse_args()
    try:
        tools.require_plugin()
    except tools.NoPlugin as problem:
        print(problem, file=sys.stderr)
        return 2
    missing = sorted(set(scoring.FIELDS.values()) - tools.registered())
    if missing:
        print(f"the plugin has no field {', '.join(missing)}", file=sys.stderr)
        return 2
    scores, problems = {}, []
    for condition in options.condition or CONDITIONS + FIELD:
        began = time.monotonic()
        score = scores[condition] = measure(condition, options.seed or [1], options.sessions, options.events,
                                            dict(pref.split(":", 1) for pref in options.pref))
        problems += scoring.verdict(condition, score)
        print(f"{condition}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if options.examples:
            print("\n".join(f"  {text}" for text in score.examples), file=sys.stderr)
    tables = scoring.markdown(scores)
    if options.markdown:
        text = options.markdown.read_text(encoding="utf-8") if options.markdown.exists() else ""
        options.markdown.write_text(text.partition(MEASURED)[0] + (MEASURED if MEASURED in text else "") + tables, encoding="utf-8")
    else:
        print(tables)
    for problem in problems:
        print(f"MISSED: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
