# SPDX-License-Identifier: GPL-2.0-or-later
"""EMSMDB and AsyncEMSMDB over TCP: every parameter of every call that the lab made, in NDR
2.0 and NDR64, in both byte orders ([MS-OXCRPC] 3.1.4, 3.3.4)."""

import lab
import pytest

# Sealed captures are read with the password or keytab that the truth names.
CAPTURES = [name for name in lab.names("rpc-", "push") if lab.truth(name)["calls"]]
# What the truth calls otherwise than the filters do, after their contract.
RENAMED = {"pcxh": "cxh", "pacxh": "acxh", "return": "return_value"}
HANDLES = {"cxh", "acxh"}
STRUCTURED = {"rgbAuxIn", "rgbAuxOut", "hex"}   # auxiliary blocks have their own tests
BYTES = {"rgb_context", "reserved0"}
TEXT = {"sz_user_dn", "sz_dn_prefix", "sz_display_name"}


def prefix(call):
    return "asyncemsmdb" if call["interface"] == "AsyncEMSMDB" else "emsmdb"


def expected(call, side):
    """field -> values, of one direction of a call."""
    found = {}
    for name, value in (call["parameters"].get(side) or {}).items():
        if name in STRUCTURED or value is None or value == "":
            continue            # tshark does not print an empty string
        short = RENAMED.get(name) or lab.snake(name)
        if short in HANDLES:
            value = lab.handle_bytes(value)
        if name == "rgbCallbackAddress":
            address = "sin_addr" if value["family"] == 2 else "sin6_addr"
            found["emsmdb.rgb_callback_address.sin_family"] = [value["family"]]
            found["emsmdb.rgb_callback_address.sin_port"] = [value["port"]]
            found[f"emsmdb.rgb_callback_address.{address}"] = [value["address"]]
            value = value["hex"]
        found[f"{prefix(call)}.{short}"] = value if isinstance(value, list) else [value]
    return found


def shown(field, text):
    short = field.split(".")[-1]
    if short in HANDLES | BYTES | {"rgb_callback_address"}:
        return text.replace(":", "")
    return text if short in TEXT | {"sin_addr", "sin6_addr"} else int(text, 0)


def by_frame(name):
    """frame -> fields that the truth wants to see there."""
    frames = {}
    for call in lab.truth(name)["calls"]:
        if call["interface"] not in ("EMSMDB", "AsyncEMSMDB"):
            continue
        for side, frame in (("request", call["frame_req"]), ("response", call["frame_resp"])):
            if frame is None or call["fault"] and side == "response":
                continue
            here = frames.setdefault(frame, {})
            for field, values in expected(call, side).items():
                here.setdefault(field, []).extend(values)
            here.setdefault(f"{prefix(call)}.opnum", []).append(call["opnum"])
    return frames


@pytest.mark.parametrize("name", CAPTURES)
def test_parameters(tshark, name):
    wanted = by_frame(name)
    assert wanted
    fields = sorted({field for here in wanted.values() for field in here})
    missing = set(fields) - tshark.registered()
    assert not missing, missing
    wrong = []
    for row in tshark.fields(lab.capture(name), fields, args=lab.preferences(name)):
        here = wanted.get(row["frame"], {})
        for field in fields:
            # Of a fault Wireshark may show more than the truth has.
            values = [shown(field, text) for text in row[field] if text != "<MISSING>"]
            if values != here.get(field, []) and not (field.endswith(".opnum") and not here):
                wrong.append(f"frame {row['frame']}: {field}: expected {here.get(field)}, got {values}")
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("name", CAPTURES)
def test_nothing_malformed(tshark, name):
    rows = tshark.fields(lab.capture(name), ["_ws.expert.message"],
                         "(emsmdb or asyncemsmdb) and (_ws.malformed or _ws.expert.group == \"Malformed\")",
                         args=lab.preferences(name))
    # Two captures hold stubs that are wrong on purpose.
    allowed = {frame for call in lab.truth(name)["calls"] if call["fault"] for frame in call["frames_req"]}
    assert [row for row in rows if row["frame"] not in allowed] == []


@pytest.mark.parametrize("name", CAPTURES)
def test_calls_and_sessions(tshark, name):
    """Request and response know each other; every frame of a session has the same number."""
    rows = {row["frame"]: row for row in tshark.fields(
        lab.capture(name), ["rop.request_in", "rop.response_in", "oxcnotif.session"], two_pass=True,
        args=lab.preferences(name))}
    numbers = {}
    # RopPending may name another session than that of the call it came with.
    two_sessions = {wakeup["frame"] for wakeup in lab.truth(name)["wakeups"] if wakeup["method"] == 4}
    for call in lab.truth(name)["calls"]:
        if call["interface"] not in ("EMSMDB", "AsyncEMSMDB") or call["fault"]:
            continue
        request, response = call["frame_req"], call["frame_resp"]
        if request and response:
            assert str(response) in rows[request]["rop.response_in"], request
            assert str(request) in rows[response]["rop.request_in"], response
        elif request:
            assert rows[request]["rop.response_in"] == []
        if call["session"] is None or call["name"] == "EcDummyRpc":
            continue
        for frame in (request, response):
            if frame and frame not in two_sessions and not (frame == request and call["opnum"] in (0, 10) and call["interface"] == "EMSMDB"):
                numbers.setdefault(call["session"], set()).update(rows[frame]["oxcnotif.session"])
    assert numbers and all(len(found) == 1 for found in numbers.values()), numbers
    assert len(set().union(*numbers.values())) == len(numbers), numbers
