# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one program and writes what it cost to a file descriptor: exit code, seconds of CPU time, bytes of memory at most.

A process of its own, since Linux carries the peak memory of a process through exec(): measured from a test run that has grown
to 300 MB, even `true` would need 300 MB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys


def main() -> None:
    asked = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_seconds"], asked["cpu_seconds"] + 5))
    process = subprocess.Popen(asked["arguments"], env=asked["env"])
    _, status, used = os.wait4(process.pid, 0)
    result = [os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]
    os.write(asked["result"], json.dumps(result).encode())


if __name__ == "__main__":
    main()
