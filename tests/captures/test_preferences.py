# SPDX-License-Identifier: GPL-2.0-or-later
"""Every registered preference: a value that changes what a frame shows, and the default, which does not."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import re

import pytest

import expert_cases
import lab
import tshark as tools


@dataclasses.dataclass
class Effect:
    """In a frame a field has these values by default, and others with another value of the preference."""
    default: str
    other: str
    frame: int | str            # of the lab's capture, or by the name that the builder gave it
    field: str
    by_default: list[str]
    with_other: list[str]
    capture: str = ""


# The fetches of mapihttp_followups come 2 s and 70 s after their wake-ups; frame 8 of rpc-tcp is a call of EMSMDB.
EFFECTS = {
    "oxcnotif.window": [Effect("60", "80", "wake-up, fetch after 70 s", "oxcnotif.followup_in", [], ["fetch after 70 s"]),
                        Effect("60", "1", "wake-up, fetch after 2 s", "oxcnotif.followup_in", ["fetch after 2 s"], [])],
    "oxcnotif.slow_followup": [Effect("1000", "3000", "fetch after 2 s", "oxcnotif.followup.slow", ["shown"], [])],
    "emsmdb.take_over": [Effect("TRUE", "FALSE", 8, "emsmdb.opnum", ["10"], [], "rpc-tcp")],
}
# Wireshark makes one of each protocol over UDP.
OF_WIRESHARK = {"oxcnotif.udp.port": [Effect("", "2500", 1, "oxcnotif.wakeup.method", [], ["1"], "push-late")]}
ALL = [pytest.param(name, effect, id=f"{name} {effect.other}") for name, effects in (EFFECTS | OF_WIRESHARK).items()
       for effect in effects]


@functools.lru_cache(maxsize=None)
def built() -> tuple[pathlib.Path, dict[str, int]]:
    return expert_cases.mapihttp_followups()


def shown(effect: Effect, prefs: dict[str, str]) -> list[str]:
    """Values of the field; frames by the names of the builder, an expert item as "shown"."""
    path, names = (lab.capture(effect.capture), {}) if effect.capture else built()
    frame = names.get(str(effect.frame), effect.frame)
    rows = {row["frame"]: row for row in tools.fields(path, [effect.field], prefs=prefs, two_pass=not effect.capture)}
    if effect.by_default == ["shown"]:
        return ["shown" for _ in rows[frame][effect.field]]
    called = {str(number): name for name, number in names.items()}
    return [called.get(value, value) for value in rows[frame][effect.field]]


@pytest.mark.parametrize("name,effect", ALL)
def test_preference_changes_its_frame(tshark, name: str, effect: Effect) -> None:
    assert shown(effect, {}) == shown(effect, {name: effect.default}) == effect.by_default
    assert shown(effect, {name: effect.other}) == effect.with_other


def test_every_registered_preference_has_an_effect(tshark) -> None:
    found = set()
    for line in tshark.run(["-G", "currentprefs"]).stdout.splitlines():
        if match := re.match(r"#?((?:oxcnotif|mapihttp|rop|emsmdb|asyncemsmdb|rpch|nspi)\.[a-z0-9_.]+):", line):
            found.add(match[1])
    assert found - set(OF_WIRESHARK) == set(EFFECTS)
    sources = [path.read_text(encoding="utf-8") for path in (tools.REPOSITORY / "plugin").rglob("*.c")]
    assert sum(len(re.findall(r"prefs_register_\w+_preference\(", text)) for text in sources) == len(EFFECTS)
