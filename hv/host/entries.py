# SPDX-License-Identifier: MIT
"""The menu entries of a grub.cfg: which there are, which is meant, what one of them loads."""
import os
import re

HYPERVISOR = "tapvisor"


class NoEntry(Exception):
    pass


def titles(cfg):
    return re.findall(r"^\s*menuentry\s+[\"']([^\"']*)[\"']", cfg, re.M)


def choose(cfg, wanted):
    """The title that `wanted` (a title, a number, or "" for the default) means, or NoEntry."""
    there = titles(cfg)
    if wanted == "":
        match = re.search(r"^\s*set\s+default=[\"']?(.*?)[\"']?\s*$", cfg, re.M)
        wanted = match.group(1) if match else "0"
    if wanted in there:
        return wanted
    if wanted.isdigit() and int(wanted) < len(there):
        return there[int(wanted)]
    listing = "\n".join(f"  {i}  {title}" for i, title in enumerate(there))
    raise NoEntry(f"ENTRY={wanted}: grub.cfg has no such entry; there are\n{listing}")


def only(cfg, title):
    """cfg with this entry alone, chosen at once. Every line keeps its number, for messages."""
    lines, hidden = [], False
    for line in cfg.split("\n"):
        match = re.match(r"\s*menuentry\s+[\"']([^\"']*)[\"']", line)
        if match:
            hidden = match.group(1) != title
        gone = hidden or re.match(r"\s*set\s+(timeout|default)=", line)
        lines.append("" if gone else line)
        if re.match(r"\s*\}", line):
            hidden = False
    return "\n".join(lines) + f'\nset timeout=0\nset default="{title}"\n'


def is_bare(cfg, title):
    """Does the entry run an image on the machine itself, without Tapvisor?"""
    kernel = re.search(r"^\s*multiboot2?\s+(\S+)", only(cfg, title), re.M)
    return bool(kernel) and os.path.basename(kernel.group(1)) != HYPERVISOR


def bare_twin(cfg, title):
    """The entry that runs an image of this one on the bare machine, or None."""
    for image in re.findall(r"^\s*module2\s+/boot/([\w.-]+?)(?:\.elf)?\s+vm\s", only(cfg, title),
                            re.M):
        if f"bare: {image}" in titles(cfg):
            return f"bare: {image}"
    return None
