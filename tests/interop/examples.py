"""Follows each file of config/examples/ as a new user would: makes the secrets and certificates as its comments say, starts the
router from it and logs in with the client that it names.

What is done is read from the comments. A line that is indented by three spaces is a command, followed by a remark after four
spaces or more: `export NAME=...` (the dots are the reader's to fill in), `wharf hash-secret ..`, `wharf keygen ..`, `openssl ..`,
`printf ..`, `mkdir ..`, `python3 -c ..` (what it prints is TOKEN), `curl ..` (a client), `python examples/..` (a program that has to run), or
the beginning of a client in Python, `Component(..)`, or JavaScript, `new autobahn.Connection(..)`. Addresses are moved to free
ports, and folders of the system to one of the test. What a command prints for the file (`salt = ..`, a public key) is put there.

Each example has a row in EXPECTED: as whom its clients come in. Called by run.py.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "config" / "examples"
PASSWORD = "the password"
PATIENCE_S = 30

# The clients in the order of the file: authid, role and method as WELCOME names them, or the status of an HTTP answer. The call
# of a procedure that nobody has registered is 404: who may not call at all is told 401 or 403.
EXPECTED = {
    "admin.toml": [200],
    "apikeys.toml": [200, 200],
    "behind-nginx.toml": [("backend", "backend", "ticket")],
    "cookie.toml": [("joe", "frontend", "ticket")],
    "cryptosign.toml": [("dev1", "device", "cryptosign")],
    "dynamic.toml": [("bob", "frontend", "wampcra")],
    "dynamic-http.toml": [("bob", "frontend", "wampcra"), 404],
    "groups.toml": [("ann", "clerk", "ticket")],
    "history.toml": [(None, "guest", "anonymous")],
    "jwt.toml": [404, ("joe", "frontend", "ticket")],
    "rest-bridge.toml": [200, 202, 400],
    "scram.toml": [("bob", "frontend", "scram")],
    "second.toml": [("ops", "operator", "wampcra")],
    "several-realms.toml": [("backend", "backend", "ticket")],
    "tickets.toml": [("web", "frontend", "ticket")],
    "tls.toml": [200],
    "unix-socket.toml": [(None, "program", "anonymous")],
    "webhooks.toml": [202],
    "wampcra.toml": [("joe", "frontend", "wampcra")],
}

CLIENTS = {"curl", "component", "connection"}


class Unlike(Exception):
    """Something is not as the example says."""


def commands(text):
    """What the comments tell to do, as pairs of kind and text."""
    lines = [line[1:] for line in text.splitlines() if re.match(r"#( |$)", line)]
    found, at = [], 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not re.match(r"   \S", line):
            continue
        code = line.strip()
        kind = kind_of(code)
        if kind in {"component", "connection"}:
            while code.count("(") > code.count(")") and at < len(lines):
                code += "\n" + lines[at].strip()
                at += 1
        elif kind:
            code = without_remark(code)
            while (code.endswith("\\") or code.count("'") % 2) and at < len(lines):
                more = without_remark(lines[at].strip())
                code = code[:-1] + more if code.endswith("\\") else code + "\n" + more
                at += 1
        if kind:
            found.append((kind, code))
    return found


def kind_of(code):
    beginnings = {
        "export ": "shell", "wharf hash-secret ": "shell", "wharf keygen": "shell", "wharf apikey ": "shell", "openssl ": "shell", "printf ": "shell", "mkdir ": "shell",
        "python3 -c": "token", "curl ": "curl", "python examples/": "program",
        "Component(": "component", "new autobahn.Connection(": "connection",
    }
    return next((kind for beginning, kind in beginnings.items() if code.startswith(beginning)), None)


def without_remark(code):
    return re.split(r" {4,}", code)[0].strip()


class Example:
    """One file, in a folder of its own."""

    def __init__(self, file, folder, wharf, python, node_dir):
        self.folder, self.node_dir, self.python = pathlib.Path(folder), node_dir, python
        self.path = self.folder / file.name
        self.text = file.read_text()
        self.token, self.moved = "", []
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "wharf").symlink_to(pathlib.Path(wharf).resolve())
        own = {name: value for name, value in os.environ.items() if not name.startswith("WHARF")}
        search = os.pathsep.join([str(tools), str(pathlib.Path(python).parent), own["PATH"]])
        self.variables = dict(own, PATH=search, PYTHONDONTWRITEBYTECODE="1")

    def shell(self, command):
        """Runs it with a password at hand; what it exports stays."""
        line = command + "\nstatus=$?\nenv -0 >environment\nexit $status"
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.variables, input=PASSWORD + "\n", capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode:
            raise Unlike(f"{command}: {done.stderr[-400:]}")
        entries = (self.folder / "environment").read_text().split("\0")
        self.variables = dict(entry.split("=", 1) for entry in entries if "=" in entry)
        return done

    def prepare(self):
        """Does what comes before the start, and puts into the file what it was told for it."""
        for kind, code in commands(self.text):
            if kind == "token":
                self.token = self.shell(code).stdout.strip()
            if kind != "shell":
                continue
            done = self.shell(re.sub(r"=\.\.\.", f"='{PASSWORD}'", code))
            for told in re.findall(r'^salt = ".*"$', done.stderr, re.MULTILINE):
                self.text = re.sub(r'^salt = ".*"$', told, self.text, count=1, flags=re.MULTILINE)
            if code.startswith("wharf keygen") and "router.key" not in code:
                self.text = re.sub(r"^keys = .*$", f'keys = ["{done.stdout.strip()}"]', self.text, count=1, flags=re.MULTILINE)
        asked = re.search(r'^http = "http://127\.0\.0\.1:(\d+)/', self.text, re.MULTILINE)
        if asked:
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                port = str(one.getsockname()[1])
            self.text = self.text.replace(f"127.0.0.1:{asked[1]}/", f"127.0.0.1:{port}/")
            self.moved.append((f".py {asked[1]}", f".py {port}"))
        self.path.write_text(self.text)

    @contextlib.contextmanager
    def router(self):
        """The router of this file, on other addresses."""
        settings = tomllib.loads(self.text)
        sockets, variables = [], dict(self.variables)
        for name, listener in settings["listeners"].items():
            bind = listener["bind"] if isinstance(listener["bind"], str) else listener["bind"][0]
            variable = f"WHARF__LISTENERS__{name.upper()}__BIND"
            if bind.startswith("unix:"):
                path = self.folder / "wharf.sock"
                self.moved.append((bind.removeprefix("unix:"), str(path)))
                variables[variable] = f"unix:{path}"
                continue
            one = socket.socket()
            one.bind(("127.0.0.1", 0))
            sockets.append(one)
            port = one.getsockname()[1]
            self.moved.append(("localhost:" + bind.rsplit(":", 1)[1], f"localhost:{port}"))
            variables[variable] = f"127.0.0.1:{port}"
        if settings.get("node", {}).get("data_dir", "").startswith("/"):
            variables["WHARF__NODE__DATA_DIR"] = str(self.folder / "data")
        for one in sockets:
            one.close()
        with open(self.folder / "log", "w+b") as log:
            process = subprocess.Popen(["wharf", "serve", "--config", self.path], cwd=self.folder, env=variables, stdout=log, stderr=log)
            try:
                self.wait_for(process)
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def wait_for(self, process):
        until = time.monotonic() + PATIENCE_S
        while "wharf is running" not in self.log():
            if process.poll() is not None or time.monotonic() > until:
                raise Unlike("the router does not start: " + self.log()[-600:])
            time.sleep(0.02)

    def here(self, code):
        """With the addresses of this router."""
        for there, here in self.moved:
            code = code.replace(there, here)
        return re.sub(r"\bTOKEN\b", lambda _: self.token, code) if self.token else code

    @contextlib.contextmanager
    def programs(self):
        running = []
        try:
            for kind, code in commands(self.text):
                if kind == "program":
                    words = self.here(code).split()
                    program = subprocess.Popen([self.python, "-W", "ignore", *words[1:]], cwd=ROOT, env=self.variables, stdout=subprocess.PIPE, text=True)
                    running.append(program)
                    if not any(line.strip() == "ready" for line in program.stdout):
                        raise Unlike(f"{code} did not start")
            yield
        finally:
            for program in running:
                program.terminate()
                program.wait(10)

    def client(self, kind, code):
        """As whom the client comes in, or the status that it is answered with."""
        code = self.here(code)
        if kind == "curl":
            status = re.sub(r"^curl ", r"curl -sS -o answer -w '%{http_code}' ", code)
            return int(self.shell(status).stdout)
        if kind == "component":
            command = [self.python, "-W", "ignore", ROOT / "tests/interop/example_client.py"]
        elif self.node_dir:
            command = ["node", "--no-deprecation", pathlib.Path(self.node_dir, "example_client.mjs")]
        else:
            return None
        done = subprocess.run(command, cwd=self.folder, env=self.variables, input=code, capture_output=True, text=True, timeout=PATIENCE_S)
        said = [line for line in done.stdout.splitlines() if line.startswith("in as ")]
        if not said:
            raise Unlike(f"{code} did not log in: {done.stdout[-300:]} {done.stderr[-600:]}")
        return tuple(said[0].removeprefix("in as ").split(" "))


def follow(file, wharf, python, node_dir):
    """How many clients were let in as they should; raises Unlike."""
    if file.name not in EXPECTED:
        raise Unlike("it has no row in EXPECTED of tests/interop/examples.py: say as whom its clients come in")
    clients = [(kind, code) for kind, code in commands(file.read_text()) if kind in CLIENTS]
    if not clients:
        raise Unlike("it names no client: a user would not know how to log in")
    expected = EXPECTED[file.name]
    if len(clients) != len(expected):
        raise Unlike(f"it names {len(clients)} clients, and EXPECTED {len(expected)}")
    with tempfile.TemporaryDirectory() as folder:
        example = Example(file, folder, wharf, python, node_dir)
        example.prepare()
        with example.router(), example.programs():
            for (kind, code), who in zip(clients, expected):
                got = example.client(kind, code)
                # A name that the router has drawn may be any.
                alike = got is None or got == who or (isinstance(who, tuple) and who[0] is None and got[1:] == who[1:])
                if not alike:
                    raise Unlike(f"expected {who}, got {got}, of {code}\n{example.log()[-800:]}")
    return len(clients)


def results(wharf, python, node_dir):
    """A row of the table for each example."""
    rows = []
    for file in sorted(EXAMPLES.glob("*.toml")):
        began = time.monotonic()
        try:
            held, failed, text = follow(file, wharf, python, node_dir), 0, ""
        except (Unlike, subprocess.TimeoutExpired, OSError) as error:
            held, failed, text = 0, 1, str(error)
        rows.append((file.name, "example", "", not failed, f"{held} held, {failed} failed", text, time.monotonic() - began))
    for name in sorted(set(EXPECTED) - {file.name for file in EXAMPLES.glob("*.toml")}):
        rows.append((name, "example", "", False, "0 held, 1 failed", "EXPECTED has a row for it, and there is none", 0.0))
    return rows
