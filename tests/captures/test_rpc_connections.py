# SPDX-License-Identifier: GPL-2.0-or-later
"""What DCE/RPC leaves out: faults, stubs that cannot be decrypted, captures that begin in
the middle, ports of other protocols; and who serves the interface."""

import lab
import struct

import pytest

import carrier
import rpc_streams

SEALED = [name for name in lab.names("rpc-") if lab.truth(name).get("sealed")]


def test_take_over_can_be_given_back(tshark):
    """The preference decides whether EMSMDB is ours or the built-in dissector's."""
    for value, ours in (("TRUE", True), ("FALSE", False)):
        found = tshark.fields(lab.capture("rpc-tcp"), ["emsmdb.opnum", "mapi.opnum"], prefs={"emsmdb.take_over": value})
        assert any(row["emsmdb.opnum"] for row in found) == ours
        assert any(row["mapi.opnum"] for row in found) != ours
        assert tshark.run(["-o", f"emsmdb.take_over:{value}", "-v"]).stderr == tshark.run(["-v"]).stderr


@pytest.mark.parametrize("name", ["rpc-late", "rpc-tcp"])
@pytest.mark.parametrize("how", [{"prefs": {"emsmdb.take_over": "FALSE"}}, {"args": ["--disable-protocol", "emsmdb"]}])
def test_nothing_is_shown_of_what_is_not_ours(tshark, name, how):
    assert tshark.fields(lab.capture(name), [], "emsmdb", **how) == []


def test_take_over_changes_while_running(tshark):
    """Preferences can be changed between two files, back and forth."""
    if "with Lua" not in tshark.run(["-v"]).stdout:
        pytest.skip("this tshark has no Lua, and sharkd does not apply preferences")
    home = tshark.scratch() / "captures" / "toggle"
    settings = home / ".config" / "wireshark"
    settings.mkdir(parents=True, exist_ok=True)
    script = home / "toggle.lua"
    for values, name in (("false", "MAPI"), ("false, true", "EMSMDB"), ("false, true, false", "MAPI"),
                         ("false, true, false, true", "EMSMDB")):
        (settings / "preferences").write_text("")
        (settings / "preferences").chmod(0o666)         # Lua writes to it
        script.write_text(f"""local toggle = Proto("toggle", "toggle")
function toggle.init()
  for _, value in ipairs({{ {values} }}) do
    set_preference("emsmdb.take_over", value)
    apply_preferences()
  end
end""")
        found = tshark.run([f"HOME={home}", "tshark", "-X", f"lua_script:{script}", "-r",
                            str(tshark.readable(lab.capture("rpc-tcp"))), "-Y", "frame.number == 8"], program="env")
        assert f" {name} " in found.stdout, (values, found)


def test_ports_of_x11(tshark):
    """A bind for EMSMDB wins on TCP 6001 to 6004."""
    protocols = {row["frame"]: row["frame.protocols"][0]
                 for row in tshark.fields(lab.capture("rpc-ports"), ["frame.protocols"])}
    for call in lab.truth("rpc-ports")["calls"]:
        for frame in (call["frame_req"], call["frame_resp"]):
            assert "x11" not in protocols[frame] and "dcerpc" in protocols[frame], frame


def test_x11_stays_x11(tshark):
    """Neither a connection whose beginning was captured nor one from its middle is touched; a bind is (X11 Protocol, 8)."""
    capture = carrier.Capture()
    setup = struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0)
    requests = struct.pack("<BBHI", 5, 0, 2, 0x200001) + struct.pack("<BBH", 98, 0, 5) + struct.pack("<HH", 10, 0) + b"BIG-REQUES" + b"  "
    x11, ours = [], []
    for port, opened in ((6001, True), (6002, False)):
        stream = rpc_streams.Stream(capture, port=port)
        if opened:
            stream.up(b"")
        x11 += [stream.up(setup), stream.up(requests)]
    stream = rpc_streams.Stream(capture, port=6003)
    stream.up(b"")
    ours += [stream.up(rpc_streams.bind(1, rpc_streams.EMSMDB)), stream.down(rpc_streams.bind_ack(1)), *stream.connect()]
    rows = {row["frame"]: row["frame.protocols"][0]
            for row in tshark.fields(capture.write("x11.pcap"), ["frame.protocols"])}
    plain = {row["frame"]: row["frame.protocols"][0]
             for row in tshark.fields(capture.write("x11.pcap"), ["frame.protocols"], args=["--disable-protocol", "emsmdb",
                                                                                          "--disable-heuristic", "emsmdb_tcp",
                                                                                          "--disable-heuristic", "dcerpc_tcp"])}
    assert [rows[frame] for frame in x11] == [plain[frame] for frame in x11]
    assert all(rows[frame].endswith("x11") for frame in x11)
    assert all("x11" not in rows[frame] and "dcerpc" in rows[frame] for frame in ours)


@pytest.mark.parametrize("name", SEALED)
def test_sealed_without_keys(tshark, name):
    """One note for each connection, not one for each stub, and it says what to provide."""
    found = tshark.fields(lab.capture(name), ["emsmdb.sealed", "_ws.expert.message", "tcp.stream", "emsmdb.cxh"], "emsmdb or asyncemsmdb or emsmdb.sealed")
    noted = [row for row in found if row["emsmdb.sealed"]]
    assert noted and all(not row["emsmdb.cxh"] for row in found)
    streams = [row["tcp.stream"][0] for row in noted]
    assert len(streams) == len(set(streams))
    assert {row["tcp.stream"][0] for row in found} == set(streams)
    wanted = {"ntlm": "ntlmssp.nt_password", "krb5": "kerberos.file", "spnego": "kerberos.file"}[name.split("-")[1]]
    assert all(wanted in " ".join(row["_ws.expert.message"]) for row in noted)


@pytest.mark.parametrize("name", SEALED)
def test_sealed_with_keys(tshark, name):
    found = tshark.fields(lab.capture(name), ["emsmdb.sealed"], "emsmdb.sealed", args=lab.preferences(name))
    assert found == []


def test_faults_name_their_call(tshark):
    calls = [call for call in lab.truth("rpc-tcp")["calls"] if call["fault"] and call["opnum"] == 11]
    assert calls
    found = {row["frame"]: row for row in tshark.fields(
        lab.capture("rpc-tcp"), ["emsmdb.opnum", "rop.request_in", "dcerpc.cn_status", "_ws.col.Info"], "dcerpc.pkt_type == 3")}
    for call in calls:
        row = found[call["frame_resp"]]
        assert row["emsmdb.opnum"] == ["11"] and "EcDoRpcExt2" in row["_ws.col.Info"][0]
        assert row["rop.request_in"] == [str(call["frame_req"])]


def test_late_capture(tshark):
    """Bind and first requests are missing: the calls are recognized and marked as such."""
    found = {row["frame"]: row for row in tshark.fields(lab.capture("rpc-late"), ["emsmdb.opnum", "asyncemsmdb.opnum", "emsmdb.inferred"])}
    for call in lab.truth("rpc-late")["calls"]:
        field = f"{call['interface'].lower()}.opnum"
        for frame in (call["frame_req"], call["frame_resp"]):
            if frame:
                assert found[frame][field] == [str(call["opnum"])], frame
                assert found[frame]["emsmdb.inferred"], frame
