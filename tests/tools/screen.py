# SPDX-License-Identifier: MIT
"""A machine's screen and keyboard, by the VNC server of Bochs (display_library rfb) or of QEMU:
pictures, their text by the font's own glyphs, PNG files, and keys that are typed.

    with Vnc(("localhost", 5900)) as vnc:
        vnc.type("vms\\r")
        print("\\n".join(vnc.picture().text()))
"""
import collections
import glob
import os
import re
import socket
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../../hv/host")
import font  # noqa: E402

RAW, DESKTOP_SIZE = 0, -223
BOCHS_BARS = 32, 18                # pixels above and below the machine's screen
SECONDS = 20                       # that a server may take to answer
UNKNOWN = "\ufffd"
VGA_ROMS = ["/usr/share/bochs/VGABIOS-lgpl-latest*", "/usr/share/vgabios/vgabios.bin",
            "/usr/share/seabios/vgabios-stdvga.bin"]
VGA_FONT = bytes(16) + bytes.fromhex("00007e81a58181bd9981817e00000000")  # characters 0 and 1
KEYS = {"\r": 0xff0d, "\b": 0xff08, "\t": 0xff09, "\x1b": 0xff1b, "UP": 0xff52, "DOWN": 0xff54,
        "LEFT": 0xff51, "RIGHT": 0xff53, "DELETE": 0xffff, "SHIFT": 0xffe1, "CONTROL": 0xffe3,
        "CAPS": 0xffe5}
SHIFTED = '~!@#$%^&*()_+{}|:"<>?'


def letters(rows):
    """{rows of a character's pixels: the character}"""
    return {tuple(shape): chr(code) for code, shape in rows if any(shape)} | {(0,) * 16: " "}


def our_glyphs():
    return letters(enumerate(font.read()))


def vga_glyphs():
    """Of VGA's text mode, as the firmware's ROM has them; None where there is no such ROM."""
    for name in sorted(name for pattern in VGA_ROMS for name in glob.glob(pattern)):
        with open(name, "rb") as f:
            data = f.read()
        at = data.find(VGA_FONT)
        if at >= 0:
            return letters((code, data[at + 16 * code:at + 16 * code + 16])
                           for code in range(0x20, 0x7f))
    return None


class Picture:
    """Pixels as three bytes each: red, green, blue."""

    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, bytes(data)

    def pixel(self, x, y):
        at = 3 * (y * self.width + x)
        return self.data[at:at + 3]

    def cell(self, left, top, scale):
        """Rows of bits of a character: what is not of the colour of its upper left corner."""
        paper, rows = self.pixel(left, top), []
        for y in range(top, top + 16 * scale, scale):
            at = 3 * (y * self.width + left)
            line = self.data[at:at + 24 * scale]
            rows.append(0 if line == paper * (8 * scale) else sum(
                0x80 >> x for x in range(8) if line[3 * scale * x:3 * scale * x + 3] != paper))
        return tuple(rows)

    def text(self, glyphs=None, width=8, scale=1):
        """Lines of text, by glyphs of 8 by 16 pixels that stand `width` apart."""
        glyphs = glyphs or our_glyphs()
        lines = []
        for top in range(0, self.height - 16 * scale + 1, 16 * scale):
            line = [glyphs.get(self.cell(left, top, scale), UNKNOWN)
                    for left in range(0, self.width - width * scale + 1, width * scale)]
            lines.append("".join(line).rstrip())
        return lines

    def lines(self):
        """Its text, in pixels of ours or in VGA's text mode of 720 by 400; without the bars that
        Bochs has above and below."""
        return self.text(vga_glyphs(), 9) if self.width == 720 else self.text()

    def save(self, name):
        """As a PNG file."""
        rows = b"".join(b"\0" + self.data[3 * self.width * y:3 * self.width * (y + 1)]
                        for y in range(self.height))
        with open(name, "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n")
            for kind, body in ((b"IHDR", struct.pack(">2I5B", self.width, self.height, 8, 2, 0, 0,
                                                     0)),
                               (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")):
                f.write(struct.pack(">I", len(body)) + kind + body
                        + struct.pack(">I", zlib.crc32(kind + body)))


Format = collections.namedtuple("Format", "bits big maxima shifts")


class Vnc:
    """RFB 3.3 (RFC 6143): raw pixels in the server's own format."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else
                                    socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(SECONDS)
        self.socket.connect(address)
        self.read(12)
        self.socket.sendall(b"RFB 003.003\n")
        if struct.unpack(">I", self.read(4))[0] != 1:
            raise OSError("the VNC server wants a password")
        self.socket.sendall(b"\1")
        width, height, bits, _, big, _, *colours = struct.unpack(">HHBBBB3H3B3x", self.read(20))
        self.format = Format(bits, big, colours[:3], colours[3:])
        self.name = self.read(struct.unpack(">I", self.read(4))[0])[:5]
        self.resize(width, height)
        self.socket.sendall(struct.pack(">BxHii", 2, 2, RAW, DESKTOP_SIZE))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise OSError("the VNC server has hung up")
            data += piece
        return data

    def resize(self, width, height):
        self.width, self.height = width, height
        self.rows = [bytearray(3 * width) for _ in range(height)]

    def colours(self, data):
        """Three bytes for each pixel of these."""
        f = self.format
        size = f.bits // 8
        out = bytearray(3 * (len(data) // size))
        for i, (most, shift) in enumerate(zip(f.maxima, f.shifts)):
            at = size - 1 - shift // 8 if f.big else shift // 8
            levels = bytes((value >> shift % 8 & most) * 255 // most for value in range(256))
            out[i::3] = data[at::size].translate(levels)
        return out

    def rectangle(self):
        """True: it was the size of the screen."""
        x, y, width, height, encoding = struct.unpack(">4Hi", self.read(12))
        if encoding == DESKTOP_SIZE:
            self.resize(width, height)
            return True
        data = self.colours(self.read(width * height * self.format.bits // 8))
        for row in range(height):
            self.rows[y + row][3 * x:3 * (x + width)] = data[3 * width * row:3 * width * (row + 1)]
        return False

    def update(self):
        """One message of the server's; true when it was one of pixels."""
        kind = self.read(1)[0]
        if kind == 0:
            count = struct.unpack(">xH", self.read(3))[0]
            return not any([self.rectangle() for _ in range(count)])
        if kind == 1:
            self.read(6 * struct.unpack(">xHH", self.read(5))[1])
        elif kind == 3:
            self.read(struct.unpack(">3xI", self.read(7))[0])
        return False

    def picture(self):
        """The whole screen as it is now."""
        seen = False
        while not seen:
            self.socket.sendall(struct.pack(">BB4H", 3, 0, 0, 0, self.width, self.height))
            seen = self.update()
        bars = BOCHS_BARS if self.name == b"Bochs" else (0, 0)
        rows = self.rows[bars[0]:self.height - bars[1]]
        return Picture(self.width, len(rows), b"".join(rows))

    def expect(self, pattern, seconds=60, pause=0.5):
        """The picture on which the text has the pattern, and its lines; the last one, and None,
        when that does not come."""
        end = time.monotonic() + seconds
        while True:
            picture = self.picture()
            lines = picture.lines()
            if re.search(pattern, "\n".join(lines), re.M):
                return picture, lines
            if time.monotonic() > end:
                return picture, None
            time.sleep(pause)

    def key(self, symbol, down):
        self.socket.sendall(struct.pack(">BB2xI", 4, down, symbol))

    def press(self, *names, pause=0.05):
        """Keys one on top of the other, released in reverse: press("CONTROL", "t")."""
        symbols = [KEYS[name] if name in KEYS else ord(name) for name in names]
        for symbol in symbols:
            self.key(symbol, 1)
            time.sleep(pause)
        for symbol in reversed(symbols):
            self.key(symbol, 0)
            time.sleep(pause)

    def type(self, text, pause=0.05):
        for letter in text:
            shift = letter.isupper() or letter in SHIFTED
            self.press(*(["SHIFT"] if shift else []), letter, pause=pause)


def listening(pid):
    """The TCP port on which a process listens, or None."""
    inodes = set()
    for name in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            target = os.readlink(name)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open("/proc/net/tcp", encoding="ascii") as f:
        for line in list(f)[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                return int(words[1].split(":")[1], 16)
    return None


def bochs_vnc(place, seconds=30):
    """Of the Bochs that runs in the directory `place`: it takes the first port that is free."""
    end = time.monotonic() + seconds
    mark = f"{place}/bochsrc".encode()
    while time.monotonic() < end:
        for name in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(name, "rb") as f:
                    words = f.read().split(b"\0")
                port = listening(name.split("/")[2]) if mark in words else None
                if port:
                    return Vnc(("127.0.0.1", port))
            except OSError:
                pass
        time.sleep(0.1)
    raise OSError(f"no Bochs in {place} has a VNC server")
