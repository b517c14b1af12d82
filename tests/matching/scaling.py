#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Time and memory against the number of sessions: ten times the sessions must not cost more than eleven times as much.

Runs tshark with two passes over captures of N and 10 N sessions, with the plugin and without, several times in turn, and
takes the least processor time of each.  What tshark costs on an empty capture is taken off first: start-up does
not grow, and would hide what does.  The larger capture never has exactly ten times the frames: the growth is given for ten times as many.
tshark alone may grow by more than eleven times (caches); tshark with the plugin is then held to that instead, the plugin's
share always to eleven.  With --callgrind instructions are counted, which repeat exactly but take long.
Ends with 1 when a requirement is missed, with 2 when it could not measure.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]

import report  # noqa: E402  (after the path is set)
import scoring  # noqa: E402
import tshark as tools  # noqa: E402

FACTOR = 10
LIMIT = 11.0        # times as much as for a tenth of the sessions
STEADY = 0.1        # what grows by less than this share of the whole is not worth judging: it is noise


def run(capture: pathlib.Path, plugin: bool, callgrind: bool) -> tuple[float, float]:
    """Processor seconds (or instructions) and peak memory in kB of one run."""
    environment = tools.environment()
    if not plugin:
        environment["WIRESHARK_PLUGIN_DIR"] = str(tools.scratch() / "home")
    shown = ["-Y", "oxcnotif.wakeup", "-T", "fields", "-e", "oxcnotif.followup_in"] if plugin else ["-Y", "frame.number == 1"]
    command = ["tshark", "-2", "-n", "-r", str(capture), *shown]
    out = tools.scratch() / "home" / "callgrind.out"
    if callgrind:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=tools.scratch() / "home", env=environment, stdout=subprocess.DEVNULL,
                                   stderr=errors, **tools.identity())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    if callgrind:
        return float(re.search(r"Collected\s*:\s*(\d+)", said).group(1)), usage.ru_maxrss
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def empty_capture(path: pathlib.Path) -> pathlib.Path:
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 1))
    path.chmod(0o644)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=300, help="the smaller number (default 300)")
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--condition", default="complete")
    parser.add_argument("--runs", type=int, default=3, help="of each, in turn (default 3)")
    parser.add_argument("--callgrind", action="store_true", help="count instructions with valgrind; one run of each")
    options = parser.parse_args()
    try:
        tools.require_plugin()
    except tools.NoPlugin as problem:
        print(problem, file=sys.stderr)
        return 2
    place = tools.scratch() / "captures"
    captures, frames = {"empty": empty_capture(place / "empty.pcap")}, {}
    for name, sessions in (("small", options.sessions), ("large", options.sessions * FACTOR)):
        made, truth = report.generate(sessions, options.events, 1, options.condition, place)
        captures[name] = made.rename(place / f"{name}.pcapng")
        captures[name].chmod(0o644)
        frames[name] = scoring.read_truth(truth)["capture"][0]["frames"]
        truth.unlink()
    exactly = FACTOR * frames["small"] / frames["large"]
    cost, memory = {}, {}
    for _ in range(1 if options.callgrind else options.runs):
        for plugin in (True, False):
            for name, capture in captures.items():
                spent, peak = run(capture, plugin, options.callgrind)
                cost[plugin, name] = min(spent, cost.get((plugin, name), spent))
                memory[plugin, name] = min(peak, memory.get((plugin, name), peak))

    unit = "instructions" if options.callgrind else "seconds"
    size = f"{frames['small']} and {frames['large']} frames"
    print(f"| {size} | {unit}: {options.sessions} sessions | {options.sessions * FACTOR} sessions | times | MB | MB | times |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    problems = []
    alone = {}
    quantities = [("tshark without the plugin", lambda table, name: table[False, name] - table[False, "empty"], False),
                  ("tshark with it", lambda table, name: table[True, name] - table[True, "empty"], True),
                  ("the plugin (difference)", lambda table, name: table[True, name] - table[True, "empty"]
                   - table[False, name] + table[False, "empty"], True)]
    for title, grown, ours in quantities:
        cells = []
        for table, what, scale in ((cost, unit, 1), (memory, "memory", 1024)):
            if table is memory and options.callgrind:
                cells += ["–"] * 3      # valgrind's own
                continue
            small, large = grown(table, "small"), grown(table, "large")
            times = large / small * exactly if small > 0 else float("nan")
            alone.setdefault(what, times)
            limit = max(LIMIT, alone[what]) if title == "tshark with it" else LIMIT
            form = "{:.3g}" if table is memory or not options.callgrind else "{:.4g}"
            cells += [form.format(small / scale), form.format(large / scale), f"{times:.2f}"]
            if ours and large > (0.01 if options.callgrind else STEADY) * table[True, "large"] and not times <= limit:
                problems.append(f"{title}: {what} grows {times:.2f} times, more than {limit:.2f}")
        print(f"| {title} | " + " | ".join(cells) + " |")
    for problem in problems:
        print(f"MISSED: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
