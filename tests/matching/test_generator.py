# SPDX-License-Identifier: GPL-2.0-or-later
"""The generator of the matching measurement: what it says about its captures is what a second reader finds in them."""

from __future__ import annotations

import collections
import json
import pathlib
import struct
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
GENERATE = HERE.parents[1] / "test-captures" / "generator" / "generate"
sys.path.insert(0, str(HERE))

import reread  # noqa: E402  (after the path is set)


def generate(out, *args):
    subprocess.run([sys.executable, str(GENERATE), "--out", str(out), *map(str, args)], check=True, stdout=subprocess.DEVNULL)


def truth(path):
    records = collections.defaultdict(list)
    for line in path.read_text().splitlines():
        record = json.loads(line)
        records[record["type"]].append(record)
    return records


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Captures of few sessions under every condition, all from the same traffic where the condition allows."""
    out = tmp_path_factory.mktemp("generated")
    conditions = ("complete", "loss", "start", "nat", "encrypted")
    generate(out, "--sessions", 60, "--seed", 7, *(arg for name in conditions for arg in ("--condition", name)))
    return {name: (out / f"{name}.pcapng", truth(out / f"{name}.truth.jsonl")) for name in conditions}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_second_reader_agrees(tmp_path, seed):
    generate(tmp_path, "--sessions", 80, "--seed", seed)
    found = reread.Reader(tmp_path / "complete.pcapng")
    told = truth(tmp_path / "complete.truth.jsonl")
    keys = ("frame", "method", "outcome", "followup", "superseded_by")
    assert collections.Counter(tuple(w[k] for k in keys) for w in found.wakeups) == \
        collections.Counter(tuple(w[k] for k in keys) for w in told["wakeup"])
    # A fetch still under way when the capture ends has no response in either.
    keys = ("request", "response", "wakeup", "notifications", "pending")
    assert {tuple(f[k] for k in keys) for f in found.fetches} == \
        {tuple(f[k] for k in keys) for f in told["fetch"] if f["response"] is not None}
    # One session context there is one here, and the other way round.
    pairs = {(told_fetch["session"], found_fetch["session"]) for told_fetch in told["fetch"] for found_fetch in
             [next((f for f in found.fetches if f["request"] == told_fetch["request"]), None)] if found_fetch}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    for wakeup in told["wakeup"]:
        if wakeup["fate"] == "followed":
            assert wakeup["visible"] and wakeup["survived"]
            assert 0 < wakeup["followup_time"] <= 60


def test_everything_happens(tmp_path):
    """Each kind of trouble is there, often enough to measure."""
    generate(tmp_path, "--sessions", 250, "--seed", 1)
    told = truth(tmp_path / "complete.truth.jsonl")
    fates = collections.Counter((w["method"], w["fate"]) for w in told["wakeup"] if w["outcome"] == 1)
    for method in (1, 2, 3, 4):
        assert fates[method, "followed"] >= 50, fates
        assert fates[method, "never"] >= 1, fates
        assert fates[method, "superseded"] >= 1, fates
    outcomes = collections.Counter((w["method"], w["outcome"]) for w in told["wakeup"])
    for method in (2, 3):
        for outcome in (2, 3, 4):
            assert outcomes[method, outcome] >= 1, outcomes
    assert any(w["repeat"] for w in told["wakeup"])
    fetches = told["fetch"]
    assert any(f["notifications"] and not f["followup"] for f in fetches), "no piggy-back"
    assert any(not f["notifications"] and f["followup"] for f in fetches), "no fetch that brings nothing"
    assert any(s["replaces"] for s in told["session"]), "no reconnect"


def test_same_seed_same_bytes(tmp_path):
    for name in ("a", "b"):
        generate(tmp_path / name, "--sessions", 30, "--seed", 5)
    for file in ("complete.pcapng", "complete.truth.jsonl"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    generate(tmp_path / "c", "--sessions", 30, "--seed", 6)
    assert (tmp_path / "a" / "complete.pcapng").read_bytes() != (tmp_path / "c" / "complete.pcapng").read_bytes()


def test_pcap_holds_the_same_packets(tmp_path):
    generate(tmp_path, "--sessions", 10)
    generate(tmp_path, "--sessions", 10, "--format", "pcap")
    assert list(reread.frames(tmp_path / "complete.pcapng")) == list(reread.frames(tmp_path / "complete.pcap"))


def packets(path):
    return [(round(when, 6), data) for _, when, data in reread.frames(path)]


def test_loss_removes_packets_and_keeps_the_truth(small):
    (whole_file, whole), (file, lossy) = small["complete"], small["loss"]
    before, after = packets(whole_file), packets(file)
    share = 1 - len(after) / len(before)
    assert 0.03 < share < 0.07
    # What is left is in the same order, and truth names the same packets by their new numbers.
    where = {packet: number for number, packet in enumerate(after, 1)}
    assert len(where) == len(after)
    for one, other in zip(whole["wakeup"], lossy["wakeup"], strict=True):
        assert (one["time"], one["method"], one["session"], one["fate"]) == \
            (other["time"], other["method"], other["session"], other["fate"])
        for name in ("frame", "followup", "superseded_by", "followup_response"):
            if one.get(name) is not None:
                assert other[name] == where.get(before[one[name] - 1]), name
        if one["fate"] == "followed":
            parts = [one["frame"], one["followup"], one["followup_response"]] + ([one["request"]] if one["request"] else [])
            if other["survived"]:
                assert all(before[part - 1] in where for part in parts)
            assert other["visible"] == all(before[part - 1] in where for part in parts[:2])
    assert any(w["fate"] == "followed" and not w["survived"] for w in lossy["wakeup"])


def test_start_is_after_the_connects(small):
    (whole_file, whole), (file, late) = small["complete"], small["start"]
    before, after = packets(whole_file), packets(file)
    assert before[-len(after):] == after and len(after) < len(before)
    start = late["capture"][0]["start"]
    first = whole["session"][:60]
    assert all(session["replaces"] is None for session in first) and start > 0
    connects = sum(data.count(b"X-RequestType: Connect\r\n") for _, data in after)
    replaced = sum(1 for session in late["session"] if session["replaces"] and session["kind"] == "http")
    assert connects <= 2 * replaced


def test_nat_hides_the_clients(small):
    file, told = small["nat"]
    addresses = {data[26:30] for _, data in packets(file)} | {data[30:34] for _, data in packets(file)}
    assert all(data[12:14] == b"\x08\x00" for _, data in packets(file))
    assert addresses == {bytes((203, 0, 113, 7))} | {bytes((198, 51, 100, 10 + n)) for n in range(4)}
    assert {session["client"] for session in told["session"]} == {"203.0.113.7"}
    datagrams = collections.defaultdict(set)
    for _, data in packets(file):
        if data[23] == 17:
            datagrams[data[42:]].add(struct.unpack_from(">H", data, 36)[0])
    assert max(len(ports) for ports in datagrams.values()) > 2, "no context bytes that several clients share"


def test_sealed_calls_show_no_stub(small):
    file, told = small["encrypted"]
    requests = 0
    for _, data in packets(file):
        payload = data[54:] if data[12:14] == b"\x08\x00" else data[74:]
        if payload[:2] == b"\5\0" and payload[2] in (0, 2) and len(payload) >= 16:
            assert struct.unpack_from("<H", payload, 10)[0] == 16
            requests += payload[2] == 0
    assert requests > 100
    handles = [bytes.fromhex(session["cxh"].replace("-", ""))[8:] for session in told["session"]]
    whole = file.read_bytes()
    assert not any(handle in whole for handle in handles)


def test_conditions_of_the_field_happen(tmp_path):
    """Cut off by each side and by the device between, abandoned, in mailboxes of others, by two clients at one address."""
    generate(tmp_path, "--sessions", 60, "--seed", 1, "--condition", "field")
    told = truth(tmp_path / "field.truth.jsonl")
    assert {w["closer"] for w in told["wakeup"] if w["outcome"] == 4} == {1, 2, 3}
    assert {w["method"] for w in told["wakeup"] if w["outcome"] == 5} == {2, 3}
    assert any(w["attempts"] for w in told["wakeup"] if w["fate"] == "followed")
    processes = collections.defaultdict(set)
    for session in told["session"]:
        processes[session["client"]].add(session["process"])
    assert max(len(numbers) for numbers in processes.values()) == 2
    assert len({session["process"] for session in told["session"]}) > len(processes)
