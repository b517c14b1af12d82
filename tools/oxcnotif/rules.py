# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of `oxcnotif check`: limits and scenarios, from a TOML file."""

from __future__ import annotations

import pathlib
import tomllib
from dataclasses import dataclass, field
from typing import Any

from .errors import bad_input

# What is counted, and the limits that hold if the rules name none.
COUNTED = ("missed", "cut_off", "refused", "abandoned", "malformed", "deviations")
DEFAULTS: dict[str, int] = {"missed": 0, "cut_off": 0, "refused": 0, "abandoned": 0, "malformed": 0}


@dataclass(frozen=True)
class Late:
    """The given percentile of the time from a wake-up to its fetch is at most so many seconds."""

    percentile: float
    seconds: float


@dataclass(frozen=True)
class Scenario:
    """What must, or must not, be notified of."""

    name: str
    gets: str  # type of the notification
    user: str = ""  # glob
    session: int = 0
    folder: str = ""  # glob on the name or the id
    after_frame: int = 0
    within: float | None = None
    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True)
class Rules:
    limits: dict[str, int] = field(default_factory=lambda: dict(DEFAULTS))
    diagnoses: dict[str, int] = field(default_factory=dict)
    late: Late | None = None
    complete: bool = True  # a capture that ends in the middle of a packet fails
    scenarios: tuple[Scenario, ...] = ()


class _Reader:
    """Takes members out of a table of TOML, and complains about those that are left."""

    def __init__(self, table: Any, where: str, file: pathlib.Path) -> None:
        self.where, self.file = where, file
        if not isinstance(table, dict):
            raise bad_input(f"{file}: {where} must be a table")
        self.left = dict(table)

    def take(self, name: str, kinds: tuple[type, ...], default: Any = None, lowest: float | None = None) -> Any:
        value = self.left.pop(name, None)
        if value is None:
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise bad_input(f"{self.file}: {self.where}: {name} must be {_type_text(kinds)}")
        if lowest is not None and value < lowest:
            raise bad_input(f"{self.file}: {self.where}: {name} must be at least {lowest:g}")
        return value

    def end(self) -> None:
        if self.left:
            raise bad_input(f"{self.file}: {self.where} has no rule {next(iter(self.left))!r}: see docs/guide/check.md")


def _type_text(kinds: tuple[type, ...]) -> str:
    texts = {
        str: "a text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        dict: "a table",
        list: "a list of tables",
    }
    return texts[kinds[-1]]


def _late(table: Any, file: pathlib.Path) -> Late:
    reader = _Reader(table, "limits.late", file)
    late = Late(
        percentile=reader.take("percentile", (int, float), 95, lowest=0),
        seconds=reader.take("seconds", (int, float), 1.0, lowest=0),
    )
    if late.percentile > 100:
        raise bad_input(f"{file}: limits.late: percentile must be at most 100")
    reader.end()
    return late


def _scenario(table: Any, number: int, file: pathlib.Path) -> Scenario:
    reader = _Reader(table, f"scenario {number}", file)
    gets = reader.take("gets", (str,))
    if not gets:
        raise bad_input(f'{file}: scenario {number} lacks gets = "…", the type of the notification (such as NewMail)')
    found = Scenario(
        name=reader.take("name", (str,), f"scenario {number}"),
        gets=gets,
        user=reader.take("user", (str,), ""),
        session=reader.take("session", (int,), 0, lowest=1),
        folder=reader.take("folder", (str,), ""),
        after_frame=reader.take("after_frame", (int,), 0, lowest=1),
        within=reader.take("within", (int, float), lowest=0),
        at_least=reader.take("at_least", (int,), 0 if "at_most" in reader.left else 1, lowest=0),
        at_most=reader.take("at_most", (int,), lowest=0),
    )
    reader.end()
    return found


def parse(table: dict[str, Any], file: pathlib.Path) -> Rules:
    """The rules of a TOML document that was read.

    Raises Problem for a rule that does not exist or has a wrong value.
    """
    document = _Reader(table, "the file", file)
    limits = _Reader(document.take("limits", (dict,), {}), "limits", file)
    late = limits.take("late", (dict,))
    diagnoses = limits.take("diagnoses", (dict,), {})
    counts = dict(DEFAULTS)
    for name in COUNTED:
        # -1 takes a limit off
        counts[name] = limits.take(name, (int,), counts.get(name, -1), lowest=-1)
    named = _Reader(diagnoses, "limits.diagnoses", file)
    scenarios = document.take("scenario", (list,), [])
    rules = Rules(
        limits={name: limit for name, limit in counts.items() if limit >= 0},
        diagnoses={name: named.take(name, (int,), lowest=0) for name in list(diagnoses)},
        late=_late(late, file) if late is not None else None,
        complete=document.take("complete", (bool,), True),
        scenarios=tuple(_scenario(scenario, number, file) for number, scenario in enumerate(scenarios, 1)),
    )
    limits.end()
    document.end()
    return rules


def read(file: pathlib.Path) -> Rules:
    """The rules of a file.

    Raises Problem if it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            table = tomllib.load(stream)
    except OSError as error:
        raise bad_input(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad_input(f"{file} is no TOML: {error}") from error
    return parse(table, file)
