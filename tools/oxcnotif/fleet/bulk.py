# SPDX-License-Identifier: GPL-2.0-or-later
"""Events as lines of a bulk request of OpenSearch or Elasticsearch."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable
from typing import IO

_TIME = re.compile(rb'"(?:time|first)":(\d+)\.(\d{9})')


def timestamp(line: bytes) -> bytes | None:
    """The time of an event in ISO 8601, with its nine decimals; None if it has none."""
    found = _TIME.search(line)
    if not found:
        return None
    try:
        moment = datetime.datetime.fromtimestamp(int(found[1]), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S").encode() + b"." + found[2] + b"Z"


def write(events: Iterable[bytes], index: str, stream: IO[bytes]) -> int:
    """Writes two lines for each event; how many events. The same event has the same _id, so that a second run over the same
    files replaces documents and makes no new ones."""
    count = 0
    seen: dict[bytes, int] = {}
    for line in events:
        line = line.rstrip(b"\n")
        digest = hashlib.sha256(line).hexdigest()[:24].encode()
        place = seen[digest] = seen.get(digest, 0) + 1      # equal events are several
        when = timestamp(line)
        stream.write(b'{"index":{"_index":"%s","_id":"%s-%d"}}\n' % (index.encode(), digest, place))
        stream.write((b'{"@timestamp":"%s",%s' % (when, line[1:]) if when else line) + b"\n")
        count += 1
    return count
