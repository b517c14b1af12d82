# SPDX-License-Identifier: GPL-2.0-or-later
"""Conversation Filter ▸ Exchange session, which only the GUI offers, for the frame whose tree it shows: a library loaded before
tshark asks for it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import tshark as tools

CAPTURES = tools.REPOSITORY / "test-captures"


@pytest.fixture(scope="module")
def library() -> pathlib.Path:
    if os.environ.get("OXCNOTIF_SANITIZE") or not shutil.which("cc") or not shutil.which("pkg-config"):
        pytest.skip("a library is loaded before tshark, built with cc and pkg-config")
    flags = subprocess.run(["pkg-config", "--cflags", "wireshark"], capture_output=True, text=True, check=True).stdout.split()
    path = tools.folder() / "conversation_filter.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-DHAVE_SSIZE_T", "-o", str(path), str(pathlib.Path(tools.__file__).with_name("conversation_filter.c")),
                    *flags, "-ldl"], check=True)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", ["gromox-mapihttp-notify", "rpc-tcp", "push"])
def test_conversation_filter_is_the_session_of_the_frame(tshark, library: pathlib.Path, name: str) -> None:
    path = tools.readable(CAPTURES / f"{name}.pcapng")
    done = subprocess.run(["tshark", "-n", "-V", "-r", str(path)], cwd=tools.scratch() / "home", capture_output=True, text=True, check=True,
                          env=tools.environment() | {"LD_PRELOAD": str(library)}, **tools.identity())
    offered = {int(frame): text for frame, text in re.findall(r"^filter (\d+) Exchange session: (.*)$", done.stderr, re.M)}
    shown = {row["frame"]: row["oxcnotif.session"] for row in tools.fields(path, ["oxcnotif.session"], "oxcnotif.session")}
    assert offered and set(offered) == set(shown)
    for frame, text in offered.items():
        session = re.fullmatch(r"oxcnotif\.session == (\d+)", text)
        assert session and session[1] in shown[frame]
