# SPDX-License-Identifier: GPL-2.0-or-later
"""What leaves Wireshark by other ways than the tree: exported PDUs, followed streams, exported objects, Lua, JSON for Elasticsearch."""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess

import lab
import pytest
import truth
from tshark import REPOSITORY

OURS = ("asyncemsmdb", "emsmdb", "mapihttp", "oxcnotif", "rop", "rpch")
TLS = "hermex-2-mapihttp-tls"


def without_plugin(tshark, *args):
    return subprocess.run(["tshark", *args], env=tshark.environment() | {"WIRESHARK_PLUGIN_DIR": "/nonexistent"}, capture_output=True,
                          text=True, check=True, timeout=60, **tshark.identity())


def test_pdus_of_tls_are_exported_and_read_again(tshark):
    capture = str(tshark.readable(truth.capture_path(TLS)))
    keys = tshark.readable(REPOSITORY / "test-captures" / f"{TLS}.keylog")
    folder = tshark.scratch() / "home"
    asked = ["-r", capture, "-o", f"tls.keylog_file:{keys}", "-U", "OSI layer 7", "-w"]
    done = tshark.run([*asked, str(folder / "with.pcapng")])
    assert "bug" not in done.stderr, done.stderr.splitlines()[0]
    without_plugin(tshark, *asked, str(folder / "without.pcapng"))
    shown = tshark.run(["-r", str(folder / "with.pcapng"), "-T", "fields", "-e", "mapihttp.request_type"]).stdout.splitlines()
    # The PDUs are the same, and what was MAPI/HTTP still is.
    assert len(shown) == len(without_plugin(tshark, "-r", str(folder / "without.pcapng")).stdout.splitlines())
    direct = tshark.run(["-r", capture, "-o", f"tls.keylog_file:{keys}", "-Y", "tls.app_data && mapihttp", "-T", "fields", "-e", "mapihttp.request_type"])
    kinds = [collections.Counter(kind for line in lines for kind in set(line.split(",")) if kind)
             for lines in (shown, direct.stdout.splitlines())]
    assert set(kinds[0]) == set(kinds[1]) and kinds[0]["NotificationWait"] >= kinds[1]["NotificationWait"] > 0


@pytest.mark.parametrize("name", ["rpch-plain", "rpch-recycle"])
def test_followed_stream_has_what_http_has_without_the_plugin(tshark, name):
    asked = ["-r", str(tshark.readable(lab.capture(name))), "-q", "-z", "follow,http,raw,0"]
    shown, plain = ([line for line in text.splitlines() if re.fullmatch(r"\t?[0-9a-f]+", line)]
                    for text in (tshark.run(asked).stdout, without_plugin(tshark, *asked).stdout))
    # Heads and short bodies, which end with the head of the channel; its PDUs come behind, cut as each release cuts them.
    end = 1 + max(at for at, line in enumerate(plain) if bytes.fromhex(line.strip()).startswith(b"HTTP/1.1 200"))
    assert end > 3 and len(shown) > end
    assert shown[:end] == plain[:end]


@pytest.mark.parametrize("name", ["rpch-plain", "rpch-chunked"])
def test_exported_objects_are_those_without_the_plugin(tshark, name):
    found = []
    for run, folder in ((lambda *args: tshark.run(args), "with"), (lambda *args: without_plugin(tshark, *args), "without")):
        path = tshark.scratch() / "home" / f"objects-{name}-{folder}"
        run("-r", str(tshark.readable(lab.capture(name))), "-q", "--export-objects", f"http,{path}")
        found.append({file.name: file.read_bytes() for file in path.iterdir()})
    assert found[0] == found[1] != {}


def test_dissectors_are_found_by_name_in_lua(tshark):
    script = tshark.folder() / "names.lua"
    script.write_text('for _, name in ipairs({"oxcnotif", "mapihttp"}) do print("found", Dissector.get(name)) end\n')
    os.chmod(script, 0o644)
    done = tshark.run(["-X", f"lua_script:{script}", "-r", str(tshark.readable(lab.capture("push"))), "-c", "1"])
    assert [line.split("\t")[1] for line in done.stdout.splitlines() if line.startswith("found")] == ["OXCNOTIF", "MAPI/HTTP"]


def without_a_mapping(tshark, types: dict[str, str]) -> set[str]:
    """Types of fields that this release maps in none of its own protocols: texts, since 4.6 bytes, too."""
    others = {"frame", "eth", "ip", "tcp", "http", "tls", "dcerpc"}
    layers = json.loads(tshark.run(["-G", "elastic-mapping", "--elastic-mapping-filter", ",".join(others)]).stdout)["mappings"]["properties"]["layers"]
    mapped = {key for layer in layers["properties"].values() for key in layer["properties"]}
    known = {name: kind for name, kind in types.items() if name.split(".")[0] in others}
    return set(known.values()) - {known[name] for name in known if f"{name.split('.')[0]}_{name.replace('.', '_')}" in mapped}


def test_no_protocol_repeats_in_the_mapping_and_it_fits_the_documents(tshark):
    text = tshark.run(["-G", "elastic-mapping", "--elastic-mapping-filter", ",".join(OURS)]).stdout
    repeated = []

    def once(pairs):
        repeated.extend(name for name, count in collections.Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    layers = json.loads(text, object_pairs_hook=once)["mappings"]["properties"]["layers"]["properties"]
    assert repeated == []
    assert set(OURS) == set(layers)
    types = {line.split("\t")[2]: line.split("\t")[3] for line in tshark.run(["-G", "fields"]).stdout.splitlines() if line.startswith("F\t")}
    unmapped = without_a_mapping(tshark, types)
    assert "FT_STRING" in unmapped and "FT_UINT32" not in unmapped
    seen = set()
    for name in ("mapihttp-cut", "push", "rpch-plain"):
        for line in tshark.run(["-r", str(tshark.readable(lab.capture(name))), "-T", "ek", "-Y", "oxcnotif || mapihttp || emsmdb"]).stdout.splitlines():
            seen |= set(re.findall(r'"((?:%s)_[a-z0-9_]+)":' % "|".join(OURS), line))
    wrong = []
    for key in seen:
        protocol, field = key.split("_", 1)
        names = [name for name in types if name.replace(".", "_") == field]
        if names and types[names[0]] not in unmapped and key not in layers[protocol]["properties"]:
            wrong.append(key)
    assert len(seen) > 50 and wrong == []


def test_protocols_that_are_listed_are_protocols(tshark):
    listed = [line.split("\t") for line in tshark.run(["-G", "protocols"]).stdout.splitlines()]
    filters = {line[2] for line in listed if line[2].split(".")[0] in OURS}
    # Those with a dot are no protocols, and Wireshark lists them, too: docs/upstream.md says why each is there.
    assert filters == {*OURS, "emsmdb.port", "mapihttp.connection", "mapihttp.http2_connection", "oxcnotif.postdissector"}
