# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package and cmake --install: what they bring, that it is loaded, that nothing is left of it.
scripts/matrix asks lintian, and installs and removes the package in a Debian of its own (packaging/test-package)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from tshark import REPOSITORY, build_dir

TOOLS = ("cpack", "dpkg-deb", "dpkg-shlibdeps", "file")
MISSING = [name for name in TOOLS if not shutil.which(name)]
VERSION = (REPOSITORY / "VERSION").read_text().strip()

pytestmark = [pytest.mark.xdist_group("package"),
              pytest.mark.skipif(bool(os.environ.get("OXCNOTIF_SANITIZE")), reason="no package has sanitizers")]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, **options).stdout


@pytest.fixture(scope="module")
def deb(tmp_path_factory):
    if MISSING:
        pytest.skip(f"scripts/install-packages test: {', '.join(MISSING)}")
    folder = tmp_path_factory.mktemp("package")
    run("cpack", "--config", str(build_dir() / "CPackConfig.cmake"), "-B", str(folder))
    return next(folder.glob("*.deb"))


def field(deb, name):
    return run("dpkg-deb", "-f", str(deb), name).strip()


def test_plugin_and_its_version_are_listed(tshark):
    assert tshark.require_plugin().split("\t")[1].strip() == VERSION


def test_package_is_for_one_release_of_wireshark(deb):
    release = next((build_dir() / "plugins").iterdir()).name.replace("-", ".")
    assert field(deb, "Package") == "wireshark-oxcnotif"
    assert field(deb, "Version") == f"{VERSION}-1+ws{release}"
    library = run("dpkg-query", "-W", "-f", "${Depends}", "libwireshark-dev")
    soname = re.search(r"\blibwireshark\d+\w*", library).group()
    assert re.search(rf"\b{soname}\b", field(deb, "Depends"))


def test_package_brings_plugin_profile_documents_and_command(deb, tshark):
    root = tshark.folder() / "root"
    run("dpkg-deb", "-x", str(deb), str(root))
    for path in ("usr/bin/oxcnotif", "usr/share/wireshark/profiles/Exchange notifications/preferences",
                 "usr/share/wireshark-oxcnotif/check-plugin", "usr/share/doc/wireshark-oxcnotif/copyright",
                 "usr/share/doc/wireshark-oxcnotif/changelog.Debian.gz", "usr/share/doc/wireshark-oxcnotif/docs/questions.md"):
        assert (root / path).exists(), path
    plugin = next(root.rglob("oxcnotif.so"))
    listed = subprocess.run(["tshark", "-G", "plugins"], env=tshark.environment() | {"WIRESHARK_PLUGIN_DIR": str(plugin.parents[2])},
                            capture_output=True, text=True, check=True, timeout=60, **tshark.identity()).stdout
    assert f"{plugin}\n" in listed
    help_text = run("/usr/bin/python3", "-B", "-m", "oxcnotif", "--help", cwd="/", env={"PYTHONPATH": str(root / "usr/share/wireshark-oxcnotif")})
    assert "import" in help_text


def test_uninstall_leaves_nothing(tmp_path):
    root = tmp_path / "root"
    # What Python leaves in the source is not installed: nothing would take it away.
    (REPOSITORY / "tools" / "oxcnotif" / "__pycache__").mkdir(exist_ok=True)
    run("cmake", "--install", str(build_dir()), env=os.environ | {"DESTDIR": str(root)})
    manifest = build_dir() / "install_manifest.txt"
    assert len([path for path in root.rglob("*") if path.is_file()]) == len(manifest.read_text().split("\n"))
    run("cmake", "-D", f"MANIFEST={manifest}", "-P", str(REPOSITORY / "packaging" / "uninstall.cmake"),
        env=os.environ | {"DESTDIR": str(root)})
    left = [path for path in root.rglob("*") if path.is_file() or path.name in ("wireshark-oxcnotif", "Exchange notifications")]
    assert left == []
