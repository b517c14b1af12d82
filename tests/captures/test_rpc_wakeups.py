# SPDX-License-Identifier: GPL-2.0-or-later
"""Wake-ups over RPC and UDP against what the lab did: which frames are wake-ups, of which
session, and which call fetched the details ([MS-OXCRPC] 3.3.4.1, [MS-OXCNOTIF] 3.1.5)."""

import lab
import pytest

PUSH, ASYNC_WAIT = 1, 2
# Without the registration no datagram may be taken for a wake-up: the user names the port.
BY_USER = {"push-late": ["-d", "udp.port==2500,oxcnotif"]}
CAPTURES = [name for name in lab.names("rpc-", "push") if lab.truth(name)["wakeups"]]
FIELDS = ["oxcnotif.wakeup.method", "oxcnotif.wakeup.outcome", "oxcnotif.followup_in"]


def ints(values):
    return [int(value) for value in values]


def rows(tshark, name, two_pass=True):
    found = tshark.fields(lab.capture(name), FIELDS, two_pass=two_pass, args=[*lab.preferences(name), *BY_USER.get(name, [])])
    return {row["frame"]: row for row in found if row["oxcnotif.wakeup.method"]}


@pytest.mark.parametrize("name", CAPTURES)
def test_wakeups(tshark, name):
    truth = [w for w in lab.truth(name)["wakeups"] if w["method"] in (PUSH, ASYNC_WAIT)]
    open_or_odd = {d["frame"] for d in lab.truth(name).get("datagrams", []) if d["wakeup"] is None}
    shown = {frame: row for frame, row in rows(tshark, name).items() if frame not in open_or_odd and
             set(ints(row["oxcnotif.wakeup.method"])) & {PUSH, ASYNC_WAIT}}
    assert {frame: (ints(row["oxcnotif.wakeup.method"]), ints(row["oxcnotif.wakeup.outcome"]))
            for frame, row in shown.items()} == \
        {w["frame"]: ([w["method"]], [w["outcome"]]) for w in truth}


@pytest.mark.parametrize("name", [n for n in CAPTURES if n != "push-late"])
def test_followups(tshark, name):
    shown = rows(tshark, name)
    for wakeup in lab.truth(name)["wakeups"]:
        if wakeup["method"] not in (PUSH, ASYNC_WAIT) or wakeup["outcome"] != 1:
            continue
        row = shown[wakeup["frame"]]
        expected = [wakeup["followup_in"]] if wakeup["followup_in"] else []
        assert ints(row["oxcnotif.followup_in"]) == expected, wakeup
