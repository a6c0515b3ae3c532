//! Starts the program in a folder of its own, on free ports, and ends it with the test.

use crate::client::Http;
use crate::wamp::Session;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;

/// What tokens are signed with.
pub(crate) const JWT_KEY: &str = "a secret of more than 32 octets, known to both";

/// What most tests run: a realm for everybody, one behind tickets, one that the main listener does not serve.
pub(crate) const CONFIG: &str = r#"
[listeners.main]
bind = "127.0.0.1:PORT0"
serve = ["websocket", "rest", "metrics", "health"]
realms = ["main", "locked"]
realm = "main"

[listeners.bare]
bind = "127.0.0.1:PORT1"
serve = ["rest"]

[listeners.raw]
bind = "127.0.0.1:PORT2"
serve = ["rawsocket"]

[rest]
call_timeout = "20s"
max_wait = "30s"

[rest.status]
"com.shop.error.sold_out" = 409
"com.shop.error." = 418

[realms.main]
uri = "com.example.main"
strict_request_ids = true

[realms.main.auth]
anonymous = { role = "guest", http = true }

[realms.main.auth.ticket.users.ann]
ticket = { file = "ticket" }
role = "guest"

[realms.main.auth.ticket.users.bob]
ticket = { file = "ticket" }
role = "member"

[realms.main.auth.jwt]
issuer = "https://id.example"
audience = "main"
key = { file = "jwt" }
role_fixed = "member"

[realms.main.roles.guest]
call = ["*", "wamp.*"]
register = ["*"]
publish = ["*"]
subscribe = ["*"]
deny = ["com.secret.*"]

[realms.main.roles.member]
inherit = ["guest"]

[realms.locked]
uri = "com.example.locked"

[realms.locked.auth]
anonymous = { role = "guest" }

[realms.locked.auth.ticket.users.ann]
ticket = { file = "ticket" }
role = "guest"

[realms.locked.roles.guest]
call = ["*"]

[realms.hidden]

[realms.hidden.auth]
anonymous = { role = "guest", http = true }

[realms.hidden.roles.guest]
call = ["*"]
"#;

/// A running router.
pub(crate) struct Router {
    pub(crate) child: Child,
    ports: Vec<u16>,
    folder: tempfile::TempDir,
    log: Receiver<String>,
}

impl Router {
    /// With [`CONFIG`].
    pub(crate) fn start() -> Self {
        Self::with(CONFIG)
    }

    /// With another configuration, in which PORT0 to PORT3 stand for free ports.
    pub(crate) fn with(config: &str) -> Self {
        Self::with_file(config, "unused", "")
    }

    /// The same, with one more file beside it.
    pub(crate) fn with_file(config: &str, name: &str, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Held together, so that they differ.
        let held: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let mut config = config.to_owned();
        for (number, port) in ports.iter().enumerate() {
            config = config.replace(&format!("PORT{number}"), &port.to_string());
        }
        std::fs::write(folder.path().join("wharf.toml"), config).unwrap();
        std::fs::write(folder.path().join("ticket"), "s3cret\n").unwrap();
        std::fs::write(folder.path().join("jwt"), JWT_KEY).unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::write(folder.path().join("whsec"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        drop(held);
        let (child, log) = run(folder.path());
        Self { child, ports, folder, log }
    }

    /// Starts it again in its folder, after it was killed.
    pub(crate) fn kill_and_start(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.log) = run(self.folder.path());
    }

    /// Where it runs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops it, and gives all that it has written to its log since it ran.
    pub(crate) fn log_to_the_end(&mut self) -> String {
        self.terminate();
        self.child.wait().unwrap();
        self.log.iter().map(|line| format!("{line}\n")).collect()
    }

    pub(crate) fn port(&self, number: usize) -> u16 {
        self.ports[number]
    }

    /// A connection to the main listener.
    pub(crate) fn http(&self) -> Http {
        Http::connect(self.port(0))
    }

    /// A session of the main realm.
    pub(crate) fn session(&self) -> Session {
        Session::join(self.port(2), "com.example.main")
    }

    /// Has it read its file again.
    pub(crate) fn reload(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    /// Waits for a line of the log that holds this.
    pub(crate) fn await_log(&self, text: &str) {
        let lines = std::iter::from_fn(|| self.log.recv_timeout(std::time::Duration::from_secs(30)).ok());
        assert!(lines.into_iter().any(|line| line.contains(text)), "the log does not say {text}");
    }

    /// Stops it in order, and starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.terminate();
        assert!(self.child.wait().unwrap().success());
        (self.child, self.log) = run(self.folder.path());
    }

    /// Asks it to stop in order.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
}

/// Runs the program in a folder until its sockets are open; gives what it writes to its log from then on.
fn run(folder: &Path) -> (Child, Receiver<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wharf"))
        .current_dir(folder)
        .env_clear()
        // Of scripts/break-features.py.
        .envs(std::env::var_os("WHARF_BREAK").map(|number| ("WHARF_BREAK", number)))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The sockets are open when this line is written.
    let mut log = String::new();
    loop {
        let Some(Ok(line)) = lines.next() else { panic!("the router did not start:\n{log}") };
        if line.contains("wharf is running") {
            break;
        }
        log.push_str(&line);
        log.push('\n');
    }
    let (sender, log) = std::sync::mpsc::channel();
    // Whoever does not look has gone.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    (child, log)
}

impl Drop for Router {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
