# SPDX-License-Identifier: GPL-2.0-or-later
"""Words of a line, and expressions of conditions, counts and sizes."""

import re
from typing import Any

from model import DefinitionError

Node = tuple[Any, ...]         # an expression, see parse_expression()

TOKEN = re.compile(r'\s*(0[xX][0-9A-Fa-f]+|\d+|[A-Za-z_][A-Za-z_0-9]*|"[^"]*"'
                   r'|\|\||&&|==|!=|<=|>=|<<|>>|[-+*&!<>(){}\[\],.=])')

KEYWORDS = {"flags", "enum", "as", "keep", "size", "at", "each", "info", "hex", "label", "note", "if", "optional"}
BUILTINS = {"ok": 0, "left": 0, "next16": 0, "next32": 0, "private": 0, "public": 0, "unknown_store": 0, "boundary": 1,
            "left_out": 1, "deviation": 1}
POSITIONAL = {"left", "next16", "next32", "boundary", "left_out"}      # their value depends on where they are asked


def tokenize(text: str, where: str) -> list[str]:
    tokens, pos = [], 0
    text = text.rstrip()
    while pos < len(text):
        m = TOKEN.match(text, pos)
        if not m:
            raise DefinitionError(where, f"cannot read '{text[pos:].strip()}'")
        tokens.append(m.group(1))
        pos = m.end()
    return tokens


class Tokens:
    def __init__(self, text: str, where: str) -> None:
        self.list = tokenize(text, where)
        self.pos = 0
        self.where = where

    def peek(self) -> str | None:
        return self.list[self.pos] if self.pos < len(self.list) else None

    def peek_type(self) -> bool:
        """Whether a name and a type come next, and no expression."""
        pair = self.list[self.pos:self.pos + 2]
        names = [t for t in pair if re.fullmatch(r"[A-Za-z_]\w*", t)]
        return len(names) == 2 and names[1] not in KEYWORDS | {"in"}

    def next(self) -> str:
        token = self.peek()
        if token is None:
            raise DefinitionError(self.where, "the line ends too early")
        self.pos += 1
        return token

    def take(self, token: str) -> bool:
        if self.peek() == token:
            self.pos += 1
            return True
        return False

    def expect(self, token: str) -> None:
        found = self.peek()
        if not self.take(token):
            raise DefinitionError(self.where, f"'{token}' expected, not '{found or 'the end of the line'}'")

    def identifier(self, what: str) -> str:
        token = self.next()
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise DefinitionError(self.where, f"{what} expected, not '{token}'")
        return token

    def number(self, limit: int) -> int:
        token = self.next()
        if not re.fullmatch(r"0[xX][0-9A-Fa-f]+|\d+", token):
            raise DefinitionError(self.where, f"a number expected, not '{token}'")
        value = int(token, 0)
        if value > limit:
            raise DefinitionError(self.where, f"{token} is too large (at most 0x{limit:X})")
        return value

    def end(self) -> None:
        if self.peek() is not None:
            raise DefinitionError(self.where, f"'{self.peek()}' does not belong here")

    def string(self) -> str:
        token = self.next()
        if not token.startswith('"'):
            raise DefinitionError(self.where, f"a \"text\" expected, not '{token}'")
        return token[1:-1]


LEVELS = [["||"], ["&&"], ["==", "!=", "in"], ["<", "<=", ">", ">="], ["&"], ["<<", ">>"], ["+", "-"], ["*"]]
MAX_EXPRESSION_DEPTH = 32


def parse_expression(tokens: Tokens, level: int = 0, depth: int = 0) -> Node:
    """
    Returns a tree of tuples: ("const", n), ("name", id), ("part", field, id), ("call", name, args),
    ("named", a, enumeration), (op, a[, b]).
    """
    if level == len(LEVELS):
        return parse_unary(tokens, depth)
    left = parse_expression(tokens, level + 1, depth)
    while tokens.peek() in LEVELS[level]:
        op = tokens.next()
        if op == "in" and tokens.peek() != "{":
            left = ("named", left, tokens.identifier("an enumeration"))
        elif op == "in":
            tokens.expect("{")
            alternatives = [parse_expression(tokens, 4, depth)]
            while tokens.take(","):
                alternatives.append(parse_expression(tokens, 4, depth))
            tokens.expect("}")
            node = ("==", left, alternatives[0])
            for a in alternatives[1:]:
                node = ("||", node, ("==", left, a))
            left = node
        else:
            left = (op, left, parse_expression(tokens, level + 1, depth))
    return left


def parse_unary(tokens: Tokens, depth: int) -> Node:
    if depth > MAX_EXPRESSION_DEPTH:
        raise DefinitionError(tokens.where, "expression is nested too deeply")
    if tokens.take("!"):
        return ("!", parse_unary(tokens, depth + 1))
    if tokens.take("("):
        node = parse_expression(tokens, 0, depth + 1)
        tokens.expect(")")
        return node
    token = tokens.next()
    if re.fullmatch(r"0[xX][0-9A-Fa-f]+|\d+", token):
        return ("const", int(token, 0))
    if not re.fullmatch(r"[A-Za-z_]\w*", token) or token in KEYWORDS:
        raise DefinitionError(tokens.where, f"a value expected, not '{token}'")
    if token in BUILTINS:
        if BUILTINS[token] == 0:
            return ("call", token, None)
        tokens.expect("(")
        if token == "deviation":
            arg = tokens.identifier("the name of a deviation")
        else:
            arg = parse_expression(tokens, 0, depth + 1)
        tokens.expect(")")
        return ("call", token, arg)
    if tokens.take("."):
        return ("part", token, tokens.identifier("the name of a flag"))
    return ("name", token)


def is_positional(node: Node) -> bool:
    own = node[0] == "call" and node[1] in POSITIONAL
    return own or any(is_positional(n) for n in node[1:] if isinstance(n, tuple))
