# SPDX-License-Identifier: MIT
"""Debian packages as directories under build/guests: downloaded by apt, never installed.

A package comes from the machine's own release, or from a named suite by package lists of our own.
"""
import glob
import os
import re
import subprocess

PLACE = "build/guests"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"


class Unfetched(Exception):
    """It cannot be had now; the text says why."""


def output(*command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise Unfetched(f"{command[0]} is not installed") from None
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().split("\n")
        told = [line for line in lines if re.match("[EW]:", line)] or lines
        raise Unfetched(f"{os.path.basename(command[0])}: {told[-1]}")
    return done.stdout


def mirror():
    """Where this machine's own Debian comes from."""
    sites = output("apt-get", "indextargets", "--format", "$(ORIGIN) $(SITE)").split("\n")
    ours = [line.split()[1] for line in sites if line.startswith("Debian ")
            and "security" not in line]
    return ours[0] if ours else MIRROR


def options(suite):
    """apt's options: lists of that suite, in a directory of our own; "": the machine's."""
    sandbox = ["-o", f"APT::Sandbox::User={output('id', '-un').strip()}"]
    if not suite:
        return sandbox
    root = os.path.abspath(f"{PLACE}/apt-{suite}")
    ours = ["-o", f"Dir={root}", "-o", f"Dir::State::status={root}/var/lib/dpkg/status",
            "-o", "Acquire::Languages=none", *sandbox]
    if os.path.exists(f"{root}/ready"):
        return ours
    for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
                 "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial",
                 "var/cache/apt/archives/partial", "var/lib/dpkg"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    open(f"{root}/var/lib/dpkg/status", "w", encoding="ascii").close()
    with open(f"{root}/etc/apt/sources.list", "w", encoding="ascii") as f:
        f.write(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
    output("apt-get", "-q", *ours, "update")
    open(f"{root}/ready", "w", encoding="ascii").close()
    return ours


def real_name(package, apt):
    """linux-image-cloud-amd64 depends on linux-image-6.1.0-56-cloud-amd64, say."""
    depends = output("apt-cache", *apt, "depends", package)
    match = re.search(r"^ *Depends: (linux-image-[0-9]\S*)$", depends, re.M)
    return match.group(1) if package.startswith("linux-image-") and match else package


def tree(package, suite=""):
    """The directory with the package's files; fetched at the first call. Or Unfetched."""
    place = os.path.abspath(f"{PLACE}/{package}")
    if os.path.exists(f"{place}/ready"):
        return place
    apt = options(suite)
    os.makedirs(place, exist_ok=True)
    output("apt-get", "-q", *apt, "download", real_name(package, apt), cwd=place)
    for deb in glob.glob(f"{place}/*.deb"):
        output("dpkg-deb", "-x", deb, place)
    open(f"{place}/ready", "w", encoding="ascii").close()
    return place


def file(package, pattern, suite=""):
    """The one file of the package that the pattern means."""
    found = glob.glob(f"{tree(package, suite)}/{pattern}")
    if len(found) != 1:
        raise Unfetched(f"{package} has {len(found)} files {pattern}")
    return found[0]
