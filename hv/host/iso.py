# SPDX-License-Identifier: MIT
"""ISO images with GRUB in them.

make_fast() builds a BIOS-only CD for a test in a tenth of a second, from a GRUB core image that is
made once. make_hybrid() calls grub-mkrescue for the image that people get: BIOS and UEFI, CD and
stick.
"""
import os
import re
import shutil
import subprocess
import tempfile

CORE_MODULES = ["biosdisk", "iso9660", "multiboot", "multiboot2", "normal", "echo", "test"]
RESCUE_MODULES = ["normal", "iso9660", "multiboot", "multiboot2", "echo", "test", "search",
                  "search_fs_file", "configfile", "ls", "reboot", "halt", "serial", "terminal",
                  "all_video", "gfxterm", "minicmd", "part_msdos", "part_gpt", "part_acorn",
                  "part_amiga", "part_apple", "part_bsd", "part_dfly", "part_dvh", "part_plan",
                  "part_sun", "part_sunpc"]
# Under UEFI GRUB hands over a framebuffer only where a driver of the screen was loaded.
SCREEN = 'if [ "$grub_platform" = "efi" ]; then\n\tinsmod all_video\nfi\n'
FILE_WORDS = ("multiboot", "multiboot2", "module", "module2")


class IsoError(Exception):
    pass


def call(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        text = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
        raise IsoError(f"{command[0]} failed with status {done.returncode}: {text}")


def files_named(cfg):
    """The /boot/NAME paths that a grub.cfg loads, each with its line number."""
    found = {}
    for number, line in enumerate(cfg.split("\n"), 1):
        words = line.split()
        if len(words) >= 2 and words[0] in FILE_WORDS:
            found.setdefault(words[1], number)
    return found


def find_file(name, build, extra):
    """The file on the host for the CD's path /boot/NAME."""
    base = os.path.basename(name)
    places = [extra.get(base, ""), f"{build}/{base}", f"{build}/guest/{base}", base]
    for place in places:
        if place and os.path.isfile(place):
            return place
    return None


def locate(cfg, build, extra, cfg_name):
    """(path on the CD, file on the host) for each file that a grub.cfg loads."""
    for name, line in files_named(cfg).items():
        place = find_file(name, build, extra)
        if not place:
            raise IsoError(f"{cfg_name}:{line}: {name} is not built: it is looked for as "
                           f"{build}/{os.path.basename(name)} and in {build}/guest/")
        yield name, place


def populate(tree, cfg, build, extra, cfg_name, before=""):
    os.makedirs(f"{tree}/boot/grub")
    for name, place in locate(cfg, build, extra, cfg_name):
        os.makedirs(os.path.dirname(tree + name), exist_ok=True)
        if not os.path.exists(tree + name):
            shutil.copyfile(place, tree + name)
    with open(f"{tree}/boot/grub/grub.cfg", "w", encoding="utf-8") as f:
        f.write(before + cfg)


def made_once(name, source, make):
    """`name`, for which make(file) is called unless it is there and not older than its source."""
    if not os.path.exists(name) or os.path.getmtime(name) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(os.path.abspath(name)), exist_ok=True)
        fresh = f"{name}.{os.getpid()}"
        make(fresh)
        os.rename(fresh, name)  # two tests may do this at once
    return name


def core_image(build):
    """GRUB's core for a BIOS CD, made once for each build directory."""
    return made_once(f"{build}/grub-core.img", __file__, lambda fresh: call(
        ["grub-mkimage", "-O", "i386-pc-eltorito", "-o", fresh, "-p", "(cd)/boot/grub",
         *CORE_MODULES]))


def make_fast(output, cfg, build="build", extra=None, cfg_name="grub.cfg"):
    core = core_image(build)
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tapvisor-iso-") as tree:
        populate(tree, cfg, build, extra or {}, cfg_name)
        shutil.copyfile(core, f"{tree}/boot/grub/core.img")
        call(["xorriso", "-as", "mkisofs", "-quiet", "-R", "-b", "boot/grub/core.img",
              "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "-o", output, tree])


def make_hybrid(output, cfg, build="build", extra=None, cfg_name="grub.cfg"):
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tapvisor-iso-") as tree:
        populate(tree, cfg, build, extra or {}, cfg_name, SCREEN)
        call(["grub-mkrescue", "-o", output, "--locales=", "--fonts=", "--themes=",
              "--install-modules=" + " ".join(RESCUE_MODULES), tree])


def with_default(cfg, entry):
    """cfg with this entry (title or number) chosen at once, without a menu."""
    cfg = re.sub(r"^\s*set\s+(timeout|default)=.*\n", "", cfg, flags=re.M)
    return f'set timeout=0\nset default="{entry}"\n' + cfg
