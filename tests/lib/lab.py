# SPDX-License-Identifier: GPL-2.0-or-later
"""The ground truth that the lab wrote beside its captures; see test-captures/README.md."""

from __future__ import annotations

import functools
import json
import re
import uuid
from typing import Any

from tshark import REPOSITORY, readable

CAPTURES = REPOSITORY / "test-captures"


@functools.lru_cache(maxsize=None)
def truth(name: str) -> dict[str, Any]:
    return json.loads((CAPTURES / f"{name}.json").read_text())


def capture(name: str):
    return CAPTURES / f"{name}.pcapng"


def names(*prefixes: str) -> list[str]:
    """The captures of the lab whose names begin so."""
    return sorted(path.stem for path in CAPTURES.glob("*.json") if path.stem.startswith(prefixes))


def snake(name: str) -> str:
    """A filter's name from the specification's: rgbContext -> rgb_context, szUserDN ->
    sz_user_dn, usFCanConvertCodePages -> us_f_can_convert_code_pages."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def handle_bytes(guid: str) -> str:
    """A context handle as 20 bytes, hex: attributes 0, GUID in little-endian order."""
    return bytes(4).hex() + uuid.UUID(guid).bytes_le.hex()


def preferences(name: str) -> list[str]:
    """Arguments of tshark that decrypt a sealed capture."""
    keys = truth(name).get("keys") or {}
    return [arg.replace(keys["keytab"], str(readable(CAPTURES / keys["keytab"]))) if "keytab" in keys else arg
            for arg in keys.get("tshark", [])]
