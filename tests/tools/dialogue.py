# SPDX-License-Identifier: MIT
"""A machine that a person types at: expect, type, look at the screen.

    with Dialogue(config) as d:
        d.expect("tapvisor> ")
        d.type("vms\\r")
        print(d.expect(r"^a +1 runs"))
"""
import os
import re
import threading
import time

import machine


class Silence(Exception):
    """What was waited for did not come; the text shows what came instead."""


class Screen:
    """A terminal of 80 columns and 24 lines, as far as Tapvisor draws on one."""

    def __init__(self, columns=80, lines=24):
        self.columns, self.lines = columns, lines
        self.rows, self.x, self.y, self.wrapped = [""] * lines, 0, 0, 0

    def put(self, character):
        if self.x == self.columns:
            self.wrapped += 1
            self.x = 0
            self.newline()
        row = self.rows[self.y].ljust(self.x)
        self.rows[self.y] = row[:self.x] + character + row[self.x + 1:]
        self.x += 1

    def newline(self):
        self.y += 1
        if self.y == self.lines:
            self.rows = self.rows[1:] + [""]
            self.y -= 1

    def control(self, sequence):
        if sequence == "H":
            self.x = self.y = 0
        elif sequence == "2J":
            self.rows = [""] * self.lines
        elif sequence in ("J", "K"):
            self.rows[self.y] = self.rows[self.y][:self.x]
            if sequence == "J":
                self.rows[self.y + 1:] = [""] * (self.lines - self.y - 1)

    def draw(self, text):
        for sequence, character in re.findall(r"\033\[([\d;]*[A-Za-z])|(.)", text, re.S):
            if sequence:
                self.control(sequence)
            elif character == "\r":
                self.x = 0
            elif character == "\n":
                self.newline()
            elif character == "\b":
                self.x = max(0, self.x - 1)
            else:
                self.put(character)
        return self


class Dialogue:
    def __init__(self, config, run=machine.run_bochs):
        self.config, self.run = config, run
        self.text, self.seen = "", 0
        self.news = threading.Condition()
        self.result = self.error = None

    def __enter__(self):
        source, self.keyboard = os.pipe()

        def work():
            try:
                self.result = self.run(self.config, self.take, source)
            except machine.Refused as error:
                self.error = error
            with self.news:
                self.news.notify_all()
            os.close(source)
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.hang_up()

    def hang_up(self):
        """End the machine if it has not ended; its machine.Result."""
        self.config.seconds = 0
        self.thread.join()
        if self.keyboard is not None:
            os.close(self.keyboard)
            self.keyboard = None
        if self.error:
            raise self.error
        return self.result

    def take(self, piece):
        with self.news:
            self.text += piece.decode("utf-8", "replace")
            self.news.notify_all()

    def type(self, text):
        os.write(self.keyboard, text.encode())

    def expect(self, pattern, seconds=30):
        """Wait for the pattern behind what was expected last; the text up to its end."""
        end = time.monotonic() + seconds
        with self.news:
            while True:
                match = re.compile(pattern, re.M).search(self.text, self.seen)
                if match:
                    begin, self.seen = self.seen, match.end()
                    return self.text[begin:self.seen]
                left = end - time.monotonic()
                if left <= 0 or self.result:
                    raise Silence(f"no {pattern!r} within {seconds} s; instead:\n"
                                  + self.text[self.seen:][-2000:])
                self.news.wait(left)

    def ask(self, line, pattern, seconds=30):
        """Type a line at the prompt; what comes behind its echo, up to the pattern."""
        with self.news:
            self.seen = len(self.text)
        self.type(line + "\r")
        return self.expect(pattern, seconds)

    def quiet(self, seconds):
        """What comes within so many seconds."""
        time.sleep(seconds)
        with self.news:
            begin, self.seen = self.seen, len(self.text)
            return self.text[begin:]
