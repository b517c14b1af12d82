# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures as they are in life: begun late, one-sided, cut short, with packets lost, repeated, swapped, merged or garbled, and
with a clock that goes back.  What the damage does not reach is decoded as before, and what it does reach says so.

OXCNOTIF_LONG=1 does that to every capture of the project, and to those in the directory OXCNOTIF_CAPTURES."""

from __future__ import annotations

import collections
import dataclasses
import functools
import os
import pathlib
import random
import re

import lab
import packets
import pytest
import tshark as tools
from packets import Record

CAPTURES = ["hermex-1-mapihttp", "gromox-mapihttp-notify", "hermex-3-rpctcp-bridged", "gromox-rpch-notify", "rpc-tcp", "push"]


def capture_files() -> dict[str, pathlib.Path]:
    """All there are, by name."""
    folders = [lab.CAPTURES, *([pathlib.Path(os.environ["OXCNOTIF_CAPTURES"])] if "OXCNOTIF_CAPTURES" in os.environ else [])]
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.pcap*"))}


FILES = capture_files()

# What stands in the bytes of a frame, whatever was captured around it.
OWN = ["rop.id", "rop.return_value", "rop.handle", "rop.ext.size", "mapihttp.request_type", "mapihttp.response_code",
       "emsmdb.opnum", "asyncemsmdb.opnum", "oxcnotif.notification_flags"]
# What the frames around it told, too. Frame numbers are those of the undamaged capture.
LINKED = ["oxcnotif.push.rgb_context", "oxcnotif.session", "rop.object", "rop.property.tag", "oxcnotif.wakeup.method",
          "oxcnotif.wakeup.outcome"]
FRAMES = ["rop.request_in", "rop.response_in", "oxcnotif.subscription_in", "oxcnotif.push.registered_in"]
PARTS = ["tcp.segment", "dcerpc.fragment"]
# Where the rest of a frame was put, and what its answer is to.
WHOLE = ["tcp.reassembled_in"]
ASKED = ["http.request_in", "dcerpc.request_in", "rop.request_in"]
SAID = ["_ws.expert.message", "_ws.short", "_ws.unreassembled"]
EVERY = [*dict.fromkeys([*OWN, *LINKED, *FRAMES, *PARTS, *WHOLE, *ASKED, *SAID, "dcerpc.pkt_type", "http.content_type"])]
FAULT = "3"
# Of the interface before EcDoRpcExt2: no stub is like no other, so that without the bind all calls are flagged, none shown.
ONLY_BOUND = {"rpc-legacy"}
BINDS = {"11", "12", "14", "15"}


@dataclasses.dataclass
class Damaged:
    """Records, and for each the number of the frame that it was; touched are those the damage is in, garbled those that are
    there with other bytes than they had: they make another question of what is asked."""
    records: list[Record]
    origin: list[int]
    touched: set[int]
    garbled: frozenset[int] = frozenset()


@functools.lru_cache(maxsize=None)
def keys(name: str) -> tuple[str, ...]:
    """Arguments of tshark to decrypt the capture, also when what it has of keys is not copied."""
    secrets = packets.without_secrets(FILES[name].read_bytes())[1]
    if secrets:
        path = tools.scratch() / "captures" / f"{name}.keylog"
        path.write_bytes(secrets)
        path.chmod(0o644)
        return "-o", f"tls.keylog_file:{path}"
    if FILES[name].parent == lab.CAPTURES and FILES[name].with_suffix(".json").exists():
        return tuple(lab.preferences(name))
    return ()


@functools.lru_cache(maxsize=None)
def original(name: str) -> tuple[tuple[Record, ...], dict[int, dict]]:
    rows = tools.fields(FILES[name], EVERY, args=keys(name))
    return tuple(packets.read(FILES[name])), {row["frame"]: row for row in rows}


def dissect(capture: str, damaged: Damaged, prefs: dict | None = None, two_pass: bool = False) -> dict[int, dict]:
    """Rows by the number of the frame as it was; the first time it is there, if it is there more than once."""
    path = tools.folder() / "damaged.pcap"
    packets.write(path, damaged.records)
    path.chmod(0o644)
    rows: dict[int, dict] = {}
    for row in tools.fields(path, EVERY, two_pass=two_pass, prefs=prefs, args=keys(capture)):
        number = damaged.origin[row["frame"] - 1]
        for name in dict.fromkeys([*FRAMES, *PARTS, *WHOLE, *ASKED]):
            row[name] = [str(damaged.origin[int(value) - 1]) for value in row[name]]
        row["rop.object"] = [re.sub(r"(?<=in frame )\d+", lambda found: str(damaged.origin[int(found[0]) - 1]), text)
                             for text in row["rop.object"]]
        row["frame"] = number
        rows.setdefault(number, row)
    return rows


def made_of(row: dict) -> set[int]:
    return {row["frame"], *(int(part) for name in PARTS for part in row[name])}


def flagged(row: dict, before: dict) -> bool:
    """Something is said that was not said of the undamaged frame."""
    return any(collections.Counter(row[name]) - collections.Counter(before[name]) for name in SAID)


def says_so(number: int, after: dict[int, dict], before: dict[int, dict]) -> bool:
    """What was said in several segments may be flagged in any of them: HTTP stumbles where the header is."""
    return any(flagged(after[part], before[part]) for part in made_of(before[number]) if part in after)


def is_told_by_request(row: dict) -> bool:
    """Faults have no opnum, and refusals that are plain HTTP no request type: only what was asked tells what they are about."""
    return FAULT in row["dcerpc.pkt_type"] or any(not kind.startswith("application/") for kind in row["http.content_type"])


@functools.lru_cache(maxsize=None)
def encryption(name: str) -> str:
    """TLS, which says nothing of what it cannot decrypt; stubs of DCE/RPC, which the plugin names then; or neither."""
    if packets.without_secrets(FILES[name].read_bytes())[1]:
        return "tls"
    return "sealed" if keys(name) else ""


def undecryptable(name: str, touched: set[int]) -> set[int]:
    """Frames whose keys, or whose place in a cipher stream, depend on damaged ones: all behind those in a connection; with
    RPC over HTTP, which has a security context on two connections, all behind those."""
    found: set[int] = set()
    broken: set[frozenset] = set()
    for number, record in enumerate(original(name)[0], 1):
        payload = packets.payload(record)
        if not encryption(name) or not payload or not payload.tcp or not payload.data:
            continue
        ends = frozenset() if name.startswith("rpch") else frozenset((payload.source, payload.destination))
        if number in touched:
            broken.add(ends)
        if ends in broken:
            found.add(number)
    return found


def hidden_silently(name: str, after: dict[int, dict], lost: list[int]) -> list[int]:
    """Of frames that TLS cannot decrypt those of connections that were known to be ours before, without a word of it in any
    frame of that direction."""
    def ends(number: int) -> tuple:
        payload = packets.payload(original(name)[0][number - 1])
        return payload.source, payload.destination
    known: dict[tuple, int] = {}
    told: set[tuple] = set()
    for number, row in after.items():
        if number > 0 and any(row[field] for field in OWN):
            for way in (ends(number), ends(number)[::-1]):
                known[way] = min(number, known.get(way, number))
        if any("TLS data not decrypted from here" in text for text in row["_ws.expert.message"]):
            told.add(ends(number))
    return [number for number in lost if number > known.get(ends(number), number) and ends(number) not in told]


def compare(name: str, damaged: Damaged, names: list[str], may_be_flagged: bool, least: float,
            may_vanish: frozenset[int] = frozenset(), **how) -> None:
    """Frames that the damage is not in have the fields they had, or say why not if that is allowed; so many must be equal.
    Of those that may vanish nothing may be left, but nothing wrong may be there."""
    _, before = original(name)
    after = dissect(name, damaged, **how)
    equal = 0
    wrong = []
    relevant = 0
    named = False
    lost: list[int] = []
    assert any(row[field] for row in before.values() for field in OWN) or not any(
        row[field] for number, row in after.items() if number > 0 for field in OWN)
    hidden = undecryptable(name, damaged.touched)
    for number, row in after.items():
        was = before.get(number)
        assert not any("Dissector bug" in text for text in row["_ws.expert.message"]), row
        if was is None or made_of(was) & damaged.touched or not any(was[field] for field in [*OWN, LINKED[0]]):
            continue
        if may_be_flagged and is_told_by_request(was):
            continue
        if made_of(row) & damaged.touched or any(int(asked) in damaged.garbled for field in ASKED for asked in was[field]):
            continue
        if number in may_vanish and not any(row[field] for field in OWN):
            continue
        if made_of(was) & hidden:
            if encryption(name) == "tls":
                if not any(row[field] for field in OWN):
                    lost.append(number)
                continue
        else:
            relevant += 1
        if all(row[field] == was[field] for field in names):
            equal += not made_of(was) & hidden
        elif may_be_flagged and says_so(number, after, before):
            continue
        elif encryption(name) == "sealed" and made_of(was) & hidden and all(set(row[field]) <= set(was[field]) for field in OWN):
            named = True                # once for a connection
        else:
            wrong.append((number, {field: (was[field], row[field]) for field in names if row[field] != was[field]}))
    assert not named or any("encrypted" in text for row in after.values() for text in row["_ws.expert.message"])
    assert not wrong, f"{len(wrong)} frames: {wrong[:3]}"
    assert not hidden_silently(name, after, lost)
    if name in ONLY_BOUND and may_be_flagged:
        return
    # A short one may have been all in the damage.
    assert relevant or name not in CAPTURES, "the damage is everywhere"
    assert equal >= least * relevant, f"only {equal} of {relevant} frames are as before"


def keep(name: str, wanted) -> Damaged:
    """Only the records that wanted(index, record) is true for."""
    records, _ = original(name)
    kept = [(number, record) for number, record in enumerate(records, 1) if wanted(number, record)]
    numbers = {number for number, _ in kept}
    return Damaged([record for _, record in kept], [number for number, _ in kept],
                   {number for number in range(1, len(records) + 1) if number not in numbers})


pytestmark = pytest.mark.usefixtures("tshark")
BY_CAPTURE = pytest.mark.parametrize("name", FILES if os.environ.get("OXCNOTIF_LONG") else CAPTURES)


def servers(records) -> set[tuple[bytes, int]]:
    """Whom connections were opened to."""
    met: set[frozenset] = set()
    found: set[tuple[bytes, int]] = set()
    for record in records:
        payload = packets.payload(record)
        if payload and payload.tcp:
            ends = frozenset((payload.source, payload.destination))
            if ends not in met:
                found.add(payload.destination)
            met.add(ends)
    return found


def too_little(name: str, cut: int) -> set[int]:
    """Of RPC over HTTP, what is said first on a connection behind the cut if it is less than the header of a PDU: nothing
    tells it from other bytes."""
    met: set[tuple] = set()
    found: set[int] = set()
    for number, record in enumerate(original(name)[0], 1):
        payload = packets.payload(record)
        if number > cut and payload and payload.tcp and payload.data:
            if (payload.source, payload.destination) not in met and len(payload.data) < 16:
                found.add(number)
            met.add((payload.source, payload.destination))
    return found if name.startswith("rpch") else set()


@BY_CAPTURE
@pytest.mark.parametrize("part", [4, 2])
def test_begun_late(name, part):
    cut = len(original(name)[0]) // part
    damaged = keep(name, lambda number, _: number > cut)
    damaged.touched |= too_little(name, cut)
    compare(name, damaged, OWN, True, 0.5)


@BY_CAPTURE
def test_ended_early(name):
    """What comes later is no condition of anything."""
    count = len(original(name)[0])
    compare(name, keep(name, lambda number, _: number <= count * 2 // 3), [*OWN, "oxcnotif.session", "rop.object", "rop.property.tag"],
            False, 1)


@BY_CAPTURE
@pytest.mark.parametrize("direction", ["requests", "responses"])
def test_one_direction(name, direction):
    to = servers(original(name)[0])

    def wanted(_, record):
        payload = packets.payload(record)
        return not payload or not payload.tcp or (payload.destination in to) == (direction == "requests")
    compare(name, keep(name, wanted), OWN, True, 0.3)


@BY_CAPTURE
@pytest.mark.parametrize("snaplen", [96, 200])
def test_short_frames(name, snaplen):
    records, before = original(name)
    short = [dataclasses.replace(record, data=record.data[:snaplen]) for record in records]
    touched = {number for number, record in enumerate(records, 1) if len(record.data) > snaplen}
    damaged = Damaged(short, list(range(1, len(records) + 1)), touched)
    after = dissect(name, damaged)
    # A frame that had something of ours and was cut says so, or still shows all of it.
    silent = [number for number in touched if before[number]["rop.id"] and after[number]["rop.id"] != before[number]["rop.id"]
              and not says_so(number, after, before)]
    assert not silent
    if name == "push":
        assert any(made_of(row).isdisjoint(touched) and row["oxcnotif.push.rgb_context"] for row in before.values())


@BY_CAPTURE
@pytest.mark.parametrize("seed", range(3))
def test_lost(name, seed):
    """One packet with data in thirty is missing."""
    chance = random.Random(seed)
    compare(name, keep(name, lambda number, record: not (packets.payload(record) and packets.payload(record).data
                                                         and chance.random() < 1 / 30)), OWN, True, 0.5)


def bound_elsewhere(name: str, garbled: set[int]) -> frozenset[int]:
    """What is said on connections behind a garbled bind, which names another interface."""
    bound: set[frozenset] = set()
    found: set[int] = set()
    for number, record in enumerate(original(name)[0], 1):
        payload = packets.payload(record)
        if payload and payload.tcp and payload.data:
            ends = frozenset((payload.source, payload.destination))
            if number in garbled and set(original(name)[1][number]["dcerpc.pkt_type"]) & BINDS:
                bound.add(ends)
            if ends in bound:
                found.add(number)
    return frozenset(found)


def unrecognizable(name: str) -> frozenset[int]:
    """What nothing in its own bytes tells: a message of whose header the first segment has only a part, and the answer of
    EcDoAsyncWaitEx, two small numbers, on a connection whose bind was not captured."""
    records, rows = original(name)
    return frozenset(
        number for number, row in rows.items()
        if len(made_of(row)) > 1 and len(packets.payload(records[min(made_of(row)) - 1]).data) < 16
        or row["asyncemsmdb.opnum"] and any(text.startswith("No bind") for text in row["_ws.expert.message"]))


def compare_garbled(name: str, other: dict[int, bytes], least: float) -> None:
    """Packets that carry other data, by their number, than those that were sent."""
    records = list(original(name)[0])
    for number, data in other.items():
        record, payload = records[number - 1], packets.payload(records[number - 1])
        front, behind = record.data[:payload.offset], record.data[payload.offset + len(payload.data):]
        records[number - 1] = dataclasses.replace(record, data=front + data + behind)
    touched = set(other)
    answered = {number for number, row in original(name)[1].items() if made_of(row) & touched}
    compare(name, Damaged(records, list(range(1, len(records) + 1)), touched, frozenset(touched | answered)), OWN, True, least,
            bound_elsewhere(name, touched) | unrecognizable(name))


@BY_CAPTURE
@pytest.mark.parametrize("seed", range(10 if os.environ.get("OXCNOTIF_LONG") else 3))
def test_garbled(name, seed):
    """In one packet with data in thirty, a few bytes are others."""
    chance = random.Random(seed)
    other = {}
    for number, record in enumerate(original(name)[0], 1):
        payload = packets.payload(record)
        if payload and payload.data and chance.random() < 1 / 30:
            data = bytearray(payload.data)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] ^= chance.randint(1, 255)
            other[number] = bytes(data)
    compare_garbled(name, other, 0.5)


def longer(data: bytes) -> bytes | None:
    """A message of HTTP or PDU of DCE/RPC with a length in it that is too large; None of anything else."""
    length = re.search(rb"(?i)^(?:POST|RPC_|HTTP)[^\0]*?\r\n(?:Content-Length: |\r\n(?=[0-9a-f]+\r\n))([0-9a-e])", data)
    if length:
        digit = b"123456789abcde".find(data[length.start(1):length.end(1)].lower()) + 1
        larger = b"123456789abcdef"[digit:digit + 1]
        if larger.isdigit() or b"Content-Length" not in length[0]:
            return data[:length.start(1)] + larger + data[length.end(1):]
    if len(data) >= 16 and data[0] == 5 and data[1] < 2:
        high = 9 if data[4] & 0x10 else 8
        return data[:high] + bytes([data[high] + 1]) + data[high + 1:]
    return None


@BY_CAPTURE
@pytest.mark.parametrize("seed", range(6 if os.environ.get("OXCNOTIF_LONG") else 2))
def test_lengths_too_large(name, seed):
    """Of some messages, at most one in ten: Wireshark waits for their end and takes others for it."""
    lengths = {}
    for number, record in enumerate(original(name)[0], 1):
        payload = packets.payload(record)
        data = longer(payload.data) if payload and payload.tcp and payload.data else None
        if data:
            lengths[number] = data
    if not lengths:
        pytest.skip("no lengths in the clear")
    chosen = random.Random(seed).sample(sorted(lengths), max(1, min(6, len(lengths) // 10)))
    compare_garbled(name, {number: lengths[number] for number in chosen}, 0.3)


@BY_CAPTURE
def test_repeated(name):
    """Every seventh frame is there twice, as when a mirror port sees it twice, and later a third time."""
    records, _ = original(name)
    numbers: list[int] = []
    for number in range(1, len(records) + 1):
        numbers.append(number)
        payload = packets.payload(records[number - 1])
        if number % 7 == 0 and payload and payload.tcp:
            numbers.append(number)
    damaged = Damaged([records[number - 1] for number in numbers], numbers, set())
    compare(name, damaged, [*OWN, *LINKED, *FRAMES], False, 1)


@BY_CAPTURE
def test_swapped(name):
    """Neighbours of one direction change places; Wireshark puts them in order if it is told to."""
    records, before = original(name)
    order = list(range(1, len(records) + 1))
    for at in range(10, len(order) - 1, 11):
        one, two = (packets.payload(records[order[at + step] - 1]) for step in (0, 1))
        if one and two and one.tcp and two.tcp and one.source == two.source and one.destination == two.destination:
            order[at], order[at + 1] = order[at + 1], order[at]
    times = [record.time for record in records]
    moved = [dataclasses.replace(records[number - 1], time=times[at]) for at, number in enumerate(order)]
    after = dissect(name, Damaged(moved, order, set()), prefs={"tcp.reassemble_out_of_order": "TRUE"})
    for field in OWN:
        had = collections.Counter(value for row in before.values() for value in row[field])
        has = collections.Counter(value for row in after.values() for value in row[field])
        assert has == had, field


@BY_CAPTURE
@pytest.mark.parametrize("two_pass", [False, True], ids=["one pass", "two passes"])
def test_clock_goes_back(name, two_pass):
    """The clock is set back an hour in the middle, and runs backwards for a while."""
    records, _ = original(name)
    count = len(records)
    late = []
    for at, record in enumerate(records):
        time = record.time - (3600 * 1000000 if at > count // 2 else 0) - (2000 * at if count // 4 < at < count // 3 else 0)
        late.append(dataclasses.replace(record, time=time))
    damaged = Damaged(late, list(range(1, count + 1)), set())
    # In one pass a request does not know its response yet, in two it does.
    compare(name, damaged, OWN + LINKED + ([] if two_pass else FRAMES), False, 1, two_pass=two_pass)


@BY_CAPTURE
def test_merged(name):
    """Packet by packet among those of another capture, whose hosts are others."""
    records, _ = original(name)
    # Not one of the same maker: no server gives out handles that another has given out.
    with_whom = "rpc-linked" if name.startswith(("gromox", "hermex")) else "gromox-rpch-notify"
    other = [dataclasses.replace(record, data=moved_elsewhere(record)) for record in original(with_whom)[0]
             if record.link == records[0].link]
    mixed: list[Record] = []
    origin: list[int] = []
    for number, record in enumerate(records, 1):
        if number - 1 < len(other):
            mixed.append(dataclasses.replace(other[number - 1], time=record.time))
            origin.append(-number)
        mixed.append(record)
        origin.append(number)
    damaged = Damaged(mixed, origin, set())
    compare(name, damaged, [*OWN, *[field for field in LINKED if field not in ("oxcnotif.session", "rop.object")], *FRAMES], False, 1)


def moved_elsewhere(record: Record) -> bytes:
    """The packet between two other hosts."""
    at = {packets.ETHERNET: 14, packets.RAW: 0, packets.SLL: 16, packets.SLL2: 20}[record.link]
    data = bytearray(record.data)
    if data[at] >> 4 == 4:
        data[at + 12] ^= 0x40
        data[at + 16] ^= 0x40
    return bytes(data)
