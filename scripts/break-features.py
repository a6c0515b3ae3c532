#!/usr/bin/env python3
"""Breaks each feature once and sees its test go red.

    scripts/break-features.py [FEATURE...]

tests/breaks.toml says, for each feature of docs/FEATURES.md, what is to be changed in the sources and which test must fail then.
Works on a copy of the checkout below the target folder; nothing here is touched. On demand: one build
of the test binaries that are needed (some minutes on two cores), then a second or two for each break.

So that not every break is a build of its own, all breaks inside functions are compiled at once: the function gets one body per
break, and an environment variable chooses. A break elsewhere, in a const fn, or in one that returns an impl is built alone.
Each test is run without its break first; one that hangs with it is red.

The last line is "breaks: N passed, N failed"; a broken feature that no test notices is a failure.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
COPY = TARGET / "breaks" / "copy"
OWN_TARGET = TARGET / "breaks" / "target"

# What chooses among the bodies; 0 and nothing are the right one.
SWITCH = """
/// Which break is on.
pub(crate) fn is_broken(number: u32) -> bool {
    static ON: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("WHARF_BREAK").ok().and_then(|text| text.parse().ok()).unwrap_or(0)) == number
}
"""

# Comments, strings, characters and lifetimes: braces in them are none.
NO_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hashes>\#*)".*?"(?P=hashes)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n]*?|[^\\'\n])'""", re.DOTALL
)


def copy_checkout():
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in files.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            # With a new time: what was built of the copy as it was before is not taken for this one's.
            shutil.copy(source, COPY / name)


def borrow_dependencies():
    """What the checkout has built of others' crates is not built again."""
    own, built = OWN_TARGET / "debug", TARGET / "debug"
    if own.exists() or not built.exists():
        return
    for folder in ["deps", "build", ".fingerprint"]:
        ours = lambda path, names: [name for name in names if re.match(r"(lib)?wharf[-.]", name)]
        shutil.copytree(built / folder, own / folder, copy_function=os.link, ignore=ours, symlinks=True)


def environment(number=0):
    own = {"CARGO_TARGET_DIR": str(OWN_TARGET), "CARGO_TERM_COLOR": "never", "CARGO_PROFILE_DEV_DEBUG": "0"}
    return {**os.environ, **own, "WHARF_BREAK": str(number)}


def build(binaries):
    """The test binaries that these options of cargo choose, by option, those that came to be; and what the compiler said. At once, so
    that no core waits for one of them."""
    command = ["cargo", "test", "--locked", "--no-run", *[word for binary in binaries for word in binary.split()]]
    done = subprocess.run(command, cwd=COPY, env=environment(), capture_output=True, text=True)
    built = {}
    for source, path in re.findall(r"^  Executable (.*) \((.*)\)$", done.stderr, re.MULTILINE):
        test = re.match(r"tests/(\w+)", source)
        option = f"--test {test[1]}" if test else "--lib"
        built[option] = OWN_TARGET / "debug" / "deps" / pathlib.Path(path).name
    return built, done.stderr


def run(path, test, number=0):
    """The outcome of one test: "ok", "FAILED" or "not found"."""
    command = [path, *filters_of(test)]
    try:
        done = subprocess.run(command, cwd=COPY, env=environment(number), capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "FAILED"
    if done.returncode:
        return "FAILED"
    return "ok" if re.search(r"^test \S.* \.\.\. ", done.stdout, re.MULTILINE) else "not found"


def binary_of(test):
    """The options that choose the binary, without the filter."""
    words = test.split()
    return " ".join(words[:2] if words[0] == "--test" else words[:1])


def filters_of(test):
    return test.split()[len(binary_of(test).split()) :]


def function_around(text, at):
    """Where the body of the innermost function around a place begins and ends, braces included; None if that cannot be switched."""
    code = NO_CODE.sub(lambda found: " " * len(found.group()), text)
    found = None
    for head in re.finditer(r"\bfn \w+", code):
        if head.start() > at:
            break
        begin = code.find("{", head.end())
        if begin < 0 or 0 <= code.find(";", head.end(), begin):
            continue
        depth, end = 1, begin + 1
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        if begin < at < end:
            before = code[code.rfind("\n", 0, head.start()) : head.start()]
            fixed = "const " in before or re.search(r"->.*\bimpl\b", code[head.end() : begin], re.S)
            found = None if fixed else (begin, end)
    return found


class Break:
    """One entry of the list."""

    def __init__(self, number, entry):
        self.number = number
        self.feature, self.file, self.test = entry["feature"], entry["file"], entry["test"]
        self.find, self.replace = entry["find"], entry["replace"]
        self.whole = (ROOT / self.file).read_text()
        times = self.whole.count(self.find)
        self.outcome = None if times == 1 else f"the text stands {times} times in {self.file}, not once"
        self.function = function_around(self.whole, self.whole.index(self.find)) if times == 1 else None

    def broken_body(self):
        begin, end = self.function
        at = self.whole.index(self.find) - begin
        body = self.whole[begin:end]
        return body[:at] + self.replace + body[at + len(self.find) :]

    def run_alone(self):
        path = COPY / self.file
        path.write_text(self.whole.replace(self.find, self.replace))
        built, said = build([binary_of(self.test)])
        binary = built.get(binary_of(self.test))
        if not binary:
            print(said, file=sys.stderr)
        self.outcome = run(binary, self.test) if binary else "not compiled"
        path.write_text(self.whole)


def write_switches(breaks):
    """Gives each function that is to be broken its bodies."""
    for file in sorted({entry.file for entry in breaks}):
        functions = {}
        for entry in breaks:
            if entry.file == file:
                functions.setdefault(entry.function, []).append(entry)
        whole = (ROOT / file).read_text()
        for begin, end in sorted(functions, reverse=True):
            bodies = [
                f"if crate::is_broken({entry.number}) {entry.broken_body()} else " for entry in functions[begin, end]
            ]
            whole = whole[:begin] + "{" + "".join(bodies) + whole[begin:end] + "}" + whole[end:]
        (COPY / file).write_text(whole)
    with open(COPY / "src" / "lib.rs", "a") as library:
        library.write(SWITCH)


def run_switched(breaks):
    write_switches(breaks)
    wanted, unbroken = sorted({binary_of(entry.test) for entry in breaks}), {}
    began = time.monotonic()
    binaries, said = build(wanted)
    if set(wanted) - set(binaries):
        raise SystemExit(f"{said}\nthe breaks do not compile together; their numbers stand in is_broken(..)")
    print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    for entry in breaks:
        path = binaries[binary_of(entry.test)]
        if entry.test not in unbroken:
            unbroken[entry.test] = run(path, entry.test)
        if unbroken[entry.test] == "ok":
            entry.outcome = run(path, entry.test, entry.number)
        else:
            entry.outcome = f"{unbroken[entry.test]} without the break"
        report(entry)


def report(entry):
    red = entry.outcome == "FAILED"
    print(f"{'red ' if red else 'FAIL'}  {entry.feature}: {entry.test}{'' if red else ': ' + entry.outcome}", flush=True)


def main():
    with open(ROOT / "tests" / "breaks.toml", "rb") as file:
        breaks = [Break(number, entry) for number, entry in enumerate(tomllib.load(file)["break"], 1)]
    wanted = sys.argv[1:]
    breaks = [entry for entry in breaks if not wanted or entry.feature in wanted]
    began = time.monotonic()
    copy_checkout()
    borrow_dependencies()
    for entry in breaks:
        if entry.outcome:
            report(entry)
    breaks_to_do = [entry for entry in breaks if not entry.outcome]
    run_switched([entry for entry in breaks_to_do if entry.function])
    copy_checkout()
    for entry in breaks_to_do:
        if not entry.function:
            entry.run_alone()
            report(entry)
    passed = sum(entry.outcome == "FAILED" for entry in breaks)
    print(f"in {time.monotonic() - began:.0f} s")
    print(f"breaks: {passed} passed, {len(breaks) - passed} failed")
    return 1 if passed < len(breaks) else 0


if __name__ == "__main__":
    sys.exit(main())
