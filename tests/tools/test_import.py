# SPDX-License-Identifier: GPL-2.0-or-later
"""`oxcnotif import`: traces made of bundled captures decode as the captures do; hostile traces do no harm."""

from __future__ import annotations

import collections
import json
import os
import pathlib
import resource
import subprocess
import zipfile

import pytest

import http_traces
import tshark as tools

CAPTURES = ["gromox-mapihttp-notify", "hermex-1-mapihttp", "gromox-mapihttp-wait-timeout"]
COMMAND = tools.REPOSITORY / "scripts" / "oxcnotif"
WRITERS = {"saz": http_traces.write_saz, "har": http_traces.write_har, "flows": http_traces.write_flows}


def run(*words: object, megabytes: int = 1000, seconds: int = 30, **how) -> subprocess.CompletedProcess[str]:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    return subprocess.run([str(COMMAND), *map(str, words)], capture_output=True, text=True, preexec_fn=limits, **how)


def decoded(path: pathlib.Path) -> dict[str, collections.Counter]:
    """What does not depend on frame numbers: ROPs of each message, notifications, waits that were answered, and links.
    A trace does not tell that a connection ended, so a response that is not whole counts for nothing."""
    rows = tools.fields(
        path,
        [
            "rop.id",
            "mapihttp.request_type",
            "oxcnotif.notification_type",
            "oxcnotif.folder_id",
            "oxcnotif.wakeup.outcome",
            "oxcnotif.wakeup_in",
            "http.request",
        ],
        "mapihttp and (http.request or http.response)",
        two_pass=True,
    )
    rows = [
        row
        for row in rows
        if row["http.request"] or (row["mapihttp.request_type"] and "4" not in row["oxcnotif.wakeup.outcome"])
    ]
    messages = collections.Counter((bool(row["http.request"]), tuple(row["rop.id"])) for row in rows)
    notifications = collections.Counter(kind for row in rows for kind in row["oxcnotif.notification_type"])
    waits = collections.Counter(
        outcome for row in rows for outcome in row["oxcnotif.wakeup.outcome"] if outcome not in ("4", "5")
    )
    links = collections.Counter(bool(row["oxcnotif.wakeup_in"]) for row in rows if row["http.request"])
    return {"messages": messages, "notifications": notifications, "waits": waits, "links": links}


def import_trace(trace: pathlib.Path) -> pathlib.Path:
    output = trace.with_suffix(".pcapng")
    done = run("import", trace, "-o", output)
    assert done.returncode == 0, done.stderr
    return output


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", CAPTURES)
def test_trace_decodes_as_the_capture_it_was_made_of(tshark, tmp_path: pathlib.Path, name: str, kind: str):
    if kind == "flows":
        pytest.importorskip("mitmproxy")
    capture = tools.REPOSITORY / "test-captures" / f"{name}.pcapng"
    trace = tmp_path / f"trace.{kind}"
    WRITERS[kind](http_traces.exchanges(capture), trace)
    assert decoded(import_trace(trace)) == decoded(capture)


def test_time_zone_and_addresses_are_kept(tshark, tmp_path: pathlib.Path):
    capture = tools.REPOSITORY / "test-captures" / "gromox-mapihttp-wait-timeout.pcapng"
    found = http_traces.exchanges(capture)
    trace = tmp_path / "trace.saz"
    http_traces.write_saz(found, trace)
    rows = tools.fields(import_trace(trace), ["frame.time_epoch", "ip.src", "tcp.srcport"], "http.request")
    assert [(row["ip.src"][0], int(row["tcp.srcport"][0])) for row in rows] == [exchange.client for exchange in found]
    assert all(
        abs(float(row["frame.time_epoch"][0]) - exchange.request.done) < 0.001 for row, exchange in zip(rows, found)
    )


def test_no_answer_is_invented(tshark, tmp_path: pathlib.Path):
    exchange = http_traces.exchanges(tools.REPOSITORY / "test-captures" / "gromox-mapihttp-wait-timeout.pcapng")[0]
    exchange = http_traces.dataclasses.replace(exchange, response=None)
    for kind in ("saz", "har"):
        trace = tmp_path / f"alone.{kind}"
        WRITERS[kind]([exchange], trace)
        output = import_trace(trace)
        assert not tools.fields(output, [], "http.response")
        assert "No response" in tools.fields(output, ["frame.comment"], "http.request")[0]["frame.comment"][0]


@pytest.mark.parametrize("method", ["zipcrypt", "aes256"])
def test_password(tmp_path: pathlib.Path, method: str):
    if not pathlib.Path("/usr/bin/bsdtar").exists():
        pytest.skip("no bsdtar (libarchive-tools) to make a protected archive with")
    http_traces.write_saz(
        http_traces.exchanges(tools.REPOSITORY / "test-captures" / "gromox-mapihttp-wait-timeout.pcapng"),
        tmp_path / "plain.saz",
    )
    with zipfile.ZipFile(tmp_path / "plain.saz") as archive:
        archive.extractall(tmp_path / "inside")
    subprocess.run(
        [
            "bsdtar",
            "--format",
            "zip",
            "--options",
            f"zip:encryption={method}",
            "--passphrase",
            "s3cret",
            "-cf",
            str(tmp_path / "locked.saz"),
            "raw",
        ],
        cwd=tmp_path / "inside",
        check=True,
    )
    (tmp_path / "password").write_text("s3cret\n")
    (tmp_path / "wrong").write_text("other\n")
    output = tmp_path / "out.pcapng"
    assert run("import", tmp_path / "locked.saz", "-o", output).returncode == 3
    assert run("import", tmp_path / "locked.saz", "-o", output, "--password-file", tmp_path / "wrong").returncode == 3
    assert not output.exists()
    done = run("import", tmp_path / "locked.saz", "-o", output, "--password-file", tmp_path / "password")
    assert done.returncode == 0, done.stderr


def zip_bomb(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("raw/1_c.txt", "w", force_zip64=True) as member:
            for _ in range(2048):
                member.write(bytes(1 << 20))


def xml_bomb(path: pathlib.Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(12))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("raw/1_c.txt", "GET http://a/ HTTP/1.1\r\n\r\n")
        archive.writestr("raw/1_m.xml", f'<!DOCTYPE Session [{entities}]><Session SID="&e11;"/>')


def empty_sessions(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"raw/{number}_c.txt", b"")


def outside(path: pathlib.Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../raw/1_c.txt", "GET http://a/ HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize("make, status", [(zip_bomb, 3), (xml_bomb, 0), (empty_sessions, 3), (outside, 0)])
def test_hostile_archives(tmp_path: pathlib.Path, make, status: int):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    make(folder / "trace.saz")
    done = run("import", folder / "trace.saz", "-o", folder / "out.pcapng")
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == (
        ["out.pcapng"] if status == 0 else []
    ) + ["trace.saz"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04broken",
        b"{",
        b'{"log": []}',
        b"12:broken",
        b"[" * 100_000,
        b'{"log": {"entries": [' + b"[" * 50_000,
        b"\xd4\xc3\xb2\xa1capture",
    ],
)
def test_what_is_no_trace_gets_one_sentence(tmp_path: pathlib.Path, content: bytes):
    (tmp_path / "trace").write_bytes(content)
    done = run("import", tmp_path / "trace", "-o", tmp_path / "out.pcapng")
    assert done.returncode == 3 and len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr, done.stderr
    assert os.listdir(tmp_path) == ["trace"]


def test_truncated_archive_leaves_nothing(tmp_path: pathlib.Path):
    http_traces.write_saz(
        http_traces.exchanges(tools.REPOSITORY / "test-captures" / "gromox-mapihttp-wait-timeout.pcapng"),
        tmp_path / "whole.saz",
    )
    whole = (tmp_path / "whole.saz").read_bytes()
    (tmp_path / "cut.saz").write_bytes(whole[: len(whole) // 2])
    assert run("import", tmp_path / "cut.saz", "-o", tmp_path / "out.pcapng").returncode == 3
    assert not (tmp_path / "out.pcapng").exists()


def test_missing_metadata_is_read_with_a_warning(tmp_path: pathlib.Path):
    with zipfile.ZipFile(tmp_path / "bare.saz", "w") as archive:
        archive.writestr(
            "raw/1_c.txt", "POST https://mail.example.com/mapi/emsmdb/ HTTP/1.1\r\nContent-Length: 9\r\n\r\nab"
        )
        archive.writestr("raw/1_s.txt", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    done = run("import", tmp_path / "bare.saz", "-o", tmp_path / "out.pcapng")
    assert done.returncode == 0 and "no times" in done.stderr
    comments = [
        row["frame.comment"] for row in tools.fields(tmp_path / "out.pcapng", ["frame.comment"], "frame.comment")
    ]
    assert any("Content-Length says 9" in comment for row in comments for comment in row)
    assert json.dumps(comments).count("not in the trace") >= 1
