# SPDX-License-Identifier: GPL-2.0-or-later
"""Opening a file, reading frames again, opening another and the first again, and closing it: nothing of the plugin's is lost,
and it reads no memory that is not its own.  Under valgrind, and with AddressSanitizer where the plugin is built with it.

Errors count that have the plugin among the callers; Wireshark and its libraries have some of their own."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import xml.etree.ElementTree

import lab
import pytest
import tshark as tools

LONG = bool(os.environ.get("OXCNOTIF_LONG"))
SANITIZED = bool(os.environ.get("OXCNOTIF_SANITIZE"))
PAIRS = [("rpc-tcp", "push-odd")]
if LONG or SANITIZED:
    PAIRS += [("hermex-1-mapihttp", "gromox-rpch-notify"), ("mapihttp-h2", "rpc-ntlm-privacy"), ("rpch-recycle", "hermex-4-errors")]
BY_PAIR = pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
TAPS = {f"tap{number}": tap for number, tap in enumerate(["stat:oxcnotif", "srt:oxcnotif", "seqa:oxcnotif"])}


def requests(pair: tuple[str, str]) -> str:
    asked = []
    nothing = tools.scratch() / "captures" / "nothing.pcap"
    nothing.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 1))
    nothing.chmod(0o644)
    for name in (*pair, pair[0]):
        asked.append(("load", {"file": str(tools.readable(lab.capture(name)))}))
        asked.append(("analyse", {}))
        asked += [("frame", {"frame": number, "proto": True, "columns": True}) for number in (30, 12, 25, 12)]
        asked.append(("frames", {"filter": "oxcnotif"}))
        asked.append(("tap", TAPS))
    asked.append(("load", {"file": str(nothing)}))      # which closes the last one: sharkd ends without
    return "".join(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, **({"params": params} if params else {})}) + "\n"
                   for number, (method, params) in enumerate(asked, 1))


def sharkd(pair: tuple[str, str], before: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """sharkd does it all and ends."""
    done = subprocess.run([*before, "sharkd", "-"], input=requests(pair), cwd=tools.scratch() / "home",
                          env={**tools.environment(), "G_SLICE": "always-malloc", "WIRESHARK_DEBUG_WMEM_OVERRIDE": "simple",
                               **environment},
                          capture_output=True, text=True, errors="replace", timeout=1500, check=False, **tools.identity())
    loaded = done.stdout.count('"status":"OK"')
    assert loaded >= 4, f"{loaded} answers of 4 files that are open:\n{done.stdout[:2000]}\n{done.stderr[-2000:]}"
    return done


@pytest.mark.skipif(SANITIZED, reason="one of the two at a time")
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
@BY_PAIR
def test_valgrind(tshark, pair):
    folder = pathlib.Path(tempfile.mkdtemp(dir=tools.scratch()))
    folder.chmod(0o777)
    report = folder / "valgrind.xml"
    sharkd(pair, ["valgrind", "--quiet", "--leak-check=full", "--num-callers=40", "--xml=yes", f"--xml-file={report}"], {})
    root = xml.etree.ElementTree.parse(report).getroot()
    # "Possibly lost" are the frames of a file with what dissectors attached to them: sharkd forgets them when it opens another.
    ours = [error for error in root.iter("error")
            if error.findtext("kind") != "Leak_PossiblyLost" and any("oxcnotif" in (obj.text or "") for obj in error.iter("obj"))]
    assert not ours, xml.etree.ElementTree.tostring(ours[0], encoding="unicode")[:4000]


@pytest.mark.skipif(not SANITIZED, reason="the plugin has no sanitizer")
@BY_PAIR
def test_leak_sanitizer(tshark, pair):
    done = sharkd(pair, [], {"ASAN_OPTIONS": "detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=40:exitcode=0"})
    assert "ERROR: AddressSanitizer" not in done.stderr, done.stderr[:3000]
    ours = [block for block in done.stderr.split("\n\n") if "leak of" in block and "oxcnotif" in block]
    assert not ours, ours[0]
