# SPDX-License-Identifier: MIT
"""What a person, a pipe or a test types, on its way to a machine's COM1."""
import os
import re
import signal
import termios
import threading
import time

KEY_END = b"\x1d"        # Ctrl-]
# A UART keeps 16 characters, and an emulator that has to share its host may not look for long.
BURST = 8
ECHO_SECONDS = 0.5


def await_echo(console, before, sent):
    """Until what went out has come back; what is not echoed gets a while instead."""
    end = time.monotonic() + ECHO_SECONDS
    while sent not in console.text[before:] and time.monotonic() < end:
        time.sleep(0.002)


def pass_on(piece, master, console):
    for at in range(0, len(piece), BURST):
        os.write(master, piece[at:at + BURST])
        await_echo(console, len(console.text), piece[at:at + BURST].strip())


def feed(source, master, console, ready, farewell):
    """Pass what a person types (or a pipe holds) on to the machine, at a pace it can take, once it
    is ready or gives its first sign of life: what arrives before, the firmware throws away. Where
    the source ends, `farewell` is typed as a line of its own."""
    def loop():
        last = b"\n"
        while not (console.text and re.search(ready, console.text)) and not console.stop.is_set():
            time.sleep(0.02)
        while not console.stop.is_set():
            piece = os.read(source, 256)
            if not piece and farewell and not console.stop.is_set():
                pass_on((b"" if last in b"\r\n" else b"\n") + farewell, master, console)
            if not piece:
                return
            if KEY_END in piece and os.isatty(source):
                os.kill(os.getpid(), signal.SIGINT)
            last = piece[-1:]
            pass_on(piece, master, console)
    threading.Thread(target=loop, daemon=True).start()


class RawTerminal:
    """The person's terminal without line editing while a machine has it. All keys are the
    machine's, Ctrl-C too; Ctrl-] ends the runner."""

    def __init__(self, handle):
        self.handle = handle if handle is not None and os.isatty(handle) else None

    def __enter__(self):
        if self.handle is not None:
            self.saved = termios.tcgetattr(self.handle)
            mode = termios.tcgetattr(self.handle)
            mode[0] &= ~(termios.IXON | termios.ICRNL)
            mode[1] &= ~termios.OPOST  # lines end in CR LF already
            mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            termios.tcsetattr(self.handle, termios.TCSANOW, mode)

    def __exit__(self, *_):
        if self.handle is not None:
            termios.tcsetattr(self.handle, termios.TCSANOW, self.saved)
