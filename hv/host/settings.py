# SPDX-License-Identifier: MIT
"""Settings from the environment, as `make boot` and `make linux` take them: checked, and what is
wrong with one is said together with what would be right."""
import difflib
import os
import re

ARGS_LENGTH = 1023       # hv/abi/limits.h: ARGS_LEN less the NUL


class Wrong(Exception):
    pass


# What the build itself listens to, so that it may stand on the command line of any target.
BUILD_VARIABLES = ("CC", "V", "JOBS", "LD", "AR", "OBJCOPY", "NASM", "SHELL")


def add_given(parser):
    parser.add_argument("--given", action="append", default=[], metavar="NAME",
                        help="a variable on make's command line: one that is not known is told")


def check_given(given, known):
    """What make would pass over in silence: a variable that nobody reads."""
    for name in given:
        if name in known + BUILD_VARIABLES:
            continue
        near = difflib.get_close_matches(name.upper(), known, 1, 0.6)
        raise Wrong(f"{name}=: there is no such setting; "
                    + (f"{near[0]}= is meant?" if near else f"there are {' '.join(known)}"))


def outside_make(*more):
    """The environment without what an outer make hands down, and without these names."""
    return {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", *more)}


def setting(name, fallback=""):
    return os.environ.get(name, "") or fallback


def image(name, fallback=""):
    """A file's path; "" where none is given."""
    path = setting(name, fallback)
    if not path:
        return ""
    if not os.path.exists(path):
        raise Wrong(f"{name}={path}: there is no such file")
    if not os.path.isfile(path):
        what = "a directory" if os.path.isdir(path) else "no regular file"
        raise Wrong(f"{name}={path}: that is {what}")
    if os.path.getsize(path) == 0:
        raise Wrong(f"{name}={path}: the file is empty")
    return path


def number(name, fallback, low, high):
    text = setting(name, str(fallback))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise Wrong(f"{name}={text}: a number from {low} to {high} was expected")
    return int(text)


def memory(fallback):
    """MEM in MiB, rounded up to whole large pages."""
    text = setting("MEM", fallback)
    match = re.fullmatch(r"([0-9]{1,9})([KMG]?)", text)
    if not match:
        raise Wrong(f"MEM={text}: a number with K, M or G was expected, such as MEM=32M")
    size = int(match.group(1)) * {"K": 1, "M": 1024, "": 1024, "G": 1024 * 1024}[match.group(2)]
    if not 2048 <= size <= 3 * 1024 * 1024:
        raise Wrong(f"MEM={text}: 2M to 3G are possible")
    return (size + 2047) // 2048 * 2


def cores(fallback):
    """The text of CPUS and the highest core in it."""
    text = setting("CPUS", fallback)
    seen = set()
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", part)
        if not match:
            raise Wrong(f"CPUS={text}: cores such as 0-3 or 0,2 were expected, not `{part}`")
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if first > last or last > 63:
            raise Wrong(f"CPUS={text}: `{part}` is no range within 0-63")
        part_cores = set(range(first, last + 1))
        if seen & part_cores:
            raise Wrong(f"CPUS={text}: core {min(seen & part_cores)} is in it twice")
        seen |= part_cores
    return text, max(seen)


def one_of(name, fallback, words):
    text = setting(name, fallback)
    if text not in words:
        raise Wrong(f"{name}={text}: there are {', '.join(words)}")
    return text


def pv(text):
    parts = text.split(",")
    if text != "none" and not all(part in ("kvm", "tap") for part in parts):
        raise Wrong(f"PV={text}: there are none, kvm, tap and kvm,tap")
    for part in parts:
        if parts.count(part) > 1:
            raise Wrong(f"PV={text}: {part} is in it twice")
    return text


def arguments(name, more=""):
    """The variable, behind what stands in any case, as GRUB words: each in single quotes so that
    nothing in them is special to GRUB."""
    text = f"{more} {setting(name)}".strip()
    bad = re.search(r"[^ -~]|['\"\\]", text)
    if bad:
        raise Wrong(f"{name}: the character {bad.group(0)!r} does not get through GRUB; leave it"
                    " out")
    if len(text) > ARGS_LENGTH - 128:
        raise Wrong(f"{name}: {len(text)} characters are too many, {ARGS_LENGTH - 128} are"
                    " possible")
    words = text.split()
    return " -- " + " ".join(f"'{word}'" for word in words) if words else ""


def boot_name(path):
    """A name on the CD that GRUB reads without quotes."""
    return re.sub(r"[^\w.-]", "_", os.path.basename(path))
