# SPDX-License-Identifier: GPL-2.0-or-later
"""Many captures of many clients, decoded beside each other: see docs/fleet.md."""
