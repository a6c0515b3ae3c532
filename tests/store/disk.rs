//! A disk in memory that fails when told to, and whose power can be cut.

#![expect(clippy::disallowed_types, reason = "a backend is used by the threads of redb's readers and of its writer")]

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::RngExt;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use wharf::storage::file::{Files, Place};

/// What happens instead of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Fault {
    /// EIO.
    Broken,
    /// ENOSPC, for what writes.
    Full,
    /// Half of a write is written, then EIO.
    Torn,
    /// A panic.
    Panic,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Broken, Self::Full, Self::Torn, Self::Panic];
}

type Outcome<T> = Result<T, io::Error>;

/// One change of a file.
#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(at, data) => {
                let end = at + data.len();
                to.resize(to.len().max(end), 0);
                to[*at..end].copy_from_slice(data);
            }
            Self::Resize(len) => to.resize(*len, 0),
        }
    }

    /// The sectors of a write, which reach the disk or not, each for itself.
    fn sectors(&self) -> Vec<Self> {
        match self {
            Self::Write(at, data) => {
                let sectors = data.chunks(512).enumerate();
                sectors.map(|(sector, data)| Self::Write(at + sector * 512, data.to_vec())).collect()
            }
            Self::Resize(_) => vec![self.clone()],
        }
    }
}

/// The octets of a file: as they are read, as they were at the last sync, and what was done since.
#[derive(Debug, Default)]
struct Octets {
    now: Vec<u8>,
    synced: Vec<u8>,
    since: Vec<Change>,
}

impl Octets {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.since.push(change);
    }

    fn sync(&mut self) {
        for change in self.since.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    /// What was done since the last sync is kept, dropped, or some of it in any order.
    fn lose_power(&mut self, rng: &mut StdRng) {
        let mut left = std::mem::take(&mut self.since);
        match rng.random_range(0..5) {
            0 => {}
            1 => left.clear(),
            2 => left.retain(|_| rng.random()),
            3 => left.shuffle(rng),
            _ => {
                left = left.iter().flat_map(Change::sectors).collect();
                left.shuffle(rng);
            }
        }
        let until = if rng.random() { left.len() } else { rng.random_range(0..=left.len()) };
        left[..until].iter().for_each(|change| change.apply(&mut self.synced));
        self.now = self.synced.clone();
    }
}

#[derive(Debug, Clone, Default)]
struct Content(Arc<Mutex<Octets>>);

impl Content {
    fn with<T>(&self, then: impl FnOnce(&mut Octets) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Outcome<()> {
        let at = offset as usize;
        self.with(|octets| match octets.now.get(at..at + out.len()) {
            Some(found) => {
                out.copy_from_slice(found);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })
    }
}

/// Octets that outlive the backend that wrote them, and what is to go wrong with them.
#[derive(Debug)]
pub(crate) struct Disk {
    file: Mutex<Content>,
    /// Under its other name.
    new: Mutex<Content>,
    is_there: AtomicBool,
    /// Operations until one fails; below zero: none does.
    left: AtomicI64,
    fault: AtomicU8,
    /// Whether all operations that write fail from now on.
    stays: AtomicBool,
    /// Whether everything fails after the first that does.
    is_power_cut: AtomicBool,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            file: Mutex::default(),
            new: Mutex::default(),
            is_there: AtomicBool::new(false),
            left: AtomicI64::new(-1),
            fault: AtomicU8::new(0),
            stays: AtomicBool::new(false),
            is_power_cut: AtomicBool::new(false),
        })
    }

    /// A disk that has these octets.
    pub(crate) fn with(octets: Vec<u8>) -> Arc<Self> {
        let disk = Self::new();
        disk.content().with(|content| {
            content.synced.clone_from(&octets);
            content.now = octets;
        });
        disk
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        self.content().with(|content| content.now.clone())
    }

    fn content(&self) -> Content {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The `n`th operation from now on fails, once.
    pub(crate) fn fail_nth(&self, n: i64, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
        self.stays.store(false, Ordering::SeqCst);
        self.left.store(n, Ordering::SeqCst);
    }

    /// Everything that writes fails from now on.
    pub(crate) fn fail_writes(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
        self.stays.store(true, Ordering::SeqCst);
    }

    /// The power is cut at the `n`th operation from now on.
    pub(crate) fn cut_power_at(&self, n: i64) {
        self.is_power_cut.store(true, Ordering::SeqCst);
        self.fail_nth(n, Fault::Broken);
    }

    /// The power is back. What the disk has kept of what was not synced depends on the seed.
    pub(crate) fn power_on(&self, rng: &mut StdRng) {
        self.is_power_cut.store(false, Ordering::SeqCst);
        self.heal();
        self.content().with(|octets| octets.lose_power(rng));
    }

    /// All is well again. Gives back whether the fault has happened.
    pub(crate) fn heal(&self) -> bool {
        self.stays.store(false, Ordering::SeqCst);
        self.left.swap(-1, Ordering::SeqCst) <= 0
    }

    /// Made in place.
    pub(crate) fn place(self: &Arc<Self>) -> Place {
        let disk = Arc::clone(self);
        Place::backend(move || Backend(Arc::clone(&disk), disk.content()))
    }

    /// Made under another name, as a file is.
    pub(crate) fn folder(self: &Arc<Self>) -> Place {
        Place::files("in a folder of the test".to_owned(), Folder(Arc::clone(self)))
    }

    fn step(&self, writes: bool) -> Option<Fault> {
        let is_hit = if self.is_power_cut.load(Ordering::SeqCst) {
            self.left.fetch_sub(1, Ordering::SeqCst) <= 1
        } else {
            self.left.load(Ordering::SeqCst) > 0 && self.left.fetch_sub(1, Ordering::SeqCst) == 1
        };
        let fault = Fault::ALL[usize::from(self.fault.load(Ordering::SeqCst))];
        (is_hit || (writes && self.stays.load(Ordering::SeqCst))).then_some(fault)
    }

    fn fails(&self, writes: bool) -> Outcome<()> {
        match self.step(writes) {
            None => Ok(()),
            Some(Fault::Panic) => panic!("as asked"),
            Some(Fault::Full) => Err(io::Error::from_raw_os_error(28)),
            Some(Fault::Broken | Fault::Torn) => Err(io::Error::from_raw_os_error(5)),
        }
    }

    fn is_torn(&self) -> bool {
        self.fault.load(Ordering::SeqCst) == Fault::Torn as u8
    }
}

/// The disk's file and its two names.
struct Folder(Arc<Disk>);

impl Files for Folder {
    type Backend = Backend;

    fn is_there(&self) -> Outcome<bool> {
        self.0.fails(false)?;
        Ok(self.0.is_there.load(Ordering::SeqCst))
    }

    fn make(&self) -> Outcome<Backend> {
        self.0.fails(true)?;
        let new = Content::default();
        *self.0.new.lock().unwrap() = new.clone();
        Ok(Backend(Arc::clone(&self.0), new))
    }

    fn rename(&self) -> Outcome<()> {
        let outcome = self.0.fails(true);
        if outcome.is_ok() || self.0.is_torn() {
            *self.0.file.lock().unwrap() = self.0.new.lock().unwrap().clone();
            self.0.is_there.store(true, Ordering::SeqCst);
        }
        outcome
    }

    fn open(&self) -> Outcome<Backend> {
        self.0.fails(false)?;
        Ok(Backend(Arc::clone(&self.0), self.0.content()))
    }
}

/// One opening of a file.
#[derive(Debug)]
struct Backend(Arc<Disk>, Content);

impl StorageBackend for Backend {
    fn len(&self) -> Outcome<u64> {
        Ok(self.1.with(|octets| octets.now.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.0.fails(false)?;
        self.1.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Outcome<()> {
        self.0.fails(true)?;
        self.1.with(|octets| octets.change(Change::Resize(len as usize)));
        Ok(())
    }

    fn sync_data(&self) -> Outcome<()> {
        self.0.fails(true)?;
        self.1.with(Octets::sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Outcome<()> {
        let outcome = self.0.fails(true);
        let written = match outcome {
            Ok(()) => data,
            Err(_) if self.0.is_torn() => &data[..data.len() / 2],
            Err(_) => return outcome,
        };
        self.1.with(|octets| octets.change(Change::Write(offset as usize, written.to_vec())));
        outcome
    }
}

/// A disk whose syncs wait until they are let through.
#[derive(Debug)]
pub(crate) struct Gate {
    disk: Backend,
    shut: Arc<AtomicBool>,
    reached: Sender<Sender<()>>,
}

impl Gate {
    /// The place, the switch that shuts the gate, and those who wait at it.
    pub(crate) fn place() -> (Place, Arc<AtomicBool>, Receiver<Sender<()>>) {
        let (reached, arrivals) = channel();
        let (disk, shut) = (Disk::new(), Arc::new(AtomicBool::new(false)));
        let switch = Arc::clone(&shut);
        let place = Place::backend(move || {
            let disk = Backend(Arc::clone(&disk), disk.content());
            Gate { disk, shut: Arc::clone(&shut), reached: reached.clone() }
        });
        (place, switch, arrivals)
    }
}

impl StorageBackend for Gate {
    fn len(&self) -> Outcome<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Outcome<()> {
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> Outcome<()> {
        if self.shut.load(Ordering::SeqCst) {
            let (open, opened) = channel();
            self.reached.send(open).unwrap();
            // Opened by a message or by being dropped.
            let _ = opened.recv();
        }
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Outcome<()> {
        self.disk.write(offset, data)
    }
}
