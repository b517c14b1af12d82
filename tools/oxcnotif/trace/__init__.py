# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of decrypting HTTP proxies, and captures made of them."""
