# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads test-captures/*.cases: bytes of ROPs and address book bodies with what must be shown of them.  The format is
described in test-captures/README.md."""

import pathlib
import re
import shlex
import struct

import carrier

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "test-captures"
FILES = ["rops-logon", "rops-folder", "rops-table", "rops-message", "rops-transport", "rops-property", "rops-stream",
         "rops-rights", "rops-sync", "rops-other", "notifications", "mapihttp"]
HANDLES = (0x10, 0x11, 0x12, 0x13)      # of every call, request and response
SIZES = {"s8": "<B", "s16": "<H", "s32": "<I"}
TOKEN = re.compile(r'\s*(?:(z8|z16)"([^"]*)"|(s8|s16|s32)\{|(\})|\$(\w+)|([0-9A-Fa-f]+))')


class Side:
    """One direction of a call: its bytes, what must be shown, and what may be wrong."""

    def __init__(self, data):
        self.data = data
        self.expected = []          # (field, values)
        self.contained = []         # (field, text)
        self.experts = set()


class Case:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.given = None
        self.calls = [[None, None]]

    @property
    def subject(self):
        """The ROP or request type that the case is about."""
        return self.name.split()[0]

    @property
    def is_rop(self):
        return self.subject.startswith("Rop")


def compile_bytes(text, names, where):
    """Hex digits, z8"..." z16"...", $NAME, and sN{ ... }: the size of what is inside in front of it."""
    stack, pos, text = [[None, b""]], 0, text.rstrip()
    while pos < len(text):
        token = TOKEN.match(text, pos)
        assert token, f"{where}: cannot read '{text[pos:]}'"
        pos = token.end()
        kind, string, size, close, name, digits = token.groups()
        if kind:
            stack[-1][1] += (string + "\0").encode("latin-1" if kind == "z8" else "utf-16-le")
        elif size:
            stack.append([size, b""])
        elif close:
            size, data = stack.pop()
            stack[-1][1] += struct.pack(SIZES[size], len(data)) + data
        else:
            stack[-1][1] += names[name] if name else bytes.fromhex(digits)
    assert len(stack) == 1, f"{where}: a brace is open"
    return stack[0][1]


def read(path):
    names, cases, side = {}, [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        word, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if word == "let":
            name, _, rest = rest.partition(" ")
            names[name] = compile_bytes(rest, names, where)
        elif word == "case":
            cases.append(Case(rest, where))
        elif word == "given":
            cases[-1].given = rest
        elif word == "call":
            if cases[-1].calls[-1] != [None, None]:
                cases[-1].calls.append([None, None])
        elif word in "><":
            side = Side(compile_bytes(rest, names, where))
            assert cases[-1].calls[-1][word == "<"] is None, f"{where}: this side of the call was given already"
            cases[-1].calls[-1][word == "<"] = side
        elif word == "=":
            name, *values = shlex.split(rest)
            side.expected.append((name, values))
        elif word == "~":
            side.contained.append(tuple(shlex.split(rest)))
        elif word == "!":
            side.experts |= set(rest.split())
        else:
            raise AssertionError(f"{where}: '{word}' begins no line")
    return cases


def read_all():
    cases = [case for name in FILES for case in read(FOLDER / f"{name}.cases")]
    by_name = {}
    for case in cases:
        assert case.name not in by_name, f"{case.where}: a second case of this name"
        by_name[case.name] = case
        assert all(side for call in case.calls for side in call), f"{case.where}: a side of a call is missing"
    for case in cases:
        assert case.given is None or case.given in by_name, f"{case.where}: nothing is called '{case.given}'"
    return cases, by_name


def calls_of(case, by_name):
    """The calls that a case needs before its own, and its own."""
    before = calls_of(by_name[case.given], by_name) if case.given else []
    return before + case.calls


def bodies(case, request, response):
    if case.is_rop:
        return "Execute", carrier.execute(request, HANDLES), carrier.executed(response, HANDLES)
    return case.subject, request, response


def same(shown, expected):
    """Numbers as numbers, booleans as 1 and 0, bytes without colons, the rest as text."""
    def norm(text):
        text = {"True": "1", "False": "0"}.get(text, text)
        if re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2})+", text):
            text = text.replace(":", "")
        try:
            return int(text, 0)
        except ValueError:
            return text
    return norm(shown) == norm(expected)
