"""The frame of a check: the router under test, what a repeat found, and the lines that are printed.

A check is run against any router whose address it is given; what is read from /proc and from metrics is left out where they
are not named.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import sys
import urllib.parse
import urllib.request

from freeze import fork
from peer import FORMS, now


class Router:
    """What is known of the router under test, and how it was told to behave."""

    def __init__(self, options):
        url = urllib.parse.urlsplit(options.url)
        self.host, self.path, self.ws = url.netloc, url.path or "/", (url.hostname, url.port or 80)
        host, _, port = (options.rawsocket or ":0").rpartition(":")
        self.rs = (host, int(port)) if options.rawsocket else None
        self.metrics, self.pid = options.metrics, options.pid
        self.interval, self.suspect, self.timeout = options.interval, options.suspect, options.timeout
        self.stall, self.quick = options.stall, options.quick
        # Times of others are compared by this share of them, from this floor on: what a quick run sees is mostly noise.
        self.share, self.floor = (0.9, 0.1) if self.quick else (0.99, 0.005)
        self.resident_at_start = self.resident()

    def address(self, transport):
        return self.ws if transport == "ws" else self.rs

    def forms(self):
        return [form for form in FORMS if self.address(form[0])]

    def counter(self, name):
        """A counter of /metrics by name and labels; None if the router has none."""
        if not self.metrics:
            return None
        with urllib.request.urlopen(self.metrics, timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    def resident(self):
        """Octets of resident memory, or None."""
        if not self.pid:
            return None
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Memory:
    """The most that the router's resident memory grew since its start or `rebase`, as far as it was looked at."""

    def __init__(self, router):
        self.router, self.peak, self.looked = router, 0, 0.0
        self.start = router.resident()

    def look(self):
        if self.start is not None and now() - self.looked > 0.02:
            self.looked = now()
            self.peak = max(self.peak, self.growth())

    def rebase(self):
        """Counts from the most that was seen so far: what is usual."""
        if self.start is not None:
            self.start, self.peak = self.start + self.peak, 0

    def growth(self):
        return (self.router.resident() or 0) - (self.start or 0)


class Findings:
    """What one repeat asserts, and the figures that it tells."""

    def __init__(self):
        self.faults, self.figures, self.omitted = [], [], []

    def holds(self, condition, fault):
        if not condition:
            self.faults.append(fault)

    def tell(self, figure):
        self.figures.append(figure)

    def omit(self, what):
        self.omitted.append(what)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def compare_times(found, router, whose, before, after):
    """The times of others must stay under twice of what they were."""
    old, new = (percentile(times, router.share) for times in (before, after))
    name = f"p{router.share * 100:.0f}"
    found.holds(new <= max(2 * old, router.floor), f"{name} of {whose} {ms(new)}, {ms(old)} before")
    found.tell(f"{name} of {whose} {ms(old)} before, {ms(new)} after")


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


def mib(octets):
    return f"{octets / 2**20:+.1f} MiB"


def one_repeat(check, router, rest, number):
    """One repeat in a worker process of its own; what it started ends with it."""
    found = Findings()
    began = now()
    try:
        check(found, router, number, *rest)
    except Exception as error:
        found.holds(False, f"it broke off: {type(error).__name__}: {error}")
    for child in multiprocessing.active_children():
        child.kill()
    return found, now() - began


def share_of(text):
    """`2/4`: of the repeats with the numbers 1, 2, 3, .. the second of every four."""
    mine, _, of = text.partition("/")
    if not 1 <= int(mine) <= int(of):
        raise ValueError(text)
    return int(mine), int(of)


def run(name, description, cases, parallel=1, repeats=1, alone=()):
    """The frame of a check. `cases(router)` gives lists of a title, its function and further arguments; each is repeated so
    often in the full form, and those whose function is in `alone` one at a time."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router takes WebSocket")
    parser.add_argument("--rawsocket", help="HOST:PORT where it takes RawSocket; left out if absent")
    parser.add_argument("--metrics", help="URL of its metrics; what they would tell is left out if absent")
    parser.add_argument("--pid", type=int, help="its process id; its memory is left out if absent")
    parser.add_argument("--repeats", type=int, help=f"of each case; 1 in the quick form, else {repeats}")
    parser.add_argument("--share", type=share_of, default=(1, 1), help="2/4: of the repeats 2, 6, 10, .., the rest elsewhere")
    parser.add_argument("--parallel", type=int, default=parallel, help="repeats at a time")
    parser.add_argument("--only", default="", help="cases whose title contains this")
    parser.add_argument("--quick", action="store_true", help="for a router with short pings, with smaller volumes")
    for key, full, quick in [("interval", 20, 1), ("suspect", 2, 0.5), ("timeout", 10, 2), ("stall", 10, 2)]:
        parser.add_argument(f"--{key}", type=float, help=f"the router's setting, in seconds ({full}; {quick} if quick)")
        parser.set_defaults(**{f"{key}_default": (full, quick)})
    options = parser.parse_args()
    for key in ["interval", "suspect", "timeout", "stall"]:
        if getattr(options, key) is None:
            setattr(options, key, getattr(options, f"{key}_default")[options.quick])
    router = Router(options)
    repeats = options.repeats or (1 if options.quick else repeats)
    mine, of = options.share
    passed = failed = 0
    omitted = set()
    wanted = [case for case in cases(router) if options.only in case[0]]
    # What keeps the whole machine busy is judged by how long it takes, so it waits until the others are through.
    for parallel, whole in [(options.parallel, False), (1, True)]:
        with concurrent.futures.ProcessPoolExecutor(parallel, mp_context=fork) as pool:
            pending = [
                (case[0], number, pool.submit(one_repeat, case[1], router, case[2:], number))
                for case in wanted
                if (case[1] in alone) == whole
                for number in range(mine, repeats + 1, of)
            ]
            for title, number, future in pending:
                found, seconds = future.result()
                passed, failed = passed + (not found.faults), failed + bool(found.faults)
                omitted |= set(found.omitted)
                told = "; ".join(found.figures + [f"NOT: {fault}" for fault in found.faults[:6]])
                outcome = "FAIL" if found.faults else "ok"
                print(f"{outcome:5}{name} {title}, {number} of {repeats} ({seconds:.1f} s): {told}", flush=True)
    for what in sorted(omitted):
        print(f"left out: {name}: {what}")
    print(f"peers: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)
