#!/usr/bin/env python3
"""Breaks each feature once and sees its test go red.

    scripts/break-features.py [FEATURE...]

tests/breaks.toml lists, for each feature of docs/FEATURES.md, one line of the sources to be changed and the test that must fail
then. Works on a copy of the checkout below the target folder; nothing here is touched. On demand: each entry is a build of its own,
about a quarter of a minute. The last line is "breaks: N passed, N failed"; a broken feature that no test notices is a failure.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
COPY = TARGET / "breaks" / "copy"


def copy_checkout():
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in files.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, COPY / name)


def run(test):
    """The outcome of one test: "ok", "FAILED", "not compiled" or "not found"."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET / "breaks" / "target"), "CARGO_TERM_COLOR": "never"}
    command = ["cargo", "test", "--locked", *test.split()]
    done = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)
    if "could not compile" in done.stderr:
        return "not compiled"
    outcomes = [line for line in done.stdout.splitlines() if line.startswith("test ")]
    if not outcomes:
        return "not found"
    return "FAILED" if done.returncode else "ok"


def main():
    with open(ROOT / "tests" / "breaks.toml", "rb") as file:
        breaks = tomllib.load(file)["break"]
    wanted = sys.argv[1:]
    breaks = [entry for entry in breaks if not wanted or entry["feature"] in wanted]
    copy_checkout()
    passed = failed = 0
    for entry in breaks:
        path = COPY / entry["file"]
        whole = path.read_text()
        if whole.count(entry["find"]) != 1:
            outcome = f"the line stands {whole.count(entry['find'])} times in {entry['file']}, not once"
        else:
            path.write_text(whole.replace(entry["find"], entry["replace"]))
            outcome = run(entry["test"])
            path.write_text(whole)
        red = outcome == "FAILED"
        passed, failed = passed + red, failed + (not red)
        print(f"{'red ' if red else 'FAIL'}  {entry['feature']}: {entry['test']}{'' if red else ': ' + outcome}", flush=True)
    print(f"breaks: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
