# SPDX-License-Identifier: GPL-2.0-or-later
"""oxcnotif.user names the user of a session's calls and wake-ups, as the truth of a capture has it."""

from __future__ import annotations

import lab
import pytest


@pytest.mark.parametrize("name", ["mapihttp-cut", "rpc-async-interleaved"])
def test_user_is_shown_where_session_is(tshark, name):
    rows = tshark.fields(lab.capture(name), ["oxcnotif.session", "oxcnotif.user"], two_pass=True, args=lab.preferences(name))
    shown = {}
    for row in rows:
        assert len(row["oxcnotif.user"]) == len(row["oxcnotif.session"]), row["frame"]
        shown |= dict(zip(row["oxcnotif.session"], row["oxcnotif.user"]))
    # The lab's users have a display name that begins with the name of the mailbox ("Anna Lab").
    names = [shown[number].split()[0].lower() for number in sorted(shown, key=int)]
    assert names == [session["user"] for session in lab.truth(name)["sessions"]]
    wakeups = {wakeup["frame"] for wakeup in lab.truth(name)["wakeups"]}
    assert wakeups <= {row["frame"] for row in rows if row["oxcnotif.user"]}
