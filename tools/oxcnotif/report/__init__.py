# SPDX-License-Identifier: GPL-2.0-or-later
"""`oxcnotif report`: a page that says what went wrong in captures, and shows it."""
