# SPDX-License-Identifier: GPL-2.0-or-later
"""`oxcnotif fleet`: the events of captures decoded apart are those of one tshark over one merged capture."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

import fleet_traffic
import tshark as tools

pytest.importorskip("numpy")
pytest.importorskip("distributed")

COMMAND = tools.REPOSITORY / "scripts" / "oxcnotif"
sys.path.insert(0, str(tools.REPOSITORY / "tools"))

from oxcnotif.fleet import bulk, clients, decode, headers, links, packets, plan  # noqa: E402  (after the path is set)


def start(*words: object, workers: tuple[str, ...] = ("--workers", "2"), **environment: str) -> subprocess.Popen[str]:
    return begin([str(COMMAND), "fleet", *map(str, words), *workers], **environment)


def begin(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=tools.environment() | environment, cwd=tools.scratch() / "home", **tools.identity())


def events(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def canonical(found: list[dict]) -> list[str]:
    """Without what only the merged result has, in one order."""
    return sorted(json.dumps({name: value for name, value in event.items() if name not in ("file", "file_frame")},
                             sort_keys=True) for event in found)


def children(process: int) -> dict[int, str]:
    """All descendants: their names by number."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
                parents[int(entry.name)], names[int(entry.name)] = int(rest.split()[1]), name
        except OSError:
            continue
    found = {process}
    while more := {one for one, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: names[one] for one in found if one in names} | {-1: json.dumps(parents)}


def kill_a_worker(process: subprocess.Popen[str]) -> int:
    """Kills a worker while its tshark runs on a part."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        found = children(process.pid)
        parents = {int(one): parent for one, parent in json.loads(found.pop(-1)).items()}
        for one, name in found.items():
            with contextlib.suppress(OSError):
                if name == "tshark" and b"oxcnotif,links" in pathlib.Path(f"/proc/{one}/cmdline").read_bytes():
                    os.kill(parents[one], signal.SIGKILL)
                    return parents[one]
        time.sleep(0.01)
    raise AssertionError(f"no worker ran tshark: {process.communicate()}")


def make(*words: int, **more: int | tuple[str, ...]) -> fleet_traffic.Traffic:
    folder = tools.folder()
    made = fleet_traffic.make(folder, *words, **more)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return made


@pytest.fixture(scope="module")
def traffic(tshark) -> fleet_traffic.Traffic:
    made = make(60, 6, seed=3, events=3)
    yield made
    shutil.rmtree(made.files[0].parent.parent)


@pytest.fixture(scope="module")
def merged(traffic) -> list[dict]:
    return of_merged(traffic)


def of_merged(traffic: fleet_traffic.Traffic) -> list[dict]:
    """What one tshark tells of one merged capture."""
    path = traffic.files[0].parent.parent / "merged.pcapng"
    subprocess.run(["mergecap", "-w", str(path), *map(str, sorted(traffic.files))], check=True, capture_output=True)
    path.chmod(0o644)
    found = events(tools.run(["-2", "-n", "-q", "-r", str(path), "-z", "oxcnotif,events"]).stdout)
    path.unlink()
    return found


def output() -> pathlib.Path:
    path = tools.folder()
    path.chmod(0o777)
    return path / "out"


def wrapped(script: str) -> str:
    """A tshark that first runs this for the parts."""
    path = tools.folder() / "tshark"
    path.parent.chmod(0o777)
    path.write_text(f'#!/bin/sh\ncase "$*" in *links*) {script};; esac\nexec tshark "$@"\n')
    path.chmod(0o755)
    return str(path)


def check_places(traffic: fleet_traffic.Traffic, found: list[dict]) -> None:
    """Each event names the file of its frame, and the frame in it."""
    files = {path.name: path for path in traffic.files}
    wanted: dict[str, list[dict]] = {}
    for event in found:
        if event["event"] == "subscription":
            wanted.setdefault(event["file"], []).append(event)
    assert len(wanted) > 1
    name, of_file = max(wanted.items(), key=lambda one: len(one[1]))
    times = {row["frame"]: row["frame.time_epoch"][0] for row in tools.fields(files[name], ["frame.time_epoch"])}
    assert all(abs(float(times[event["file_frame"]]) - event["time"]) < 1e-5 for event in of_file)


def test_events_equal_those_of_one_tshark_though_a_worker_is_killed(traffic, merged):
    folder = output()
    process = start(traffic.files[0].parent.parent, "-o", folder)
    kill_a_worker(process)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    found = events((folder / "events.jsonl").read_text())
    assert len(merged) > 1000
    assert canonical(found) == canonical(merged)
    frames = [event["frame"] for event in found if "frame" in event]
    assert frames == sorted(frames)
    check_places(traffic, found)
    assert f"{traffic.frames}" in printed
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["failed"] == [] and summary["frames"] == traffic.frames
    # Both sides of the proxy, and those who went on from another address, are tied by what they send.
    assert sum(summary["joined_by"].get(kind, 0) for kind in ("exchange", "request_id")) >= len(traffic.proxied)
    assert set(summary["largest_component"]["addresses"]) >= {"198.51.100.200", traffic.proxied[0]}
    assert 10 < summary["components"] < summary["clients"] - len(traffic.proxied)


def test_events_are_equal_where_the_plugin_must_infer_them(tshark):
    """Connects, registrations and packets are missing: what is learnt of a client must not depend on others."""
    traffic = make(60, 6, seed=4, events=4, conditions=("loss", "start"))
    folder = output()
    process = start(traffic.files[0].parent.parent, "-o", folder, "--no-report")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    found, wanted = events((folder / "events.jsonl").read_text()), of_merged(traffic)
    assert canonical(found) == canonical(wanted)
    # Of enough that is inferred, and in parts that have each server.
    assert sum(event["event"] == "followup" and event["match"] == 3 for event in wanted) > 100
    assert json.loads((folder / "summary.json").read_text())["components"] > 10


def test_part_that_fails_is_reported_and_the_next_run_goes_on_and_tries_again(traffic, merged):
    folder, captures = output(), traffic.files[0].parent.parent
    # One part is decoded, no other.
    process = start(captures, "-o", folder, OXCNOTIF_TSHARK=wrapped('mkdir "$0.done" || { echo "tshark: no" >&2; exit 2; }'))
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 4, errors
    failed = json.loads((folder / "summary.json").read_text())["failed"]
    assert failed and {one["step"] for one in failed} == {"decode"}
    assert "tshark ended with 2" in failed[0]["reason"] and "tshark: no" in failed[0]["reason"]
    assert set(failed[0]["files"]) <= {path.name for path in traffic.files} and failed[0]["clients"]
    assert "NOT DECODED" in printed
    decoded = list((folder / "work" / "parts").glob("*.events"))
    assert len(decoded) == 1
    # The others are, the second time that they are tried.
    process = start(captures, "-o", folder, OXCNOTIF_TSHARK=wrapped('mkdir "$0.tried" && exit 1'))
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["failed"] == [] and summary["cost"]["index"]["tshark"] == 0
    assert canonical(events((folder / "events.jsonl").read_text())) == canonical(merged)


@contextlib.contextmanager
def cluster(**environment: str) -> Iterator[str]:
    """A scheduler and a worker, each a process that somebody else started; the scheduler's address."""
    known = output().with_name("scheduler.json")
    processes = [begin(["dask-scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(known)],
                       **environment)]
    try:
        deadline = time.monotonic() + 120
        while not known.exists() or not known.read_text():
            assert time.monotonic() < deadline and processes[0].poll() is None, "no scheduler"
            time.sleep(0.1)
        processes.append(begin(["dask-worker", "--scheduler-file", str(known), "--nthreads", "1", "--no-dashboard",
                                "--local-directory", str(known.parent)], **environment))
        yield json.loads(known.read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.communicate(timeout=60)


@pytest.mark.skipif(not shutil.which("dask-worker"), reason="no commands of Dask")
def test_cluster_has_the_same_events(traffic, merged):
    folder = output()
    with cluster(PYTHONPATH=str(tools.REPOSITORY / "tools")) as address:
        process = start(traffic.files[0].parent.parent, "-o", folder, "--no-report", workers=("--scheduler", address))
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert canonical(events((folder / "events.jsonl").read_text())) == canonical(merged)


@pytest.mark.skipif(not shutil.which("dask-worker"), reason="no commands of Dask")
def test_cluster_without_the_package_says_so(traffic):
    with cluster() as address:
        process = start(traffic.files[0].parent.parent, "-o", output(), "--no-report", workers=("--scheduler", address))
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 3
    assert "No module named 'oxcnotif'" in errors or "different environments" in errors, errors


# ---- without tshark ----


def pcap(path: pathlib.Path, records: list[tuple[int, bytes]]) -> pathlib.Path:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(head + b"".join(struct.pack("<IIII", time, 0, len(data), len(data)) + data for time, data in records))
    path.chmod(0o644)
    return path


def named(*names: str) -> list[bytes]:
    return [bytes(12) + b"\x88\xb5" + name.encode() for name in names]


def converted(path: pathlib.Path, *forms: str) -> pathlib.Path:
    """The capture, as editcap makes it in these forms, one after the other."""
    for form in forms:
        target = path.with_suffix(f".{form}")
        subprocess.run(["editcap", "-F", form, str(path), str(target)], check=True, capture_output=True)
        path = target
    return path


@pytest.mark.parametrize("forms", [
    ((), (), ()),                                               # records stay as they are
    ((), ("pcapng",), ()),                                      # records become blocks
    (("pcapng",), ("pcapng",), ("pcapng",)),                    # blocks stay as they are
    (("pcapng",), ("nsecpcap", "pcapng"), ("pcapng",)),         # blocks get other interfaces
])
def test_order_is_that_of_mergecap_where_times_are_equal_or_go_back(forms):
    folder = tools.folder()
    files = [pcap(folder / "a.pcap", list(zip((1, 5, 5, 4, 6), named("a1", "a2", "a3", "a4", "a5")))),
             pcap(folder / "b.pcap", list(zip((5, 3, 5, 6), named("b1", "b2", "b3", "b4")))),
             pcap(folder / "c.pcap", list(zip((5, 6), named("c1", "c2"))))]
    files = [converted(path, *form) for path, form in zip(files, forms)]
    merged, cut = folder / "merged.pcapng", folder / "cut.pcapng"
    subprocess.run(["mergecap", "-w", str(merged), *map(str, files)], check=True, capture_output=True)
    indexes = [packets.scan(path) for path in files]
    numbers = plan.merged_numbers([index.time for index in indexes])
    order = sorted((place, file, packet) for file, places in enumerate(numbers) for packet, place in enumerate(places))
    import numpy
    with cut.open("wb") as stream:
        packets.Cutter(indexes).write(numpy.array([file for _, file, _ in order]),
                                      numpy.array([packet for _, _, packet in order]), stream)
    by_mergecap, ours = packets.scan(merged), packets.scan(cut)
    assert [data(merged, by_mergecap, at) for at in range(11)] == [data(cut, ours, at) for at in range(11)]
    assert by_mergecap.time.tolist() == ours.time.tolist()


def data(path: pathlib.Path, index: packets.Index, number: int) -> bytes:
    content = path.read_bytes()
    at = int(index.offset[number]) + (16 if index.is_pcap else 28)
    return content[at:at + 16]


def ip4(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    import ipaddress
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + ends + payload


def test_addresses_are_the_inner_ones_of_a_tunnel(tshark):
    inner = ip4("10.0.0.1", "10.0.0.2", 6, struct.pack(">HHIIBBHHH", 50000, 80, 0, 0, 0x50, 2, 0, 0, 0))
    ethernet = bytes(12) + b"\x08\x00"
    tagged = bytes(12) + b"\x81\x00\x00\x05\x08\x00" + inner
    tunnel = ethernet + ip4("192.0.2.1", "192.0.2.2", 47, b"\0\0\x08\0" + inner)
    folder = tools.folder()
    folder.chmod(0o777)
    capture = pcap(folder / "tunnel.pcap", [(1, tunnel), (2, tagged), (3, bytes(12) + b"\x08\x06" + bytes(28))])
    assert decode.index_file(decode.Tool(), str(capture), str(folder / "index.npz")) == 3
    index = packets.load(folder / "index.npz")
    flows = [headers.flow(index.keys[number]) for number in index.flow]
    assert flows[0] == flows[1] == headers.Flow(6, 2, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), 50000, 80)
    assert flows[2] is None


def test_client_is_the_end_that_opens_a_connection_or_has_fewer():
    def key(source: str, source_port: int, target: str, target_port: int, protocol: int = 6, flags: int = 0) -> bytes:
        return headers.key_of(protocol, flags, source, target, (source_port, target_port))

    opened = key("10.0.0.1", 1000, "10.0.0.9", 80, flags=2)
    answer = key("10.0.0.9", 80, "10.0.0.1", 1000)
    late = [key("10.0.0.2", port, "10.0.0.9", 443) for port in (1001, 1002)]
    datagram = key("10.0.0.9", 5000, "10.0.0.1", 2500, protocol=17)
    fragment = headers.key_of(6, 0, "10.0.0.9", "10.0.0.1", None)
    strangers = key("10.0.0.7", 5000, "10.0.0.8", 6000, protocol=17)
    found = clients.assign([opened, answer, *late, datagram, fragment, strangers, b"", b"?"])
    address = {key: found.addresses[unit] if unit >= 0 else None for key, unit in found.flows.items()}
    assert address[opened] == address[answer] == address[datagram] == address[fragment] == bytes((10, 0, 0, 1))
    assert address[late[0]] == address[late[1]] == bytes((10, 0, 0, 2))
    assert address[b""] is None and found.guessed == 2
    assert [sorted(found.addresses[unit][3] for unit in pair) for pair in found.joined] == [[7, 8]]


def test_proxies_and_unasked_datagrams_show_who_is_near():
    def key(source: str, source_port: int, target: str, target_port: int, protocol: int = 6, flags: int = 0) -> bytes:
        return headers.key_of(protocol, flags, source, target, (source_port, target_port))

    calls = [key(f"10.0.0.{client}", 1000, "10.0.0.9", 80, flags=2) for client in (1, 2)]           # by way of a proxy
    calls += [key("10.0.0.9", 1000, "10.0.0.20", 80, flags=2), key("10.0.0.3", 1000, "10.0.0.20", 80, flags=2),
              key("10.0.0.4", 1000, "10.0.0.20", 80, flags=2)]
    datagrams = [key("10.0.0.20", 5000, f"10.0.0.{client}", 2500, 17) for client in (3, 4)]
    answers = [key("10.0.0.20", 53, "10.0.0.1", 2600, 17), key("10.0.0.1", 2600, "10.0.0.20", 53, 17),
               key("10.0.0.20", 53, "10.0.0.3", 2600, 17), key("10.0.0.3", 2600, "10.0.0.20", 53, 17)]
    found = clients.assign([*calls, *datagrams, *answers])
    assert sorted(sorted(found.addresses[unit][3] for unit in group) for group in found.near) == [[1, 2, 9], [3, 4]]


@pytest.mark.parametrize(("weights", "near", "together"), [
    ([10, 10, 10, 10], [[0, 3]], True),
    ([10, 10, 10, 10], [[0, 1], [2, 3]], True),
    ([30, 20, 10, 30], [[0, 3]], False),            # one group would have 60 of 90 frames
])
def test_units_near_each_other_share_a_part_that_is_not_larger_for_that(weights, near, together):
    found = plan.groups([[unit] for unit in range(len(weights))], weights, 2, 1000, near)
    assert sorted(unit for group in found for unit in group.units) == list(range(len(weights)))
    assert len(found) == 2 and max(group.frames for group in found) < sum(weights)
    assert all(any(set(units) <= set(group.units) for group in found) for units in near) is together


def test_datagram_from_an_unknown_address_belongs_to_the_proxy_that_gets_it():
    """A server may send from another address than the one it is called at."""
    def key(source: str, source_port: int, target: str, target_port: int, protocol: int = 6, flags: int = 0) -> bytes:
        return headers.key_of(protocol, flags, source, target, (source_port, target_port))

    calls = [key("10.0.0.1", 1000, "10.0.0.9", 80, flags=2), key("10.0.0.9", 1000, "10.0.0.20", 80, flags=2)]
    datagram = key("10.0.0.21", 5000, "10.0.0.9", 2500, 17)
    found = clients.assign([*calls, datagram])
    assert found.addresses[found.flows[datagram]] == bytes((10, 0, 0, 9)) and not found.joined


def test_keys_of_many_packets_are_those_of_each():
    tcp = struct.pack(">HHIIBBHHH", 50000, 80, 1, 2, 0x50, 2, 0, 0, 0)
    plain = [ip4("10.0.0.1", "10.0.0.2", 6, tcp[:13] + bytes((flags,)) + tcp[14:]) for flags in (0x02, 0x10, 0x12, 0x18, 0x10)]
    plain += [ip4("10.0.0.1", "10.0.0.2", protocol, struct.pack(">HHHH", 53, port, 8, 0)) for protocol in (17, 1) for port in (53, 4789)]
    options = bytes((0x46,)) + plain[0][1:20] + bytes(4) + tcp
    fragment = plain[0][:6] + b"\0\1" + plain[0][8:]
    ip6 = [struct.pack(">IHBB", 6 << 28, len(tcp), following, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + tcp for following in (6, 44)]
    short = [plain[0][:size] for size in (10, 20, 30, 33)]
    ethernet = [bytes(12) + b"\x08\x00" + one for one in [*plain, options, fragment, *short]]
    ethernet += [bytes(12) + b"\x86\xdd" + one for one in [*ip6, ip6[0][:50]]]
    ethernet += [bytes(12) + b"\x81\x00\x00\x05\x08\x00" + plain[0], bytes(12) + b"\x08\x06" + bytes(28), bytes(9), *named("x")]
    path = pcap(tools.folder() / "all.pcap", [(1, one) for one in ethernet * 2])
    index, content = packets.scan(path), path.read_bytes()
    read = headers.reader(1)
    wanted = [read(content, int(at) + 16, int(at + size)) for at, size in zip(index.offset, index.size)]
    assert [index.keys[number] for number in index.flow] == wanted
    assert len(set(wanted)) == 10


@pytest.mark.parametrize(("found", "joined"), [
    ([("cookie", "aa", 1, 0, True), ("cookie", "aa", 9, 1, False)], True),
    ([("cookie", "aa", 1, 0, True), ("cxh", "aa", 9, 1, False)], False),
    # Servers count sessions anew, clients register equal bytes: only who looks the key up meets another's.
    ([("index", "aa", 1, 0, True), ("index", "aa", 9, 1, True)], False),
    ([("index", "aa", 1, 0, True), ("index", "aa", 9, 1, False)], True),
    # A response came from a device to which one of that length had come.
    ([("old_response", "aa", 1, 0, True), ("old_response", "aa", 9, 1, False)], True),
    ([("old_response", "aa", 1, 0, False), ("old_response", "aa", 9, 1, False)], False),
    # A server is known from then on when a connection shows it.
    ([("server", "aa", 5, 0, True), ("server", "aa", 9, 1, False)], True),
    ([("server", "aa", 5, 0, True), ("server", "aa", 2, 1, False)], False),
    ([("callback", "0a000001", 5, 0, True)], True),
    ([("callback", "0a000002", 5, 0, True)], False),
])
def test_what_keys_tie_together(found, joined):
    union = clients.Union()
    for _ in range(2):
        union.add()
    links.join([links.Link(*one) for one in found], union, lambda address: 1 if address == bytes((10, 0, 0, 1)) else None)
    assert (union.find(0) == union.find(1)) is joined


TYPES = {"integer": "long", "number": "double", "boolean": "boolean", "string": ("keyword", "text")}


def test_mapping_of_opensearch_has_every_member_of_events():
    schema = json.loads((tools.REPOSITORY / "docs" / "events.schema.json").read_text())
    template = json.loads((tools.REPOSITORY / "docs" / "opensearch-events.json").read_text())
    mapping = template["template"]["mappings"]["properties"]
    members = {name: what for kind in schema["oneOf"] for name, what in kind["properties"].items()}
    assert set(mapping) == set(members) | {"@timestamp", "file", "file_frame"}
    for name, what in members.items():
        example = what.get("enum", [what.get("const")])[0]
        kind = what.get("type") or ("integer" if isinstance(example, int) else "string")
        assert mapping[name]["type"] in TYPES[kind], name


def test_bulk_lines_are_pairs_with_one_id_for_each_event():
    lines = [b'{"version":1,"event":"notification","frame":5,"time":1767603600.016992000}\n'] * 2
    lines += [b'{"version":1,"event":"table","frame":6}\n', b'{"version":1,"event":"capture","frames":9,"first":1.000000001}\n']
    stream = io.BytesIO()
    assert bulk.write(lines, "oxcnotif-events", stream) == 4
    pairs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(pairs) == 8 and len({pair["index"]["_id"] for pair in pairs[::2]}) == 4
    assert all(pair["index"]["_index"] == "oxcnotif-events" for pair in pairs[::2])
    assert [pair.pop("@timestamp", None) for pair in pairs[1::2]] == [
        "2026-01-05T09:00:00.016992000Z", "2026-01-05T09:00:00.016992000Z", None, "1970-01-01T00:00:01.000000001Z"]
    assert pairs[1::2] == [json.loads(line) for line in lines]
    again = io.BytesIO()
    bulk.write(lines, "oxcnotif-events", again)
    assert again.getvalue() == stream.getvalue()
