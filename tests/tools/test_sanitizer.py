# SPDX-License-Identifier: GPL-2.0-or-later
"""What a sanitizer reports is a failure of the test: shown with a program that does what no code may."""

import os
import subprocess
import tempfile

import pytest
import tshark as tools

pytestmark = pytest.mark.skipif(not os.environ.get("OXCNOTIF_SANITIZE"), reason="the plugin has no sanitizers")

WRONG = {
    "heap-buffer-overflow": "char *p = malloc(count); return p[count];",
    "signed integer overflow": "return (0x7FFFFFFF + count) & 1;",
}


@pytest.mark.parametrize("said", WRONG)
@pytest.mark.parametrize("check", [True, False])
def test_a_report_is_a_failure(tshark, said, check):
    folder = tempfile.mkdtemp(dir=tools.scratch())
    os.chmod(folder, 0o755)
    program = os.path.join(folder, "wrong")
    subprocess.run(["gcc", "-x", "c", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-o", program, "-"],
                   input=f"#include <stdlib.h>\nint main(int count) {{ {WRONG[said]} }}\n", text=True, check=True)
    with pytest.raises(AssertionError, match=said):
        tools.run([], check=check, program=program)


def test_the_plugin_has_sanitizers():
    for path in (tools.scratch() / "plugins").glob(f"*/epan/{tools.PLUGIN}"):
        code = path.read_bytes()
        assert b"__asan_report_load1" in code and b"__ubsan_handle_" in code
