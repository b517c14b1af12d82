# SPDX-License-Identifier: GPL-2.0-or-later
"""Every byte of every ROP buffer is in a field."""

import pytest

import truth

captures = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in truth.CAPTURES])


def leaves(node):
    """The innermost fields that cover bytes; expert items cover what they are about."""
    inner = [child for child in node
             if int(child.get("size") or 0) > 0 and child.get("name") != "_ws.expert"]
    if not inner:
        yield node
    for child in inner:
        yield from leaves(child)


def uncovered(buffer):
    """Offsets of a ROP buffer that no field has."""
    size = int(buffer.get("size"))
    covered = bytearray(size)
    fields = [child for child in buffer if int(child.get("size") or 0) > 0]
    # RopSize is at the buffer's beginning.  PDML's own position of a nested protocol is that of its
    # parent where the two lie in different data sources (a decompressed buffer).
    base = int(fields[0].get("pos"))
    for field in fields:
        for leaf in leaves(field):
            at = int(leaf.get("pos")) - base
            for offset in range(max(at, 0), min(at + int(leaf.get("size")), size)):
                covered[offset] = 1
    return [offset for offset in range(size) if not covered[offset]]


@captures
def test_every_byte_of_a_rop_buffer_is_in_a_field(tshark, name):
    buffers, problems = 0, []
    for packet in tshark.pdml(truth.capture_path(name), "rop"):
        number = next(f for f in packet.iter("field") if f.get("name") == "num").get("show")
        for buffer in packet.iter():
            if buffer.get("name") == "rop":
                buffers += 1
                missing = uncovered(buffer)
                if missing:
                    problems.append(f"frame {number}: {len(missing)} of {buffer.get('size')} bytes "
                                    f"from {missing[0]} on")
    # Each Execute or EcDoRpcExt2 whose buffer the truth has shows at least that buffer.
    known = sum((c.requests is not None) + (c.responses is not None and bool(c.resp_ext))
                for c in truth.load(name).calls if c.is_execute)
    assert buffers >= known > 0
    assert not problems, "\n".join(problems[:12])
