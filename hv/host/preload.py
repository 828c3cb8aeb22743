# SPDX-License-Identifier: MIT
"""A boot without GRUB, for Bochs: nine tenths of the instructions of a short run would be GRUB
unpacking itself and reading a CD by the firmware.

make() does on the host what GRUB does in the machine: it places the image's segments, the modules
and the Multiboot 2 information in memory. What comes of it lies on a disk, in sectors that the
option ROM of preload.asm reads to where they belong. What GRUB would read otherwise than as plain
words, or load by other rules, is left to GRUB.

make_linux() does the same for Linux on the bare machine, by its PVH entry: GRUB would want a
bzImage, which unpacks itself, five billion instructions.
"""
import contextlib
import os
import re
import shlex
import struct

from iso import IsoError, call, locate, make_fast, make_hybrid, made_once

HERE = os.path.dirname(os.path.abspath(__file__))
SECTOR, PAGE, MIB = 512, 4096, 1 << 20
CYLINDER = 16 * 63 * SECTOR          # the emulator's disks come in these
TAG_COMMAND_LINE, TAG_LOADER, TAG_MODULE, TAG_MEMORY, TAG_MAP, TAG_ELF, TAG_RSDP = \
    1, 2, 3, 4, 6, 9, 14
MAP_ENTRY, MAP_ENTRIES = 24, 32
MAGIC, PVH_MAGIC = 0x4C455250, 0x336EC578
PT_LOAD, SHT_SYMTAB, SHT_STRTAB, SHF_ALLOC = 1, 2, 3, 2


class GrubsOwn(Exception):
    """This boot needs GRUB; the text says why."""


def words_of(cfg):
    """The words of each line that loads a file."""
    for line in cfg.split("\n"):
        if not re.match(r"\s*(multiboot2|module2)\s", line):
            continue
        if re.search(r"[\\\"${}|&;<>#']", re.sub(r"'[^'\s\"\\]*'", "", line)):
            raise GrubsOwn(f"not plain words: {line.strip()}")
        yield shlex.split(line)


def image_of(name):
    with open(name, "rb") as f:
        return f.read()


class Memory:
    """What lies where, from the lowest address on; page-aligned room above it all."""

    def __init__(self):
        self.pieces = []

    @property
    def end(self):
        return max(start + len(data) for start, data in self.pieces)

    def put(self, data, start=None):
        if start is None:
            start = -(-self.end // PAGE) * PAGE
        self.pieces.append((start, data))
        return start

    def write(self, f):
        """From here on in the file; (lowest address, sectors)."""
        base = min(start for start, _ in self.pieces) // PAGE * PAGE
        at = f.tell()
        for start, data in self.pieces:
            f.seek(at + start - base)
            f.write(data)
        return base, -(-(self.end - base) // SECTOR)


def load_segments(memory, elf):
    """Returns the physical address of the entry point."""
    if elf[:5] != b"\x7fELF\x02":
        raise GrubsOwn("the image is no ELF64")
    entry, segments = struct.unpack_from("<24xQQ", elf)
    physical = entry
    for i in range(struct.unpack_from("<56xH", elf)[0]):
        kind, _, offset, vaddr, paddr, size, room = \
            struct.unpack_from("<IIQQQQQ", elf, segments + 56 * i)
        if kind == PT_LOAD and paddr < MIB:
            raise GrubsOwn("a segment below 1 MiB, where the firmware and the ROM work")
        if kind == PT_LOAD:
            memory.put(elf[offset:offset + size].ljust(room, b"\0"), paddr)
        if kind == PT_LOAD and vaddr <= entry < vaddr + room:
            physical = entry - vaddr + paddr
    return physical


def load_symbols(memory, elf):
    """Behind the segments. Returns the tag with the section headers."""
    sections, = struct.unpack_from("<40xQ", elf)
    size, count, names = struct.unpack_from("<58xHHH", elf)
    headers = bytearray(elf[sections:sections + size * count])
    for at in range(0, len(headers), size):
        kind, flags, _, offset, length = struct.unpack_from("<4xIQQQQ", headers, at)
        if kind in (SHT_SYMTAB, SHT_STRTAB) and not flags & SHF_ALLOC:
            struct.pack_into("<Q", headers, at + 16, memory.put(elf[offset:offset + length]))
    return tag(TAG_ELF, struct.pack("<III", count, size, names) + headers)


def tag(kind, body):
    return (struct.pack("<II", kind, 8 + len(body)) + body).ljust(-(-(8 + len(body)) // 8) * 8,
                                                                  b"\0")


def text(words):
    return " ".join(words).encode() + b"\0"


def rom(build, name="preload"):
    """An option ROM, made once for each build directory; its bytes add up to 0."""
    source = f"{HERE}/{name}.asm"

    def assemble(fresh):
        call(["nasm", "-f", "bin", "-o", fresh, source])
        data = bytearray(image_of(fresh))
        data[-1] = -sum(data[:-1]) & 0xFF
        with open(fresh, "wb") as f:
            f.write(data)

    return os.path.abspath(made_once(f"{build}/{name}.rom", source, assemble))


def make(output, cfg, build="build", extra=None, cfg_name="grub.cfg"):
    """The disk `output` for a configuration of one entry; the option ROM that goes with it."""
    place = dict(locate(cfg, build, extra or {}, cfg_name))
    (kind, image, *arguments), *modules = words_of(cfg)
    if [kind] + [words[0] for words in modules] != ["multiboot2"] + ["module2"] * len(modules):
        raise GrubsOwn("not one image and its modules")
    memory, tags = Memory(), [tag(TAG_COMMAND_LINE, text(arguments)), tag(TAG_LOADER, b"preload\0")]
    elf = image_of(place[image])
    entry, sections = load_segments(memory, elf), load_symbols(memory, elf)
    for _, name, *arguments in modules:
        data = image_of(place[name])
        start = memory.put(data)
        tags.append(tag(TAG_MODULE, struct.pack("<II", start, start + len(data)) + text(arguments)))
    write_disk(output, memory, entry, *put_info(memory, b"".join(tags) + sections))
    return rom(build)


def make_linux(output, kernel, initrd, words, build="build"):
    """The same for Linux: `kernel` is a vmlinux with a PVH note, `words` its command line."""
    memory, elf, ramdisk = Memory(), image_of(kernel), image_of(initrd)
    load_segments(memory, elf)
    module = memory.put(struct.pack("<QQQQ", memory.put(ramdisk), len(ramdisk), 0, 0))
    line = memory.put(text([words]))
    info, completed = put_info(memory, b"")
    # Its map has the form of Multiboot 2's; entries of no length are passed over.
    start = memory.put(struct.pack("<4I4Q2I", PVH_MAGIC, 1, 0, 1, module, line,
                                   completed + RSDP_AT, completed + MAP_AT + 16, MAP_ENTRIES, 0))
    enter = struct.pack("<BIBIH", 0xBB, start, 0xB8, pvh_entry(elf), 0xE0FF)  # EBX, EAX, jmp EAX
    write_disk(output, memory, memory.put(enter), info, completed)
    return rom(build)


def pvh_entry(elf):
    """What the note of Xen's type 18 says."""
    found = re.search(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0(.{4})", elf, re.S)
    if not found:
        raise IsoError("the kernel has no PVH note")
    return struct.unpack("<I", found.group(1))[0]


# Among what the ROM completes.
MEMORY_AT, RSDP_AT, MAP_AT = 12, 24, 48


def put_info(memory, tags):
    """Multiboot 2 information: (where it lies, where in it that begins which the ROM completes:
    memory below and above 1 MiB, RSDP, memory map)."""
    completed = [tag(TAG_MEMORY, struct.pack("<II", 639, 0)), tag(TAG_RSDP, bytes(20)),
                 tag(TAG_MAP, struct.pack("<II", MAP_ENTRY, 0) + bytes(MAP_ENTRY * MAP_ENTRIES)),
                 bytes(8)]
    address = memory.put(bytes(8) + tags + b"".join(completed))
    return address, address + 8 + len(tags)


def write_disk(output, memory, entry, info, completed):
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{output}.lock")  # what a Bochs that was killed leaves behind
    with open(output, "wb") as f:
        f.seek(SECTOR)
        base, sectors = memory.write(f)
        f.seek(0)
        f.write(struct.pack("<8I", MAGIC, base, sectors, entry, info, completed + MEMORY_AT,
                            completed + RSDP_AT, completed + MAP_AT))
        f.truncate(-(-(1 + sectors) * SECTOR // CYLINDER) * CYLINDER)


def attach(config, place, cfg, build="build", extra=None, cfg_name="grub.cfg", grub=False):
    """Gives the machine what boots this, in the directory `place`: a disk and the option ROM, or a
    CD with GRUB where that is asked for or needed."""
    config.keep = place
    with contextlib.suppress(GrubsOwn):
        if not grub and not config.uefi:
            config.iso = f"{place}/disk.img"
            config.rom = make(config.iso, cfg, build, extra, cfg_name)
            return
    config.iso = f"{place}/cd.iso"
    (make_hybrid if config.uefi else make_fast)(config.iso, cfg, build, extra, cfg_name)


@contextlib.contextmanager
def cleaned(config):
    """Removes the disk or CD, which is as large as all files together, when the run is over."""
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(config.iso)
