//! Watches the process's memory and says how short it is; at the hard level it has the largest outboxes cut.
//!
//! Resident memory decides the level, since it is what gets a process killed. Source: S3, section 4 of the limits.

use super::Current;
use crate::actors::pressure::{CutLargest, LargestOutbox, Level, Marks, Pressure};
use crate::http::sessions::Owners;
use crate::http::Readiness;
use crate::transport::worker::WorkerActor;
use actix::{Actor, Addr, Context, Handler, Recipient};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(250);

/// How often a session is cut at the hard level.
const RELIEF: Duration = Duration::from_millis(10);

/// How often it is said that there is nothing to cut.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Outboxes up to this size are left alone.
const SPARED: usize = 64 << 10;

/// Watches for ever.
pub(super) async fn watch(current: Rc<Current>, pressure: Pressure, readiness: Readiness, holders: Vec<Holder>) {
    let available = available();
    let mut complained: Option<Instant> = None;
    loop {
        let (limit, marks) = bounds(&current, available);
        let was = pressure.level();
        let used = resident();
        let level = marks.level(was, used, limit);
        pressure.set(level);
        readiness.set_short_of_memory(level == Level::Hard);
        if level != was {
            tracing::warn!(?level, used, limit, "memory");
        }
        if level < Level::Hard {
            tokio::time::sleep(SAMPLE).await;
            continue;
        }
        if !cut_the_largest(&holders).await {
            let now = crate::actors::clock::now();
            if complained.is_none_or(|at| now >= at + COMPLAINT) {
                complained = Some(now);
                tracing::error!(used, limit, "short of memory, and no outbox holds enough to be worth cutting");
            }
            tokio::time::sleep(SAMPLE).await;
        }
        tokio::time::sleep(RELIEF).await;
    }
}

/// The memory that counts, and the shares of it.
fn bounds(current: &Current, available: u64) -> (u64, Marks) {
    let limits = current.limits.borrow();
    let marks = Marks { soft: limits.memory_high_water, hard: limits.memory_critical };
    (limits.memory.unwrap_or(available), marks)
}

/// Those who have sessions: what they are asked, and what they are told.
pub(super) struct Holder {
    largest: Recipient<LargestOutbox>,
    cut: Recipient<CutLargest>,
}

/// All of a node: connections, and streams and webhooks.
pub(super) fn holders(workers: &[Addr<WorkerActor>], callers: &Owners) -> Vec<Holder> {
    workers.iter().map(Holder::new).chain(callers.all().iter().map(Holder::new)).collect()
}

impl Holder {
    fn new<A>(address: &Addr<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<LargestOutbox> + Handler<CutLargest>,
    {
        Self { largest: address.clone().recipient(), cut: address.clone().recipient() }
    }
}

/// Cuts the session with the largest outbox of all holders; false if none is large.
async fn cut_the_largest(holders: &[Holder]) -> bool {
    let mut largest = (SPARED, None);
    for holder in holders {
        let octets = holder.largest.send(LargestOutbox).await.unwrap_or(0);
        if octets > largest.0 {
            largest = (octets, Some(holder));
        }
    }
    match largest.1 {
        Some(holder) => holder.cut.send(CutLargest).await.is_ok(),
        None => false,
    }
}

/// Resident memory of this process, in octets.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// The control group's limit, else half of RAM.
fn available() -> u64 {
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok())
        .find(|limit| *limit < 1 << 60);
    group.unwrap_or_else(|| {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib: u64 = total.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(2 << 20);
        kib * 1024 / 2
    })
}
