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

    def quiet(self, seconds):
        """What comes within so many seconds."""
        time.sleep(seconds)
        with self.news:
            begin, self.seen = self.seen, len(self.text)
            return self.text[begin:]
