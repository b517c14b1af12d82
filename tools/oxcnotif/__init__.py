# SPDX-License-Identifier: GPL-2.0-or-later
"""oxcnotif: answers about Exchange notifications for those who do not open Wireshark."""
