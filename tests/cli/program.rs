//! Runs the program as a client: to its end, or in the background until a line is there.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

/// Longer than anything takes that happens at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a client is run with.
#[derive(Clone)]
pub(crate) struct Client {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// How a client ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// It is all well; gives what was printed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// It failed with this code; gives what was told.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.err
    }

    /// The JSON that was printed.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl Client {
    /// With a home of its own in the folder.
    pub(crate) fn at(folder: &Path, url: &str) -> Self {
        let home = folder.to_string_lossy().into_owned();
        let variables = vec![("WHARF_URL".to_owned(), url.to_owned()), ("HOME".to_owned(), home)];
        Self { folder: folder.to_owned(), variables }
    }

    /// With one more variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command, as far as it is the same for all.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, program: &str, arguments: &[A]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .envs(std::env::var_os("WHARF_BREAK").map(|number| ("WHARF_BREAK", number)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(env!("CARGO_BIN_EXE_wharf"), arguments).output().unwrap())
    }

    /// With a text on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.command(env!("CARGO_BIN_EXE_wharf"), arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        ended(child.wait_with_output().unwrap())
    }

    /// In the background.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Running {
        Running::of(self.command(env!("CARGO_BIN_EXE_wharf"), arguments).spawn().unwrap())
    }

    /// In the background; the first line on standard error must be this.
    #[track_caller]
    pub(crate) fn spawn(&self, arguments: &[&str], ready: &str) -> Running {
        let running = self.begin(arguments);
        assert_eq!(running.err_line(), ready);
        running
    }
}

fn ended(output: std::process::Output) -> Ended {
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A client in the background. It ends with the test.
pub(crate) struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    pub(crate) fn of(mut child: Child) -> Self {
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, out, err }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub(crate) fn err_line(&self) -> String {
        self.err.recv_timeout(PATIENCE).unwrap()
    }

    /// The next line on standard output.
    #[track_caller]
    pub(crate) fn out_line(&self) -> String {
        self.out.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end: the code, and what it printed that was not read.
    pub(crate) fn end(mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        let rest = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect();
        Ended { code, out: rest(&self.out), err: rest(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    // Whoever does not look has gone.
    std::thread::spawn(move || {
        BufReader::new(from).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
    });
    receiver
}
