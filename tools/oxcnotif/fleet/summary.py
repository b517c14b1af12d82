# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run found, as a table."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from . import headers, merge, plan
from .clients import Union


def facts(files: Sequence[pathlib.Path], traffic: plan.Traffic, counts: merge.Counts, union: Union, reasons: dict[str, int],
          failed: list[dict[str, Any]], cut_short: list[str], decoded: int, costs: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The members of summary.json."""
    parts = [part for part in plan.components(union, range(len(traffic.frames)))
             if sum(traffic.frames[unit] for unit in part)]
    largest = max(parts, key=lambda part: sum(traffic.frames[unit] for unit in part), default=[])
    total = len(traffic.unit)
    return {
        "files": len(files), "bytes": sum(path.stat().st_size for path in files), "frames": total,
        "clients": sum(1 for count in traffic.frames if count), "components": len(parts),
        "largest_component": {"clients": len(largest), "frames": sum(traffic.frames[unit] for unit in largest),
                              "addresses": [headers.text(traffic.clients.addresses[unit]) for unit in largest[:10]]},
        "joined_by": reasons, "client_guessed": traffic.clients.guessed, "frames_decoded": decoded,
        "cut_short": cut_short, "failed": failed, "events": dict(counts.events), "outcomes": dict(counts.outcomes),
        "followups": dict(counts.followups), "inferred_followups": counts.inferred,
        "diagnoses": dict(counts.diagnoses.most_common()), "cost": costs,
    }


def _row(name: str, value: object) -> str:
    return f"{name:<36}{value:>12}\n" if isinstance(value, int) else f"{name:<36}{value}\n"


def table(found: dict[str, Any]) -> str:
    """The same for people."""
    lines = [_row("Capture files", found["files"]), _row("Frames", found["frames"]), _row("Clients", found["clients"]),
             _row("Decoded apart from each other", found["components"])]
    largest = found["largest_component"]
    if largest["clients"] > 1:
        lines.append(_row("Largest that stays together",
                          f"{largest['frames']:>12} frames of {largest['clients']} clients: {', '.join(largest['addresses'])}"))
    for kind, count in sorted(found["joined_by"].items()):
        lines.append(_row(f"  joined by {kind.replace('_', ' ')}", count))
    if found["client_guessed"]:
        lines.append(_row("Connections without their SYN", found["client_guessed"]))
    for title, name in (("Events", "events"), ("Wake-up outcomes", "outcomes"), ("Follow-ups", "followups"),
                        ("Diagnoses", "diagnoses")):
        if found[name]:
            lines.append(f"{title}\n")
            lines += [_row(f"  {kind}", count) for kind, count in sorted(found[name].items(), key=lambda one: (-one[1], one[0]))]
    if found["inferred_followups"]:
        lines.append(_row("Follow-ups by addresses and order", found["inferred_followups"]))
    lines += [_row("Cut short", name) for name in found["cut_short"]]
    for failure in found["failed"]:
        lines.append(f"NOT DECODED ({failure['step']}): {', '.join(failure['files'])}: {failure['reason']}\n")
    return "".join(lines)
