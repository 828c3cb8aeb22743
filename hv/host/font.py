#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The screen's font, as C: characters 0 to 255 of Latin-1, 8 by 16 pixels, a byte for each row of
a character, its highest bit on the left. Taken from a font of GRUB's, which setup installs anyway.

    font.py --output build/font.c [--font /usr/share/grub/euro.pf2]
"""
import argparse
import struct
import sys

sys.dont_write_bytecode = True
FONT = "/usr/share/grub/euro.pf2"    # package grub-common
WIDTH, HEIGHT = 8, 16


class FontError(Exception):
    pass


def sections(data):
    """Name and range of each section of a PFF2 file (GRUB's manual, "GUI string notations" aside:
    a name of four letters, a length, big-endian). The last one has all that is left."""
    at = 0
    while at + 8 <= len(data):
        name, length = data[at:at + 4], struct.unpack_from(">I", data, at + 4)[0]
        yield name, at + 8, min(length, len(data) - at - 8)
        at += 8 + length


def number(data, part):
    return struct.unpack_from(">h", data, part[0])[0]


def glyph(data, at, ascent):
    """The rows of the character whose definition is at `at`: width, height, x, y of its box, what
    it advances, then bits without padding. Blank where the box is too large (a soft hyphen's)."""
    width, height, left, bottom, _ = struct.unpack_from(">HHhhh", data, at)
    top = ascent - bottom - height
    rows = [0] * HEIGHT
    if left < 0 or left + width > WIDTH or top < 0 or top + height > HEIGHT:
        return rows
    for i in range(width * height):
        if data[at + 10 + i // 8] >> (7 - i % 8) & 1:
            rows[top + i // width] |= 0x80 >> (left + i % width)
    return rows


def read(name=FONT):
    """256 characters of 16 rows; those that the font does not have, and are no ASCII, are blank."""
    with open(name, "rb") as f:
        data = f.read()
    parts = {part: (at, length) for part, at, length in sections(data)}
    if data[8:12] != b"PFF2" or b"CHIX" not in parts or b"ASCE" not in parts:
        raise FontError(f"{name} is no font of GRUB's")
    at, length = parts[b"CHIX"]
    ascent = number(data, parts[b"ASCE"])
    font = [[0] * HEIGHT for _ in range(256)]
    for entry in range(at, at + length, 9):
        code, _, where = struct.unpack_from(">IBI", data, entry)
        if 0x20 < code < 0x7f or 0xa0 < code < 0x100:
            font[code] = glyph(data, where, ascent)
    lacking = [chr(code) for code in range(0x21, 0x7f) if not any(font[code])]
    if lacking:
        raise FontError(f"{name} has no {' '.join(lacking)} of 8 by 16 pixels")
    return font


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", required=True)
    parser.add_argument("--font", default=FONT)
    args = parser.parse_args()
    try:
        font = read(args.font)
    except (OSError, FontError, struct.error) as error:
        print(f"font: {error} (package grub-common has it)", file=sys.stderr)
        return 1
    with open(args.output, "w", encoding="ascii") as f:
        f.write(f'/* Made of {args.font} by hv/host/font.py. */\n#include "hv/base/font.h"\n\n'
                "const u8 font[256][FONT_HEIGHT] = {\n")
        for rows in font:
            f.write("\t{ " + ", ".join(f"0x{row:02x}" for row in rows) + " },\n")
        f.write("};\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
