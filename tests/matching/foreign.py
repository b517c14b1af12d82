#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure how many datagrams of other protocols are taken for push datagrams.

Small datagrams of no known protocol are added to a generated capture that began after all registrations: half of them
from the servers to clients that have a session with them, in four shapes: one port with bytes that change, one port
with equal bytes, a new port each time, bursts. Ends with 1 if more than --most of them are shown as wake-ups, with 2 if
nothing could be measured. The build directory is build/, or OXCNOTIF_BUILD.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import pathlib
import random
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parents[1] / "test-captures" / "generator")]

import tshark as tools  # noqa: E402  (after the path is set)
from simulation.network import Host, Message, Network  # noqa: E402

GENERATE = HERE.parents[1] / "test-captures" / "generator" / "generate"
RECORD = struct.Struct("<IIII")
# Ports that no dissector claims.
PORTS = range(50100, 61000)


class Frames:
    """Takes the place of the capture that a Network writes to."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, bytes]] = []
        self.now = 0.0

    def write(self, when: float, frame: bytes) -> None:
        self.frames.append((when, frame))


def read(path: pathlib.Path) -> tuple[bytes, list[tuple[float, bytes]]]:
    data, at, frames = path.read_bytes(), 24, []
    while at < len(data):
        seconds, micro, size, _ = RECORD.unpack_from(data, at)
        frames.append((seconds + micro / 1e6, data[at + 16:at + 16 + size]))
        at += 16 + size
    return data[:24], frames


def pairs_of(truth: pathlib.Path, frames: list[tuple[float, bytes]]) -> list[tuple[str, str]]:
    """Addresses of each server and client that have a session."""
    facts = [json.loads(line) for line in truth.read_text(encoding="ascii").splitlines()]
    clients = {fact["client"] for fact in facts if fact["type"] == "session"}
    found = set()
    for _, frame in frames:
        packed = (frame[26:30], frame[30:34]) if frame[12:14] == b"\x08\x00" else (frame[22:38], frame[38:54])
        source, target = (str(ipaddress.ip_address(address)) for address in packed)
        if source in clients:
            found.add((target, source))
    return sorted(found)


def send(network: Network, frames: Frames, rng: random.Random, count: int, pairs: list[tuple[str, str]],
         span: tuple[float, float]) -> None:
    """count datagrams in flows of up to 200."""
    stations: dict[str, Host] = {}
    while count > 0:
        server, client = (stations.setdefault(name, Host(name, 0x7000 + len(stations))) for name in rng.choice(pairs))
        shape, size = rng.choice(("changing", "equal", "ports", "bursts")), rng.randint(1, 16)
        port, fixed = rng.choice(PORTS), rng.randbytes(size)
        frames.now = rng.uniform(*span)
        for _ in range(min(count, rng.choice((1, 3, 20, 200)))):
            frames.now += rng.expovariate(50) if shape == "bursts" else rng.expovariate(0.2)
            if frames.now > span[1]:
                break
            network.datagram(server, rng.choice(PORTS), client, rng.choice(PORTS) if shape == "ports" else port,
                             fixed if shape == "equal" else rng.randbytes(size), Message())
            count -= 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--datagrams", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=1, help="so many may be taken for push datagrams")
    parser.add_argument("--condition", default="start")
    options = parser.parse_args()
    try:
        tools.require_plugin()
    except tools.NoPlugin as problem:
        print(problem, file=sys.stderr)
        return 2
    place, rng = tools.folder(), random.Random(options.seed)
    subprocess.run([sys.executable, str(GENERATE), "--sessions", str(options.sessions), "--seed", str(options.seed),
                    "--condition", options.condition, "--format", "pcap", "--out", str(place)],
                   check=True, stdout=subprocess.DEVNULL)
    name = "-".join(sorted(options.condition.split("+")))
    head, own = read(place / f"{name}.pcap")
    pairs, frames = pairs_of(place / f"{name}.truth.jsonl", own), Frames()
    network = Network(frames, frames)
    others = [(server, str(ipaddress.ip_address("10.99.0.1") + n)) for n, (server, _) in enumerate(pairs)
              if ":" not in server]
    for group in (pairs, others):
        send(network, frames, rng, options.datagrams // 2, group, (own[0][0], own[-1][0]))
    everything = sorted([(when, 0, frame) for when, frame in own] + [(when, 1, frame) for when, frame in frames.frames],
                        key=lambda entry: entry[:2])
    capture = place / "foreign.pcap"
    with open(capture, "wb") as file:
        file.write(head)
        for when, _, frame in everything:
            file.write(RECORD.pack(int(when), int(when % 1 * 1e6), len(frame), len(frame)) + frame)
    capture.chmod(0o644)
    foreign = {number for number, (_, kind, _) in enumerate(everything, 1) if kind}
    shown = {row["frame"] for row in tools.fields(capture, [], "oxcnotif.wakeup.method == 1", two_pass=True)}
    wrong = sorted(shown & foreign)
    print(f"{len(foreign)} foreign datagrams among {len(own)} frames of {options.sessions} sessions: {len(wrong)} shown as "
          f"push datagrams, {len(shown - foreign)} wake-ups of sessions shown")
    for number in wrong[:10]:
        print(f"  frame {number}", file=sys.stderr)
    return int(len(wrong) > options.most)


if __name__ == "__main__":
    sys.exit(main())
