//! A disk in memory that fails when told to.

use redb::backends::InMemoryBackend;
use redb::StorageBackend;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use wharf::storage::file::Place;

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

/// Octets that outlive the backend that wrote them, and what is to go wrong with them.
#[derive(Debug)]
pub(crate) struct Disk {
    octets: InMemoryBackend,
    /// Operations until one fails; below zero: none does.
    left: AtomicI64,
    fault: AtomicU8,
    /// Whether all operations that write fail after the first.
    stays: AtomicBool,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            octets: InMemoryBackend::new(),
            left: AtomicI64::new(-1),
            fault: AtomicU8::new(0),
            stays: AtomicBool::new(false),
        })
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

    /// All is well again. Gives back whether the fault has happened.
    pub(crate) fn heal(&self) -> bool {
        self.stays.store(false, Ordering::SeqCst);
        self.left.swap(-1, Ordering::SeqCst) <= 0
    }

    pub(crate) fn place(self: &Arc<Self>) -> Place {
        let disk = Arc::clone(self);
        Place::backend(move || Backend(Arc::clone(&disk)))
    }

    fn step(&self, writes: bool) -> Option<Fault> {
        let is_hit = self.left.load(Ordering::SeqCst) > 0 && self.left.fetch_sub(1, Ordering::SeqCst) == 1;
        let fault = Fault::ALL[usize::from(self.fault.load(Ordering::SeqCst))];
        (is_hit || (writes && self.stays.load(Ordering::SeqCst))).then_some(fault)
    }

    fn fails(&self, writes: bool) -> Result<(), io::Error> {
        match self.step(writes) {
            None => Ok(()),
            Some(Fault::Panic) => panic!("as asked"),
            Some(Fault::Full) => Err(io::Error::from_raw_os_error(28)),
            Some(Fault::Broken | Fault::Torn) => Err(io::Error::from_raw_os_error(5)),
        }
    }
}

/// One opening of the disk.
#[derive(Debug)]
struct Backend(Arc<Disk>);

type Outcome<T> = Result<T, io::Error>;

impl StorageBackend for Backend {
    fn len(&self) -> Outcome<u64> {
        self.0.octets.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.0.fails(false)?;
        self.0.octets.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Outcome<()> {
        self.0.fails(true)?;
        self.0.octets.set_len(len)
    }

    fn sync_data(&self) -> Outcome<()> {
        self.0.fails(true)?;
        self.0.octets.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Outcome<()> {
        if let Err(error) = self.0.fails(true) {
            if self.0.fault.load(Ordering::SeqCst) == Fault::Torn as u8 {
                self.0.octets.write(offset, &data[..data.len() / 2])?;
            }
            return Err(error);
        }
        self.0.octets.write(offset, data)
    }
}

/// A disk whose syncs wait until they are let through.
#[derive(Debug)]
pub(crate) struct Gate {
    disk: Arc<Disk>,
    shut: Arc<AtomicBool>,
    reached: Sender<Sender<()>>,
}

impl Gate {
    /// The place, the switch that shuts the gate, and those who wait at it.
    pub(crate) fn place() -> (Place, Arc<AtomicBool>, Receiver<Sender<()>>) {
        let (reached, arrivals) = channel();
        let (disk, shut) = (Disk::new(), Arc::new(AtomicBool::new(false)));
        let switch = Arc::clone(&shut);
        let place =
            Place::backend(move || Gate { disk: Arc::clone(&disk), shut: Arc::clone(&shut), reached: reached.clone() });
        (place, switch, arrivals)
    }
}

impl StorageBackend for Gate {
    fn len(&self) -> Outcome<u64> {
        self.disk.octets.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Outcome<()> {
        self.disk.octets.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Outcome<()> {
        self.disk.octets.set_len(len)
    }

    fn sync_data(&self) -> Outcome<()> {
        if self.shut.load(Ordering::SeqCst) {
            let (open, opened) = channel();
            self.reached.send(open).unwrap();
            // Opened by a message or by being dropped.
            let _ = opened.recv();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Outcome<()> {
        self.disk.octets.write(offset, data)
    }
}
