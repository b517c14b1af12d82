# SPDX-License-Identifier: GPL-2.0-or-later
"""Live captures: events come while the capture goes on, memory grows with frames only, and a session of dissection that ends
(ring buffers, tshark -M) ends nothing else (docs/live.md)."""

import json
import os
import pathlib
import subprocess

import pytest

import live
import printed
import tshark as tools

pytestmark = [pytest.mark.skipif(bool(os.environ.get("OXCNOTIF_SANITIZE")), reason="dumpcap hangs with a sanitizer in it"),
              pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="memory is read from /proc")]
EVENTS = ["-q", "-z", "oxcnotif,events"]
SESSIONS = 12                   # 1,370 frames, more than a minute of capture
BYTES_A_FRAME = 450             # that the plugin may keep beside Wireshark's own; docs/live.md has what was measured


def kinds(lines: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in lines]


def test_events_come_while_the_capture_goes_on(tshark) -> None:
    feed, running = live.Feed(), live.Live(EVENTS)
    data = feed.header() + feed.part(SESSIONS)
    running.feed(data)
    # Each round ends with a fetch: only what the last seconds leave open is not final.
    wanted = SESSIONS * (live.traffic.ROUNDS - 1)
    assert running.wait(lambda: kinds(list(running.lines)).count("followup") >= wanted), len(running.lines)
    assert "capture" not in kinds(list(running.lines)) and running.process.poll() is None
    more = feed.part(SESSIONS)
    running.feed(more)
    assert running.close() == 0
    path = tools.folder() / "fed.pcap"
    path.write_bytes(data + more)
    path.chmod(0o644)
    assert running.lines == tools.text(path, args=EVENTS).splitlines(keepends=True)


def test_memory_grows_with_frames_only(tshark) -> None:
    with_it, alone = live.Live(EVENTS), live.Live(["-q", "-z", "io,stat,0"], {"WIRESHARK_PLUGIN_DIR": "/nonexistent"})
    feed, used, frames = live.Feed(), [], []
    data = feed.header()
    for _ in range(3):
        data += feed.part(SESSIONS)
        for running in (with_it, alone):
            running.feed(data)
        used.append([running.memory() for running in (with_it, alone)])
        frames.append(feed.frames)
        data = b""
    assert [with_it.close(), alone.close()] == [0, 0]
    growth = [[later[way] - earlier[way] for way in (0, 1)] for earlier, later in zip(used, used[1:])]
    for (plugin, own), before, after in zip(growth, frames, frames[1:]):
        assert plugin - own < BYTES_A_FRAME * (after - before), (used, frames)


@pytest.mark.parametrize("how", ["ring buffer", "reset"])
def test_events_go_on_in_the_next_session_of_dissection(tshark, how: str) -> None:
    folder = tools.folder()
    folder.chmod(0o777)
    # As many files as dumpcap makes: it is fed faster than tshark opens them.
    more = ["-M", "500"] if how == "reset" else ["-w", str(folder / "ring.pcapng"), "-b", "filesize:100", "-b", "files:9"]
    feed, running = live.Feed(), live.Live([*EVENTS, *more])
    running.feed(feed.header() + feed.part(SESSIONS))
    assert running.wait(lambda: kinds(list(running.lines)).count("capture") >= 2)
    assert running.close() == 0
    found = kinds(running.lines)
    assert found[-1] == "capture" and found.count("capture") > 2 and found.count("followup") > SESSIONS
    # Each part is whole: what it names is in it.
    part: list[dict] = []
    for line in running.lines:
        part.append(json.loads(line))
        if part[-1]["event"] != "capture":
            continue
        named = {event["session"] for event in part if "session" in event and event["event"] != "session"}
        assert named <= {event["session"] for event in part if event["event"] == "session"}
        assert sum("followup_in" in event for event in part) == sum(event["event"] == "followup" for event in part)
        part = []


@pytest.mark.parametrize("statistic", ["sessions", "wakeups"])
def test_sessions_of_the_next_session_of_dissection_have_rows_of_their_own(tshark, statistic: str) -> None:
    feed, part = live.Feed(), 500
    records = [feed.header(), feed.part(SESSIONS)]
    whole = tools.folder() / "whole.pcap"
    whole.write_bytes(b"".join(records))
    whole.chmod(0o644)
    wanted: list[list[str]] = []
    for first in range(1, feed.frames + 1, part):
        piece = whole.with_name(f"from{first}.pcap")
        subprocess.run(["editcap", "-r", str(whole), str(piece), f"{first}-{first + part - 1}"], check=True)
        piece.chmod(0o644)
        wanted += rows(piece, statistic)
    assert len(wanted) > SESSIONS
    assert sorted(rows(whole, statistic, ["-M", str(part)])) == sorted(wanted)


def rows(path: pathlib.Path, statistic: str, args: list[str] | None = None) -> list[list[str]]:
    """What the rows of single sessions say."""
    found = printed.tables(path, f"oxcnotif,{statistic}", args=args or [])
    name = "Sessions" if statistic == "sessions" else "Each session"
    return [list(row.values()) for row in found[name]]
