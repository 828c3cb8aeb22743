# SPDX-License-Identifier: MIT
"""The hypervisor with code of a test's own in it, for what an emulator has no switch: what a
firmware leaves behind, what a processor lacks or reports.

    kernel = Patched(BUILD)
    kernel.before("boot_main", "mov ecx, 0x174", "wrmsr")
    boot([...], files={"tapvisor": kernel.write("firmware")})

The code is NASM's, and preserves what it must itself. It takes the place of ROOMS, which must not
be called then: they are for VMs with apicv=on.
"""
import os
import re
import subprocess
import tempfile

ROOMS = ("exit_apic_write", "apicv_resync", "apicv_hand_over", "apicv_post")
JUMP = 5  # bytes of one


class Patched:
    def __init__(self, build):
        self.source, self.place = f"{build}/tapvisor", f"{build}/emu/patched"
        with open(self.source, "rb") as f:
            self.elf = bytearray(f.read())
        self.rooms = [self.symbol(name) for name in ROOMS]

    def tool(self, *command):
        return subprocess.run([*command, self.source], text=True, capture_output=True,
                              check=True).stdout

    def symbol(self, name):
        """Where a function is, and its size; the compiler may have added to its name."""
        found = re.search(rf"^(\w+) (\w+) [tT] {name}(\.\S+)?$", self.tool("nm", "-S"), re.M)
        if not found:
            raise LookupError(f"{name}: the kernel has no such function")
        return int(found.group(1), 16), int(found.group(2), 16)

    def put(self, address, data):
        """Over what is at an address."""
        for found in re.finditer(r"^\s*LOAD\s+(\w+) (\w+) \w+ (\w+)",
                                 self.tool("readelf", "-lW"), re.M):
            offset, start, size = (int(word, 16) for word in found.groups())
            if start <= address and address + len(data) <= start + size:
                at = offset + address - start
                self.elf[at:at + len(data)] = data
                return
        raise LookupError(f"{address:#x} is not in the file")

    def assemble(self, address, lines):
        with tempfile.TemporaryDirectory() as place:
            with open(f"{place}/a.asm", "w", encoding="ascii") as f:
                f.write("\n".join(["bits 64", f"org {address:#x}", *lines]) + "\n")
            subprocess.run(["nasm", "-f", "bin", "-o", f"{place}/a.bin", f"{place}/a.asm"],
                           check=True)
            with open(f"{place}/a.bin", "rb") as f:
                return f.read()

    def add(self, *lines):
        """Puts code where there is room; where that is."""
        for i, (address, size) in enumerate(self.rooms):
            code = self.assemble(address, lines)
            if len(code) <= size:
                self.put(address, code)
                self.rooms[i] = address + len(code), size - len(code)
                return address
        raise LookupError(f"{len(code)} bytes of code: no room for them")

    def replace(self, function, *lines):
        """The function is this."""
        self.put(*self.jump(self.symbol(function)[0], self.add(*lines)))

    def jump(self, at, to):
        return at, self.assemble(at, [f"jmp near {to:#x}"])

    def before(self, function, *lines):
        """The function begins with this."""
        moved, at, back = self.move(function, ".")
        self.put(*self.jump(at, self.add(*lines, *moved, f"jmp near {back:#x}")))

    def after(self, function, instruction, code):
        """Behind the first such instruction of the function: code(what objdump says of it), a list
        of lines, which keeps the flags if they are looked at there."""
        moved, at, back = self.move(function, instruction)
        text = self.listing(function, instruction)[0][2]
        self.put(*self.jump(at, self.add(*moved, *code(text), f"jmp near {back:#x}")))

    def listing(self, function, instruction):
        """[(address, bytes, text)] from that instruction on."""
        lines = re.findall(r"^(f\w+):\t((?:[0-9a-f]{2} )+) *\t(.*)$",
                           self.tool("objdump", "-d", "--insn-width=16",
                                     f"--disassemble={self.exact(function)}"), re.M)
        first = next(i for i, line in enumerate(lines) if re.match(instruction, line[2]))
        return [(int(a, 16), bytes.fromhex(b), text) for a, b, text in lines[first:]]

    def exact(self, name):
        return re.search(rf" [tT] ({name}(?:\.\S+)?)$", self.tool("nm"), re.M).group(1)

    def move(self, function, instruction):
        """What a jump at that instruction will overwrite, as lines; where it is; what follows."""
        moved, rest = [], self.listing(function, instruction)
        start = rest[0][0]
        while rest[0][0] < start + JUMP:
            _, data, text = rest.pop(0)
            branch = re.match(r"(j\w+)\s+([0-9a-f]+)", text)
            if branch:
                moved.append(f"{branch.group(1)} near 0x{branch.group(2)}")
            elif re.search(r"%rip|^call|^ret", text):
                raise LookupError(f"{function}: {text} cannot be moved")
            else:
                moved.append("db " + ", ".join(f"{byte:#04x}" for byte in data))
        return moved, start, rest[0][0]

    def without(self, code):
        """Wherever these bytes are an instruction's first, the processor knows none (UD2)."""
        text = self.tool("objdump", "-d", "--insn-width=16")
        found = re.findall(rf"^(f\w+):\t{code.hex(' ')} ", text, re.M)
        for address in found:
            self.put(int(address, 16), b"\x0f\x0b")
        return len(found)

    def write(self, name):
        """The file's name."""
        os.makedirs(self.place, exist_ok=True)
        with open(f"{self.place}/{name}", "wb") as f:
            f.write(self.elf)
        return f"{self.place}/{name}"
