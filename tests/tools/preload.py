# SPDX-License-Identifier: MIT
"""A boot without GRUB, for Bochs: nine tenths of the instructions of a short run would be GRUB
unpacking itself and reading a CD by the firmware.

make() does on the host what GRUB does in the machine: it places the image's segments, the modules
and the Multiboot 2 information in memory. What comes of it lies on a disk, in sectors that the
option ROM of preload.asm reads to where they belong. What GRUB would read otherwise than as plain
words, or load by other rules, is left to GRUB.
"""
import contextlib
import os
import re
import shlex
import struct

from iso import call, locate, make_fast, make_hybrid, made_once

HERE = os.path.dirname(os.path.abspath(__file__))
SECTOR, PAGE, MIB = 512, 4096, 1 << 20
CYLINDER = 16 * 63 * SECTOR          # the emulator's disks come in these
TAG_COMMAND_LINE, TAG_LOADER, TAG_MODULE, TAG_MEMORY, TAG_MAP, TAG_ELF, TAG_RSDP = \
    1, 2, 3, 4, 6, 9, 14
MAP_ENTRY, MAP_ENTRIES = 24, 32
MAGIC = 0x4C455250
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


def load_elf(memory, elf):
    """The segments, and the symbols behind them. Returns (entry, tag with the section headers)."""
    if elf[:5] != b"\x7fELF\x02":
        raise GrubsOwn("the image is no ELF64")
    entry, segments, sections = struct.unpack_from("<24xQQQ", elf)
    segment_count, section_size, section_count, names = struct.unpack_from("<56xHHHH", elf)
    physical = entry
    for i in range(segment_count):
        kind, _, offset, vaddr, paddr, size, room = \
            struct.unpack_from("<IIQQQQQ", elf, segments + 56 * i)
        if kind == PT_LOAD and paddr < MIB:
            raise GrubsOwn("a segment below 1 MiB, where the firmware and the ROM work")
        if kind == PT_LOAD:
            memory.put(elf[offset:offset + size].ljust(room, b"\0"), paddr)
        if kind == PT_LOAD and vaddr <= entry < vaddr + room:
            physical = entry - vaddr + paddr
    headers = bytearray(elf[sections:sections + section_size * section_count])
    for at in range(0, len(headers), section_size):
        kind, flags, _, offset, size = struct.unpack_from("<4xIQQQQ", headers, at)
        if kind in (SHT_SYMTAB, SHT_STRTAB) and not flags & SHF_ALLOC:
            struct.pack_into("<Q", headers, at + 16, memory.put(elf[offset:offset + size]))
    return physical, tag(TAG_ELF, struct.pack("<III", section_count, section_size, names) + headers)


def tag(kind, body):
    return (struct.pack("<II", kind, 8 + len(body)) + body).ljust(-(-(8 + len(body)) // 8) * 8,
                                                                  b"\0")


def text(words):
    return " ".join(words).encode() + b"\0"


def rom(build):
    """The option ROM, made once for each build directory; its bytes add up to 0."""
    source = f"{HERE}/preload.asm"

    def assemble(fresh):
        call(["nasm", "-f", "bin", "-o", fresh, source])
        data = bytearray(image_of(fresh))
        data[-1] = -sum(data[:-1]) & 0xFF
        with open(fresh, "wb") as f:
            f.write(data)

    return os.path.abspath(made_once(f"{build}/preload.rom", source, assemble))


def make(output, cfg, build="build", extra=None, cfg_name="grub.cfg"):
    """The disk `output` for a configuration of one entry; the option ROM that goes with it."""
    place = dict(locate(cfg, build, extra or {}, cfg_name))
    (kind, image, *arguments), *modules = words_of(cfg)
    if [kind] + [words[0] for words in modules] != ["multiboot2"] + ["module2"] * len(modules):
        raise GrubsOwn("not one image and its modules")
    memory, tags = Memory(), [tag(TAG_COMMAND_LINE, text(arguments)), tag(TAG_LOADER, b"preload\0")]
    entry, sections = load_elf(memory, image_of(place[image]))
    for _, name, *arguments in modules:
        data = image_of(place[name])
        start = memory.put(data)
        tags.append(tag(TAG_MODULE, struct.pack("<II", start, start + len(data)) + text(arguments)))
    before = 8 + len(b"".join(tags)) + len(sections)
    # What the ROM completes stands at the end: memory below and above 1 MiB, RSDP, memory map.
    tags += [sections, tag(TAG_MEMORY, struct.pack("<II", 639, 0)), tag(TAG_RSDP, bytes(20)),
             tag(TAG_MAP, struct.pack("<II", MAP_ENTRY, 0) + bytes(MAP_ENTRY * MAP_ENTRIES)),
             bytes(8)]
    info = memory.put(bytes(8) + b"".join(tags))
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{output}.lock")  # what a Bochs that was killed leaves behind
    with open(output, "wb") as f:
        f.seek(SECTOR)
        base, sectors = memory.write(f)
        f.seek(0)
        f.write(struct.pack("<8I", MAGIC, base, sectors, entry, info, info + before + 12,
                            info + before + 24, info + before + 48))
        f.truncate(-(-(1 + sectors) * SECTOR // CYLINDER) * CYLINDER)
    return rom(build)


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
