#!/usr/bin/env python3
"""Checks what the build is made of against deny.toml, with nothing but cargo and Python: licences, sources, banned crates.

`cargo deny check` says more (advisories among it); this is for machines that do not have it. Exit status 0 if all is well.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(r"\(|\)|[^\s()]+")


def names(table, key):
    """The texts of `key = [...]` in a table of deny.toml; by hand, since tomllib came with Python 3.11."""
    text = (ROOT / "deny.toml").read_text()
    section = re.search(rf"^\[{table}\]$(.*?)(?=^\[|\Z)", text, re.M | re.S)
    listed = section and re.search(rf"^{key} = \[(.*?)\]", section.group(1), re.M | re.S)
    if not listed:
        sys.exit(f"deny.toml has no list {key} in [{table}]")
    return re.findall(r'"([^"]+)"', listed.group(1))


def allowed(expression, licences):
    """Whether an SPDX expression can be met with these licences. A slash is the old way to write OR."""
    tokens = TOKEN.findall(expression.replace("/", " OR "))

    def either():
        met = both()
        while tokens[:1] == ["OR"]:
            tokens.pop(0)
            met = both() or met
        return met

    def both():
        met = one()
        while tokens[:1] == ["AND"]:
            tokens.pop(0)
            met = one() and met
        return met

    def one():
        token = tokens.pop(0)
        if token == "(":
            met = either()
            tokens.pop(0)
            return met
        if tokens[:1] == ["WITH"]:
            # An exception only takes conditions away.
            del tokens[:2]
        return token in licences

    return either() and not tokens


def main():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    packages = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)["packages"]
    licences, banned = set(names("licenses", "allow")), set(names("bans", "deny"))
    faults = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if not allowed(package["license"] or "none", licences):
            faults.append(f"{name}: the licence {package['license']} is not on the list of deny.toml")
        if package["name"] in banned:
            faults.append(f"{name}: banned by deny.toml")
        source = package["source"]
        if source is None and ROOT not in pathlib.Path(package["manifest_path"]).parents:
            faults.append(f"{name}: a path outside of this repository")
        if source is not None and not source.startswith(("registry+", "sparse+")):
            faults.append(f"{name}: not from a registry but from {source.split('+')[0]}")
    print("\n".join(faults) or f"{len(packages)} packages: licences, sources and bans are in order")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
