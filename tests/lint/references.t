#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What documents and comments name is there.

Documents (README.md, CONTRIBUTING.md, docs/, guest-tools/README.md): links and their anchors; in
backquotes files, make targets, settings and keys, functions, constants. Comments of ring 0: files,
functions, constants. Names of others, which this tree cannot have, stand in references.txt.
"""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../tools")
import tree  # noqa: E402
from tap import Tap  # noqa: E402

ALLOWED = "tests/lint/references.txt"
RING0 = ("hv/kernel/", "hv/base/", "hv/abi/", "vmx/", "vapic/")
ENDINGS = r"(?:c|h|asm|asl|pml|py|t|md|sh|txt|ld|mk|elf|iso|cfg|json|jsonl|patch|inc)"
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)
PATH = re.compile(rf"(?<![\w./-])[\w.-]+(?:/[\w.-]+)*\.{ENDINGS}(?![\w/-])(?!\.\w)")
DIRECTORY = re.compile(
    r"(?<![\w./<-])(?:hv|vmx|vapic|docs|tests|guest-tools)/[\w./-]*(?![\w*])")
ALONE = r"(?<![\w./$%-])"
IN_QUOTES = ALONE + r"([A-Za-z_]\w*_\w+|[A-Za-z]\w+(?=\(\)))(?![\w-]*[./]\w)"
# In comments: calls; names with an underscore, which a star behind them makes a beginning of some.
NAME = re.compile(
    r"(?<![\w.%-])([A-Za-z_]\w*)(?=\(\))|(?<![\w.%-])([A-Za-z]+_\w*[A-Za-z0-9])(\*?)(?![\w-])")


def split_c(text):
    """(code, comments) of C: each with the other's characters blanked, so that lines stay."""
    def blank(match, comment):
        piece = match.group(0)
        return piece if (piece[0] == "/") == comment else re.sub(r"[^\n]", " ", piece)
    code = COMMENT.sub(lambda m: m.group(0) if m.group(0)[0] != "/"
                       else re.sub(r"[^\n]", " ", m.group(0)), text)
    comments, last = [], 0
    for match in COMMENT.finditer(text):
        comments.append(re.sub(r"[^\n]", " ", text[last:match.start()]))
        comments.append(blank(match, True))
        last = match.end()
    return code, "".join(comments) + re.sub(r"[^\n]", " ", text[last:])


def split_asm(text):
    lines = [line.partition(";") for line in text.split("\n")]
    return "\n".join(line[0] for line in lines), "\n".join(line[2] for line in lines)


def split(name):
    text = tree.read(name)
    if name.endswith((".c", ".h", ".pml", ".asl", ".ld")):
        return split_c(text)
    return split_asm(text) if name.endswith((".asm", ".inc")) else (text, "")


names = tree.files()
allowed = {}
for row in tree.read(ALLOWED).split("\n"):
    words, _, reason = row.partition("#")
    allowed.update({word: reason.strip() for word in words.split()})
documents = [name for name in names if name.endswith(".md") and name != "CHANGELOG.md"]
sources = [name for name in names if not name.endswith(".md")
           and name not in (ALLOWED, "tests/lint/references.t", "LICENSE")]
code = {name: split(name) for name in sources}
words = {word for text, _ in code.values() for word in re.findall(r"\w+", text)}
dashed = {word for text, _ in code.values() for word in re.findall(r"[\w-]+", text)}
places = set(names) | {os.path.dirname(name) for name in names}
places |= {"/".join(place.split("/")[:i]) for place in list(places) for i in range(1, 9)}
basenames = {os.path.basename(name) for name in places}
stems = {os.path.splitext(os.path.basename(name))[0] for name in names}
words |= stems
# A name may stand without the prefix that all of its kind have, or be that prefix.
affixes = {word[i:] for word in words if word.isupper() for i in range(len(word))
           if word[i - 1:i] == "_"}
affixes |= {word[:i + (not word.isupper())] for word in words for i in range(3, len(word))
            if word[i] == "_"}
targets = set(re.findall(r"^([a-z][a-z0-9-]*):", "".join(
    tree.read(name) for name in names if name == "Makefile" or name.endswith(".mk")), re.M))
used = set()


def may(word):
    if word in allowed:
        used.add(word)
    return word in allowed


def is_name(word):
    return word in words or word in affixes or may(word)


def is_place(path, origin=""):
    """Is there such a file or directory: from the top, beside the text that names it, or anywhere
    by its last parts? NAME stands for any. What the build makes is known by its source."""
    path = path.rstrip("/")
    if re.search(r"\bNAME\b", path):
        pattern = re.escape(path.replace("build/unit", "tests/unit")).replace("NAME", r"[\w-]+")
        return any(re.fullmatch(rf"(.*/)?({pattern}|{pattern[:-1]}c)", place) for place in places)
    if path in places or os.path.normpath(f"{origin}/{path}") in places:
        return True
    if re.search(rf"\.{ENDINGS}$", path) and path.endswith((".elf", ".iso", ".json", ".jsonl")):
        return path.endswith(".elf") and os.path.splitext(os.path.basename(path))[0] in stems
    return any(place.endswith(f"/{path}") for place in places)


def wrong_span(span, origin):
    """What is not there of one text in backquotes."""
    if may(span):
        return
    if span.startswith("make "):
        for word in span.split()[1:]:
            target, _, value = word.partition("=")
            if not (target in targets or (value or "=" in word) and target in words
                    or word.startswith(("-", "$", "[", '"')) or may(word)):
                yield f"make target or setting {word}"
        return
    paths = PATH.findall(span)
    for path in paths:
        if not (is_place(path, origin) or may(path) or path.startswith("build/")
                and built(path)):
            yield f"file {path}"
    rest = PATH.sub(" ", span)
    for path in DIRECTORY.findall(rest):
        if not (is_place(path.rstrip("."), origin) or may(path)):
            yield f"directory {path}"
    for word in re.findall(IN_QUOTES, rest):
        if not is_name(word):
            yield f"name {word}"
    for word in re.findall(rf"{ALONE}([A-Za-z][\w-]*)=", rest):
        if not (word in dashed or may(word)):
            yield f"key {word}="
    if re.fullmatch(r"[A-Za-z](?:\w*-[\w-]*|[A-Za-z0-9]*)", span) and not (
            span in dashed or span in basenames or is_name(span)):
        yield f"word {span}"


def built(path):
    """Is this something that the build makes: named by make's rules or by a tool?"""
    last = os.path.basename(path)
    return any(last in text for text, _ in code.values())


def anchor(heading):
    """As GitHub makes it."""
    text = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower())
    return text.strip().replace(" ", "-")


def anchors(name):
    text = re.sub(r"^```.*?^```", "", tree.read(name), flags=re.S | re.M)
    return {anchor(line) for line in re.findall(r"^#+ (.*)$", text, re.M)}


def wrong_links(name, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, part = target.partition("#")
        where = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if re.match(r"[a-z]+:", target):
            continue
        if where not in places:
            yield f"{name}: link to {target}"
        elif part and part not in anchors(where):
            yield f"{name}: {where} has no heading #{part}"


def git(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def lines_of(name, text, pattern=r"(?<!`)`([^`\n]+)`(?!`)"):
    for number, line in enumerate(text.split("\n"), 1):
        for found in re.findall(pattern, line):
            yield f"{name}:{number}", found


tap = Tap()
links, spans, count = [], [], 0
for name in documents:
    text = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", "", m.group(0)), tree.read(name),
                  flags=re.S | re.M)
    links += wrong_links(name, text)
    for where, span in lines_of(name, text):
        count += 1
        spans += [f"{where}: {what}" for what in wrong_span(span, os.path.dirname(name))]
tap.none(links, f"links of {len(documents)} documents lead somewhere")
tap.none(spans, f"{count} texts in backquotes name what is there")

comments, count = [], 0
for name in sources:
    if not name.startswith(RING0):
        continue
    text = code[name][1]
    for where, path in lines_of(name, text, PATH):
        count += 1
        if not (is_place(path, os.path.dirname(name)) or may(path)):
            comments.append(f"{where}: file {path}")
    for where, pair in lines_of(name, PATH.sub(lambda m: " " * len(m.group(0)), text), NAME):
        count += 1
        word = pair[0] or pair[1]
        if not (is_name(word) or pair[2] and any(known.startswith(word) for known in words)):
            comments.append(f"{where}: name {word}")
tap.none(comments, f"{count} names in ring 0's comments are there")
counters = re.search(r"vcpu_count_name\(.*?^}", tree.read("hv/abi/names.h"), re.S | re.M).group(0)
counters = re.findall(r'= "([^"]+)"', counters)
tap.none([name for name in counters if f"`{name}`" not in tree.read("docs/telemetry.md")],
         f"docs/telemetry.md has a row for each of {len(counters)} counters")
examples = re.findall(r"\b[0-9a-f]{7}\b", " ".join(re.findall(
    r"^Examples?: .*", tree.read("CONTRIBUTING.md"), re.M)))
history = ["git", "-C", tree.TOP]
if git(*history, "rev-parse", "--is-shallow-repository") == "false":
    tap.none([commit for commit in examples if git(*history, "cat-file", "-t", commit) != "commit"],
             f"{len(examples)} example commits of CONTRIBUTING.md are there")
else:
    tap.skip("example commits of CONTRIBUTING.md", "no clone of the whole history")
tap.none([f"{ALLOWED}: {word}" for word in sorted(set(allowed) - used)],
         "no name of others is listed for nothing")
tap.none([f"{ALLOWED}: {word}" for word, reason in allowed.items() if not reason],
         "each of them says whose it is")
tap.done()
