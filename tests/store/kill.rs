//! The process dies, or may write no more: this binary runs itself again as the one to which it happens.

use crate::realm::*;
use crate::support::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wharf::routing::Query;
use wharf::storage::Answer;
use wharf::wamp::MatchPolicy;

pub(crate) const PATH: &str = "WHARF_TEST_STORE";
pub(crate) const FIRST: &str = "WHARF_TEST_FIRST";

pub(crate) fn run_again(test: &str, path: &Path, first: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]);
    command.env(PATH, path).env(FIRST, first.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// The one that is killed: appends as fast as it may, and says what was answered.
#[test]
fn child_appends_until_it_is_killed() {
    let (Ok(path), Ok(first)) = (std::env::var(PATH), std::env::var(FIRST)) else { return };
    let storage = file(Path::new(&path));
    let (sender, answers) = channel();
    let handle = storage.attach(REALM, 1 << 30, Arc::new(move |answers| drop(sender.send(answers))));
    let mut next: u64 = first.parse().unwrap();
    let mut out = std::io::stdout();
    loop {
        let orders = (0..20).map(|place| order(event(next + place, "com.a"), DURABLE, true)).collect();
        handle.submit(orders);
        next += 20;
        // Up to some hundred are under way.
        let batches: Vec<Vec<Answer>> = match next % 200 {
            0 => vec![answers.recv().unwrap()],
            _ => answers.try_iter().collect(),
        };
        for answer in batches.into_iter().flatten() {
            let Answer::Kept { waiting, outcome: Ok(()) } = answer else { continue };
            writeln!(out, "kept {}", waiting.publication).unwrap();
        }
        out.flush().unwrap();
    }
}

/// What a child said before it died. A last line without an end was not said.
pub(crate) fn said(child: &mut Child, then: impl FnOnce(&mut Child) + Send) -> Vec<u64> {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut numbers = Vec::new();
    let mut line = String::new();
    let mut then = Some(then);
    while lines.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        // libtest writes its own words before the first.
        if let Some((_, number)) = line.trim_end().rsplit_once("kept ") {
            numbers.push(number.parse().unwrap());
            if let Some(then) = then.take() {
                then(child);
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    numbers
}

/// Everything in the file, page by page.
fn everything(path: &Path) -> Vec<u64> {
    let began = Instant::now();
    let storage = file(path);
    assert!(began.elapsed() < Duration::from_secs(5), "the file opens at once after a kill");
    let mut realm = Realm::of(&storage, REALM);
    let (mut all, mut after_publication) = (Vec::new(), None);
    loop {
        let page = realm.ask(Query { after_publication, ..query(MatchPolicy::Exact, "com.a") });
        let Some(last) = page.last() else { return all };
        after_publication = Some(id(*last));
        all.extend(page);
    }
}

/// G7: nothing that was acknowledged is missing after kill -9, and nothing is out of order.
#[test]
fn nothing_acknowledged_is_missing_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut rng = StdRng::seed_from_u64(std::process::id().into());
    for round in 0..20_u64 {
        let mut child =
            run_again("kill::child_appends_until_it_is_killed", &path, round * 1_000_000 + 20).spawn().unwrap();
        let pause = Duration::from_millis(rng.random_range(0..100));
        let acknowledged = said(&mut child, move |child| {
            // Not waiting for anything: the kill comes at a random moment.
            std::thread::sleep(pause);
            child.kill().unwrap();
        });
        let kept = everything(&path);
        assert!(kept.is_sorted(), "round {round}");
        for number in &acknowledged {
            assert!(kept.binary_search(number).is_ok(), "round {round}: {number} was acknowledged");
        }
        assert!(!acknowledged.is_empty());
    }
}

/// The one whose files may not grow: says what was kept, then has its limit lifted, and says so again.
#[test]
fn child_fills_its_disk() {
    let Ok(path) = std::env::var(PATH) else { return };
    let storage = file(Path::new(&path));
    let mut realm = Realm::of(&storage, REALM);
    let mut publish = |number: u64| {
        let large = wharf::routing::KeptEvent { payload: payload(10_000), ..event(number, "com.a") };
        realm.handle.submit(vec![order(large, DURABLE, true)]);
        let (_, outcome) = realm.kept();
        if outcome.is_ok() {
            writeln!(std::io::stdout(), "kept {number}").unwrap();
        }
        outcome
    };
    let full = (1..5000).find(|number| publish(*number).is_err()).expect("the limit is reached");
    assert!(!storage.figures().is_writable);
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE).unwrap();
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_FSIZE, hard, hard).unwrap();
    let again = (full + 1..).find(|number| publish(*number).is_ok()).unwrap();
    assert!(storage.figures().is_writable && again > full);
}

/// Z5: ERROR, read-only, and recovery when there is room again, with a limit of the system's.
#[test]
fn a_full_disk_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let inner = run_again("kill::child_fills_its_disk", &path, 0);
    let mut shell = Command::new("sh");
    // The signal of the limit would end the process; ignored, the write fails instead.
    shell.args(["-c", "trap '' XFSZ; ulimit -S -f 16384; exec \"$0\" \"$@\""]);
    shell.arg(inner.get_program()).args(inner.get_args());
    shell.env(PATH, &path).env(FIRST, "0").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = shell.spawn().unwrap();
    let acknowledged = said(&mut child, |_| {});
    assert!(child.wait().unwrap().success(), "the child got through");
    assert_eq!(everything(&path), acknowledged);
}
