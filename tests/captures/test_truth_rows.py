# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows: of tables in notifications, of RopQueryRows and of properties, each value against the
ground truth, byte for byte."""

import pytest

import truth
import truth_sessions

captures = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in truth.CAPTURES
             if any(r.rows for c in truth.load(n).calls for r in c.responses or [])])


def with_rows(name):
    """Response frame -> [(position of the ROP in its response, its rows)]."""
    found = {}
    for call in truth.load(name).calls:
        for at, response in enumerate(call.responses or []):
            if response.rows:
                found.setdefault(call.resp_frame, []).append((at, response.rows))
    return found


def rops_of(packet):
    """The fields of each ROP of a frame in tree order; a ROP begins at its rop.id."""
    found = []
    for field in packet.iter("field"):
        if field.get("name") == "rop.id":
            found.append([])
        if found:
            found[-1].append(field)
    return found


def values_of(fields):
    """[(tag, bytes or None)] of a ROP's property rows: what stands under each tag."""
    found = []
    for field in fields:
        name = field.get("name", "")
        if name == "rop.property.tag":
            found.append([int(field.get("show"), 0), None])
        elif name.endswith((".count", ".size")):
            continue                        # in front of a binary or multiple value
        elif name.startswith("rop.property.value.") and found and found[-1][1] is None:
            found[-1][1] = bytes.fromhex(field.get("value", ""))
    return found


def plain(tag, data):
    """Without the NUL of a string, which a field may cover or not, or the count of a binary."""
    if data is None:
        return None
    if tag & 0xFFFF == 0x001F and data.endswith(b"\0\0") and len(data) % 2 == 0:
        return data[:-2]
    if tag & 0xFFFF == 0x001E:
        return data.removesuffix(b"\0")
    return data


@captures
def test_rows(tshark, name):
    problems, checked = [], 0
    without_logon = {frame for frame, odd in truth_sessions.without_logon(truth.load(name).calls).items()
                     if any(odd)}
    for packet in tshark.pdml(truth.capture_path(name), "rop"):
        number = int(next(f for f in packet.iter("field")
                          if f.get("name") in ("frame.number", "num")).get("show"))
        rops = None
        for at, rows in with_rows(name).get(number, []):
            rops = rops or rops_of(packet)
            if at >= len(rops):
                problems.append(f"frame {number} has {len(rops)} ROPs, ROP {at} is missing")
                continue
            wanted = [(tag, None if value is None else truth.encode(tag, value))
                      for row in rows for tag, value in row]
            shown = [(tag, plain(tag, data)) for tag, data in values_of(rops[at])]
            checked += 1
            if not shown and number in without_logon:
                continue                    # its table may be left unnamed, and so its columns
            if shown != wanted:
                problems.append(f"frame {number}, ROP {at}:\n  expected {wanted}\n  got      {shown}")
    assert not problems, f"{len(problems)} ROPs differ:\n" + "\n".join(problems[:3])
    assert checked == sum(map(len, with_rows(name).values()))
