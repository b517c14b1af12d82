# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/tshark and scripts/check-plugin: Wireshark's own plugins stay, output goes where the caller may write, a plugin of
another release is noticed."""

from __future__ import annotations

import os
import subprocess

import lab
import pytest
from tshark import REPOSITORY, build_dir

pytestmark = pytest.mark.skipif(bool(os.environ.get("OXCNOTIF_SANITIZE")), reason="the scripts load no sanitizer")
SCRIPTS = REPOSITORY / "scripts"


def run(script, *args, home=None):
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home or "/nonexistent"), "LC_ALL": "C.UTF-8", "OXCNOTIF_BUILD": str(build_dir())}
    return subprocess.run([SCRIPTS / script, *args], env=env, capture_output=True, text=True, timeout=60, check=False)


def names(listed):
    return {line.split("\t")[0].strip() for line in listed.splitlines() if line.split("\t")[2:3] in (["dissector"], ["unknown"], ["codec"])}


def test_own_plugins_of_wireshark_stay():
    alone = subprocess.run(["tshark", "-G", "plugins"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert {"transum.so", "mate.so"} <= names(alone)
    assert names(run("tshark", "-G", "plugins").stdout) == names(alone) | {"oxcnotif.so"}


def test_output_goes_where_the_caller_may_write(tmp_path):
    os.chmod(tmp_path, 0o700)
    done = run("tshark", "-r", lab.capture("push"), "-Y", "oxcnotif.wakeup", "-w", tmp_path / "wakeups.pcapng")
    assert done.returncode == 0, done.stderr
    listed = run("tshark", "-r", tmp_path / "wakeups.pcapng", "-T", "fields", "-e", "frame.number")
    datagrams = sum(wakeup["method"] == 1 for wakeup in lab.truth("push")["wakeups"])
    assert datagrams > 0 and len(listed.stdout.split()) >= datagrams


def stub(folder, name, version):
    program = folder / name
    program.write_text(f"#!/bin/sh\necho 'TShark (Wireshark) {version} (Git).'\n")
    program.chmod(0o755)
    return program


def plugin(folder, release):
    path = folder / release / "epan" / "oxcnotif.so"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    return path


def test_plugin_built_for_another_release_is_noticed(tmp_path):
    plugin(tmp_path / "plugins", "4.0")
    done = run("check-plugin", stub(tmp_path, "tshark", "4.4.18"), tmp_path / "plugins")
    assert done.returncode == 1
    assert "built for Wireshark 4.0" in done.stderr and "Wireshark 4.4" in done.stderr and "scripts/setup" in done.stderr
    assert run("check-plugin", stub(tmp_path, "tshark", "4.0.99"), tmp_path / "plugins").returncode == 0


def test_plugin_left_behind_by_an_upgrade_is_noticed(tmp_path):
    left = plugin(tmp_path / ".local/lib/wireshark/plugins", "3.98")
    tshark = stub(tmp_path, "tshark", "3.99.1")
    done = run("check-plugin", tshark, home=tmp_path)
    assert done.returncode == 1
    assert f"{left} is for Wireshark 3.98" in done.stderr and "Remove it" in done.stderr
    plugin(tmp_path / ".local/lib/wireshark/plugins", "3.99")
    done = run("check-plugin", tshark, home=tmp_path)
    assert done.returncode == 0 and "3.99/epan/oxcnotif.so" in done.stdout
    assert f"{left} is for Wireshark 3.98" in done.stderr


def test_missing_tshark_is_said(tmp_path):
    done = run("check-plugin", tmp_path / "tshark")
    assert done.returncode == 1 and "not installed" in done.stderr
