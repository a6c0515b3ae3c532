//! Starts the program in a folder of its own, on ports that the kernel chooses, and ends it with the test.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::websocket_peer::WebSocketPeer;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Nothing in these tests takes longer, unless something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How often something is looked at that tells nobody of its changes.
pub(crate) const LOOK: Duration = Duration::from_millis(2);

/// One listener for everything, one for RawSocket alone; everybody may do everything.
pub(crate) const CONFIG: &str = r#"
[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "rawsocket", "metrics", "health"]

[listeners.raw]
bind = "127.0.0.1:0"
serve = ["rawsocket"]

[realms.realm1.auth]
anonymous = { role = "guest" }

[realms.realm1.auth.ticket.users.joe]
ticket = { file = "ticket" }
role = "guest"

[realms.realm1.roles.guest]
call = ["*", "wamp.*"]
register = ["*"]
publish = ["*"]
subscribe = ["*"]
"#;

/// A running router.
pub(crate) struct Router {
    child: Child,
    ports: BTreeMap<String, u16>,
    log: Log,
    folder: tempfile::TempDir,
}

/// What the program writes to standard error.
struct Log {
    lines: RefCell<Vec<String>>,
    incoming: Receiver<String>,
}

impl Log {
    /// Waits for one more line: `None` when the program has ended, or nothing came for too long.
    fn more(&self, until: Instant) -> Option<()> {
        let line = self.incoming.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
        self.lines.borrow_mut().push(line);
        Some(())
    }

    fn text(&self) -> String {
        self.lines.borrow_mut().extend(self.incoming.try_iter());
        self.lines.borrow().join("\n")
    }
}

impl Router {
    /// With [`CONFIG`].
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With [`CONFIG`] and more keys, each as in `listeners.main.ping_interval=1s`.
    pub(crate) fn with(sets: &[&str]) -> Self {
        Self::of(CONFIG, sets)
    }

    /// With another configuration.
    pub(crate) fn of(config: &str, sets: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::in_folder(folder, config, sets, &mut Command::new(env!("CARGO_BIN_EXE_wharf")))
    }

    /// With [`CONFIG`], by a command that ends in starting the program, and with what is in `folder` already.
    pub(crate) fn in_folder(folder: tempfile::TempDir, config: &str, sets: &[&str], command: &mut Command) -> Self {
        std::fs::write(folder.path().join("wharf.toml"), config).unwrap();
        let ticket = folder.path().join("ticket");
        std::fs::write(&ticket, "s3cret\n").unwrap();
        std::fs::set_permissions(&ticket, Permissions::from_mode(0o600)).unwrap();
        command.arg("serve").current_dir(folder.path()).env_clear().stdin(Stdio::null()).stderr(Stdio::piped());
        // Of scripts/break-features.py.
        command.envs(std::env::var_os("WHARF_BREAK").map(|number| ("WHARF_BREAK", number)));
        for set in sets {
            command.args(["--set", set]);
        }
        let mut child = command.spawn().unwrap();
        let (line, incoming) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        let log = Log { lines: RefCell::default(), incoming };
        let mut router = Self { child, ports: BTreeMap::new(), log, folder };
        // The sockets are open when this line is written.
        let line = router.log_line("wharf is running");
        let words: Vec<&str> = line.split(' ').collect();
        for pair in words.windows(2) {
            if let Some(port) = pair[1].strip_prefix("127.0.0.1:") {
                // What stands before the first name differs between the formats of the log.
                let name = pair[0].rsplit(|letter: char| !letter.is_alphanumeric()).next().unwrap();
                let port = port.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                router.ports.insert(name.to_owned(), port.parse().unwrap());
            }
        }
        router
    }

    pub(crate) fn port(&self, listener: &str) -> u16 {
        self.ports[listener]
    }

    /// Where everything is served.
    pub(crate) fn main(&self) -> u16 {
        self.port("main")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A WebSocket session in JSON.
    pub(crate) fn session(&self) -> WebSocketPeer {
        WebSocketPeer::join(self.main(), "wamp.2.json")
    }

    /// A RawSocket session in JSON that takes messages of any size.
    pub(crate) fn raw_session(&self) -> RawSocketPeer {
        RawSocketPeer::join(self.main(), 0xF)
    }

    /// Waits for a line of the log with this text.
    pub(crate) fn log_line(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.log.lines.borrow().iter().find(|line| line.contains(text)).cloned();
            if let Some(line) = found {
                return line;
            }
            assert!(self.log.more(until).is_some(), "no {text:?} in the log:\n{}", self.log());
        }
    }

    /// All that the log has so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// The value of a metric, as in `wharf_refused_total{reason="origin"}`. A full router is waited for.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut page = None;
        self.wait_for("a place for a look at the metrics", |router| {
            page = http::try_get(router.main(), "/metrics");
            page.is_some()
        });
        let (status, body) = page.unwrap();
        assert_eq!(status, 200);
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse::<f64>().unwrap() as u64)
    }

    /// How often something was refused for this reason.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("wharf_refused_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until something holds.
    pub(crate) fn wait_for(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < until, "never: {what}");
            std::thread::park_timeout(LOOK);
        }
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// By how much each of its threads gives way to the others: 19 at most.
    pub(crate) fn niceness(&self) -> Vec<(String, i32)> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            // The name is in parentheses and may have spaces; what is meant is the seventeenth field behind it.
            let (name, fields) = stat.rsplit_once(") ").unwrap();
            let name = name.split_once('(').unwrap().1.to_owned();
            (name, fields.split(' ').nth(16).unwrap().parse().unwrap())
        };
        tasks.map(of).collect()
    }

    /// Asks it to stop in order.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal, as `kill` names it.
    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        while self.log.more(until).is_some() {}
        assert!(Instant::now() < until, "the router does not end:\n{}", self.log());
        self.child.wait().unwrap()
    }

    /// Kills it, and gives back its folder.
    pub(crate) fn killed(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the router's log:\n{}", self.log());
        }
    }
}

/// Exit code, standard output and standard error of a program that is to end by itself.
pub(crate) fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let command = command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut results, mut notes) = (String::new(), String::new());
        let _cut = stderr.read_to_string(&mut notes);
        let _cut = stdout.read_to_string(&mut results);
        said.send((results, notes))
    });
    let Ok((stdout, stderr)) = heard.recv_timeout(PATIENCE) else {
        child.kill().unwrap();
        panic!("it runs on: {:?}", child.wait());
    };
    (child.wait().unwrap().code(), stdout, stderr)
}
