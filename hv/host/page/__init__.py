# SPDX-License-Identifier: MIT
"""The HTML report: docs/report.md. figures.py and checks.py know telemetry, parts*.py what a reader
wants to see of it, plot*.py and markup.py how that is drawn and written, document.py puts it
together."""
