# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated Exchange clients and servers whose traffic is written as a capture together with its ground truth."""

import pathlib
import sys

# The lab's ROP and NDR writers, and the tests' ones of RPC over HTTP and of HTTP/2, are the only ones in the project; they
# need nothing but the standard library.
sys.path += [str(pathlib.Path(__file__).resolve().parents[up] / folder) for up, folder in ((2, 'lab'), (3, 'tests/lib'))]
