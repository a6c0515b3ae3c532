"""Measures Wharf beside limit-relay and other routers; scripts/bench.sh builds what it needs and starts it."""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = [
    ("rpc, 1 caller, 1 callee, 1 in flight", ["rpc", "--callers", "1", "--depth", "1"], 1.5),
    ("rpc, 4 callers, 1 callee, 16 in flight each", ["rpc", "--callers", "4", "--depth", "16"], 3),
    ("rpc, 4 callers, 4 callees, 64 in flight each",
     ["rpc", "--callers", "4", "--callees", "4", "--procedures", "4", "--depth", "64"], 5),
    ("event, 1 publisher, 10 subscribers", ["sessions-scaling", "--counts", "10"], 3),
    ("event, 1 publisher, 100 subscribers", ["sessions-scaling", "--counts", "100"], 3),
    ("event, 1 publisher, 1,000 subscribers", ["sessions-scaling", "--counts", "1000"], 3),
]


class Server:
    """A server process on a port of its own."""

    def __init__(self, name, command, url, port, env=None, cwd=None):
        self.name, self.url = name, url
        self.process = subprocess.Popen(
            command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{name} did not start")
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wharf(binary):
    port = free_port()
    raw = free_port()
    env = {
        "WHARF__LISTENERS__MAIN__BIND": f"127.0.0.1:{port}",
        "WHARF__LISTENERS__RAW__BIND": f"127.0.0.1:{raw}",
        "WHARF__OBSERVABILITY__LOG__LEVEL": "warn",
        "WHARF_CONFIG": os.path.abspath("config/wharf.toml"),
    }
    return Server("wharf", [binary], f"ws://127.0.0.1:{port}/ws", port, env)


def limit_relay(target):
    port = free_port()
    binary = f"{target}/tools/release/limit-relay"
    return Server("limit-relay", [binary, f"127.0.0.1:{port}"], f"limit://127.0.0.1:{port}", port)


def crossbar(binary, folder):
    port = free_port()
    role = {
        "name": "anonymous",
        "permissions": [{"uri": "", "match": "prefix",
                         "allow": {"call": True, "register": True, "publish": True, "subscribe": True}}],
    }
    node = {
        "version": 2,
        "controller": {},
        "workers": [{
            "type": "router",
            "realms": [{"name": "realm1", "roles": [role]}],
            "transports": [{
                "type": "websocket",
                "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1", "backlog": 4096},
                "serializers": ["json", "msgpack", "cbor"],
                "options": {"tcp_nodelay": True},
            }],
        }],
    }
    os.makedirs(f"{folder}/.crossbar")
    with open(f"{folder}/.crossbar/config.json", "w", encoding="utf-8") as file:
        json.dump(node, file)
    command = [os.path.abspath(binary), "start", "--cbdir", f"{folder}/.crossbar", "--loglevel", "warn"]
    return Server("crossbar", command, f"ws://127.0.0.1:{port}/", port)


def wampire(binary):
    port = free_port()
    return Server("wampire", [binary, "router", "--port", str(port)], f"ws://127.0.0.1:{port}/ws", port)


def measure(target, server, serializer, scenario, seconds):
    """Microseconds of the server's processor per operation and operations per second; None where the run failed."""
    command = [
        f"{target}/tools/release/wampload", "--url", server.url, "--server-pid", str(server.process.pid),
        "--serializer", serializer, "--duration", str(seconds), "--json", "-", *scenario]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return None
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines or lines[-1].get("problems"):
        return None
    metrics = lines[-1]["metrics"]
    cpu = next(value for name, value in metrics.items() if name.startswith("server_cpu_us_per"))
    rate = next(value for name, value in metrics.items() if name in ("calls_per_s", "events_per_s"))
    return cpu, rate


def median(samples, part):
    good = [sample[part] for sample in samples if sample]
    return statistics.median(good) if good else None


def show(value):
    if value is None:
        return "fails"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--wharf")
    parser.add_argument("--crossbar")
    parser.add_argument("--wampire")
    options = parser.parse_args()
    servers, ran = [], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            servers.append(limit_relay(options.target))
            servers.append(wharf(options.wharf or f"{options.target}/release/wharf"))
            if options.crossbar:
                servers.append(crossbar(options.crossbar, folder))
            if options.wampire:
                servers.append(wampire(options.wampire))
            for label, scenario, ratio in RUNS:
                ran.append((label, ratio, one(options, servers, scenario)))
                print(f"measured: {label}", file=sys.stderr)
        finally:
            for server in servers:
                server.stop()
    table(options, ran)


def one(options, servers, scenario):
    """Samples by (server, serializer), taken in turn."""
    samples = {}
    for _ in range(options.runs):
        for server in servers:
            for serializer in ["json"] if server.name == "limit-relay" else ["json", "msgpack"]:
                sample = measure(options.target, server, serializer, scenario, options.seconds)
                samples.setdefault((server.name, serializer), []).append(sample)
                # What the last run left behind is not this run's.
                time.sleep(0.3)
    return samples


def table(options, ran):
    cores = os.cpu_count()
    print(f"{platform.machine()}, {cores} cores, {time.strftime('%Y-%m-%d')}; medians of {options.runs} runs of "
          f"{options.seconds} s; microseconds of the server's processor per operation (operations per second)\n")
    columns = [key for key in ran[0][2]]
    print("| run | " + " | ".join(f"{name}" if name == "limit-relay" else f"{name} {serializer}"
                                    for name, serializer in columns) + " | Wharf / limit-relay | at most |")
    print("|---" * (len(columns) + 3) + "|")
    for label, ratio, samples in ran:
        cells = [f"{show(median(samples[key], 0))} ({show(median(samples[key], 1))})" for key in columns]
        limit = median(samples[("limit-relay", "json")], 0)
        ours = [median(samples[("wharf", serializer)], 0) for serializer in ("json", "msgpack")]
        ratios = [f"{value / limit:.1f}" if value and limit else "?" for value in ours]
        print(f"| {label} | " + " | ".join(cells) + f" | {', '.join(ratios)} | {ratio} |")


main()
