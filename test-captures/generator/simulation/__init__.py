# SPDX-License-Identifier: GPL-2.0-or-later
"""Simulated Exchange clients and servers whose traffic is written as a capture together with its ground truth."""

import pathlib
import sys

# The lab's ROP and NDR writers are the only ones in the project; they need nothing but the standard library.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / 'lab'))
