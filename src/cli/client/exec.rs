//! `--exec CMD`: a command of the shell for each event or invocation, with bounds on its time and its output.
//!
//! `{"args", "kwargs", "details"}` on its standard input, the result as JSON from its standard output. It runs in a process
//! group of its own, which ends with it: nothing that it started is left behind.

use super::arguments::{json, payload_of};
use crate::wamp::{Payload, Value};
use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Octets of standard output that are taken.
const OUT_MAX: u64 = 1 << 20;
/// Octets of standard error that are taken.
const ERR_MAX: u64 = 4 << 10;

/// Runs the command with this input: the JSON that it writes, as a value; null where it writes nothing.
///
/// # Errors
/// What is to be told as ERROR `wharf.error.exec`: it exits with another status than 0, takes too long, writes too much,
/// or writes no JSON.
pub(in crate::cli) async fn run(command: &str, input: String, time: Duration) -> Result<Value, String> {
    let child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("the command cannot be started: {error}"))?;
    let mut group = Group::of(child);
    match tokio::time::timeout(time, group.finish(input)).await {
        Ok(done) => done,
        Err(_) => Err(format!("the command took longer than {} s", time.as_secs_f64())),
    }
}

/// What a command wrote, as the arguments of a YIELD: a dict with args or kwargs alone is both, anything else the only one.
pub(in crate::cli) fn payload(value: Value) -> Payload {
    if value == Value::Null {
        return Payload::Empty;
    }
    let members = value.as_dict().unwrap_or_default();
    let is_whole = !members.is_empty() && members.iter().all(|(name, _)| name == "args" || name == "kwargs");
    match is_whole.then(|| payload_of(value.clone())) {
        Some(Ok(payload)) => payload,
        Some(Err(_)) | None => Payload::args(vec![value]),
    }
}

/// A child with all that it starts.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { child, leader }
    }

    async fn finish(&mut self, input: String) -> Result<Value, String> {
        let (stdin, stdout, stderr) = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command that does not read its input is no fault.
                let _unread = stdin.write_all(input.as_bytes()).await;
            }
        };
        let out = async {
            let (out, is_too_long) = taken(stdout, OUT_MAX).await;
            // Whoever has written too much is not waited for: it may stand before a full pipe for ever.
            if is_too_long {
                Err(format!("the command wrote more than {OUT_MAX} octets"))
            } else {
                Ok(out)
            }
        };
        let rest = async { Ok(tokio::join!(told(stderr), feed).0) };
        let status = async {
            let status = self.child.wait().await.map_err(|error| error.to_string());
            // What it has left behind would hold its pipes open, and the answer up.
            end(self.leader.take());
            status
        };
        let (out, err, status) = tokio::try_join!(out, rest, status)?;
        if !status.success() {
            let said = String::from_utf8_lossy(&err);
            let said = said.trim();
            return Err(if said.is_empty() { format!("the command ended with {status}") } else { said.to_owned() });
        }
        let text = String::from_utf8(out).map_err(|_| "the command wrote no UTF-8".to_owned())?;
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        json(&text).map_err(|_| "the command wrote no JSON".to_owned())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        end(self.leader);
    }
}

/// Ends a group.
fn end(leader: Option<Pid>) {
    if let Some(leader) = leader {
        // The group is gone where all of it has ended.
        let _gone = killpg(leader, Signal::SIGKILL);
    }
}

/// What is told of standard error: its beginning. The rest is read, too, so that no command ends because it says much.
async fn told(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut from) = from else { return Vec::new() };
    let (octets, _) = taken(Some(&mut from), ERR_MAX).await;
    // What cannot be read has ended.
    let _ended = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    octets
}

/// At most so many octets, and whether there were more.
async fn taken(from: Option<impl AsyncRead + Unpin>, max: u64) -> (Vec<u8>, bool) {
    let mut octets = Vec::new();
    if let Some(from) = from {
        // What cannot be read has ended.
        let _ended = from.take(max + 1).read_to_end(&mut octets).await;
    }
    let more = octets.len() as u64 > max;
    octets.truncate(usize::try_from(max).unwrap_or(usize::MAX));
    (octets, more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsRawFd;

    fn done(command: &str, input: &str) -> Result<Value, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(command, input.to_owned(), Duration::from_secs(20)))
    }

    #[test]
    fn what_the_command_writes_is_the_result() {
        assert_eq!(done("cat", "[1,2]").unwrap(), Value::List(vec![1_u64.into(), 2_u64.into()]));
        assert_eq!(done("true", "1").unwrap(), Value::Null);
    }

    #[test]
    fn a_command_that_fails_is_told_by_its_standard_error() {
        assert_eq!(done("echo sold out >&2; exit 3", "1").unwrap_err(), "sold out");
        assert_eq!(done("exit 3", "1").unwrap_err(), "the command ended with exit status: 3");
        assert!(done("echo no json", "1").unwrap_err().starts_with("the command wrote no JSON"));
    }

    #[test]
    fn a_command_that_never_reads_gets_big_input_and_is_no_fault() {
        assert_eq!(done("echo 7", &"x".repeat(4 << 20)).unwrap(), 7_u64.into());
    }

    #[test]
    fn output_and_time_are_bounded_and_what_was_started_ends_with_it() {
        assert_eq!(done("head -c 3000000 /dev/zero", "1").unwrap_err(), "the command wrote more than 1048576 octets");
        let (told, late) = outlived("sleep 1000 & wait", Duration::from_millis(500));
        assert_eq!(late.unwrap_err(), "the command took longer than 0.5 s");
        assert_eq!(told, "begun\n");
    }

    #[test]
    fn a_command_that_has_ended_is_not_waited_for_because_of_what_it_left_behind() {
        let (told, done) = outlived("sleep 1000 & echo 7", Duration::from_secs(20));
        assert_eq!(done.unwrap(), 7_u64.into());
        assert_eq!(told, "begun\n");
    }

    #[test]
    fn a_command_may_say_much_on_standard_error_and_its_beginning_is_told() {
        assert_eq!(done("head -c 3000000 /dev/zero >&2; echo 7", "1").unwrap(), 7_u64.into());
        assert_eq!(done("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1", "1").unwrap_err(), "x".repeat(4096));
    }

    /// Runs a command that holds the other end of a pipe, and what comes out of it until nobody holds it any more: all that
    /// was started has ended.
    fn outlived(command: &str, time: Duration) -> (String, Result<Value, String>) {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let held = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = runtime.block_on(run(&format!("exec 9>{held}; echo begun >&9; {command}"), String::new(), time));
        drop(writer);
        let mut told = String::new();
        reader.read_to_string(&mut told).unwrap();
        (told, done)
    }

    #[test]
    fn a_dict_of_args_and_kwargs_is_both() {
        assert_eq!(payload(json(r#"{"args":[1]}"#).unwrap()), Payload::args(vec![1_u64.into()]));
        assert_eq!(
            payload(json(r#"{"args":[1],"x":2}"#).unwrap()),
            Payload::args(vec![json(r#"{"args":[1],"x":2}"#).unwrap()])
        );
        assert_eq!(payload(Value::Null), Payload::Empty);
    }
}
