# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command ends with when it cannot do what was asked."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """Exit statuses of the command, as docs/guide/command.md lists them."""

    OK = 0
    FAILED = 1  # `check`: a rule is broken
    USAGE = 2  # the arguments cannot be used (argparse's own status)
    BAD_INPUT = 3  # a capture, trace or rule file cannot be read
    NO_PLUGIN = 4  # no tshark, no plugin for it, or tshark failed
    NO_OUTPUT = 5  # the result cannot be written
    NOTHING = 6  # there is no Exchange traffic to say anything about


class Problem(Exception):
    """Ends the command with one sentence that says what to do."""

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status


def bad_input(text: str) -> Problem:
    return Problem(Status.BAD_INPUT, text)
