//! What the logins of a node share: the secret that decoys are made from, and the threads for proofs that are costly to check.
//!
//! Two threads, and at most 64 proofs that wait for them (A2): one more is refused before anything is computed. Each thread
//! has a queue of its own, as all state here has one owner. They begin with the first proof and end with the last handle.

use super::clock;
use crate::auth::once::{self, TicketKey, Tickets, TooMany, Vouched};
use crate::auth::{
    Admission, Attempt, ConnectRate, Connects, CookieKey, Cookies, Denied, Entrant, Guess, NodeSecret, Remembered,
    Secret, Throttle, ThrottleSettings, Verdict, Work,
};
use crate::observe::{shown, Restraint};
use crate::outward::Outward;
use crate::wamp::{ErrorUri, Uri};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender, TrySendError};
#[expect(
    clippy::disallowed_types,
    reason = "one for all threads, or a guesser would have as many tries as there are threads"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

const THREADS: usize = 2;
const WAITING_MAX: usize = 64;

/// A2.
const BUSY: &str = "too many logins are being checked: come back later";

/// What is done with a verdict, on the thread that found it.
type Answer = Box<dyn FnOnce(Result<Admission, Denied>) + Send>;

type Job = Box<(Work, Answer)>;

/// What the logins of a node share. Cheap to clone.
#[derive(Clone)]
pub struct Logins {
    secret: NodeSecret,
    pool: Arc<OnceLock<Pool>>,
    /// Locked for a look-up, twice in a login.
    #[expect(clippy::disallowed_types, reason = "as above")]
    throttle: Arc<Mutex<Throttle>>,
    /// Locked for a look-up, once in a login of a role that has such a rate.
    #[expect(clippy::disallowed_types, reason = "as above")]
    connects: Arc<Mutex<Connects>>,
    /// Lines of the log about logins that failed.
    #[expect(clippy::disallowed_types, reason = "as above")]
    lines: Arc<Mutex<Restraint>>,
    /// What is asked over HTTP.
    outward: Outward,
    /// By realm. Locked for a look-up or two in a login of a browser.
    #[expect(clippy::disallowed_types, reason = "as above")]
    cookies: Arc<Mutex<BTreeMap<String, Cookies>>>,
    /// One-time tickets. Locked for a look-up, when one is given and when one is used.
    #[expect(clippy::disallowed_types, reason = "as above")]
    tickets: Arc<Mutex<Tickets>>,
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logins")
    }
}

/// A login that failed. What it was tried with is nobody's to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'a> {
    pub(crate) realm: &'a str,
    pub(crate) authid: &'a str,
    /// The method, or those that the client has named.
    pub(crate) method: &'a str,
    /// `None`: a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) reason: &'a str,
}

/// As many proofs wait as may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

impl Logins {
    /// With this secret of the node's: 32 octets that nobody can guess.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret: NodeSecret::new(secret),
            pool: Arc::default(),
            throttle: Arc::default(),
            connects: Arc::default(),
            lines: Arc::default(),
            outward: Outward::default(),
            cookies: Arc::default(),
            tickets: Arc::default(),
        }
    }

    pub(crate) fn node_secret(&self) -> &NodeSecret {
        &self.secret
    }

    /// Whether a proof may be looked at (A2); `None`: too many were wrong.
    pub(crate) fn attempt(&self, settings: ThrottleSettings, guess: &Guess<'_>) -> Option<Attempt> {
        self.throttle().begin(settings, guess, clock::now())
    }

    /// It was wrong. How long the answer is to be held back.
    pub(crate) fn failed(&self, attempt: Attempt) -> Duration {
        self.throttle().failed(attempt, clock::now())
    }

    /// Counts one who has proven to be of this role of a realm.
    ///
    /// # Errors
    /// How long to wait: there are too many.
    pub(crate) fn admit(&self, rate: ConnectRate, role: (&str, &str), who: Entrant<'_>) -> Result<(), Duration> {
        self.connects.lock().unwrap_or_else(PoisonError::into_inner).admit(rate, role, who, clock::now())
    }

    /// One line of the log about a login that failed, with restraint.
    pub(crate) fn tell(&self, failed: &Failed<'_>) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(suppressed) = lines.allow(clock::now()) else { return };
        drop(lines);
        let peer = failed.peer.map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
        let (realm, authid, method) = (shown(failed.realm), shown(failed.authid), shown(failed.method));
        tracing::info!(%realm, %authid, %method, %peer, reason = failed.reason, suppressed, "login failed");
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A browser that has shown one value was given another.
    pub(crate) fn renew_cookie(&self, shown: &CookieKey, fresh: CookieKey) {
        self.cookies().values_mut().for_each(|cookies| cookies.renew(shown, fresh, clock::now()));
    }

    /// Who has proven himself in the browser that has this value.
    pub(crate) fn remembered(&self, realm: &str, shown: &CookieKey) -> Option<Remembered> {
        self.cookies().get(realm)?.find(shown, clock::now()).cloned()
    }

    /// Somebody has proven himself in the browser that was given this value with its connection.
    pub(crate) fn remember(&self, realm: &str, fresh: CookieKey, who: Remembered, max_age: Duration) {
        let now = clock::now();
        self.cookies().entry(realm.to_owned()).or_default().remember(fresh, who, now + max_age, now);
    }

    /// The browser that has this value has logged out.
    pub(crate) fn forget_cookie(&self, realm: &str, value: &CookieKey) {
        if let Some(cookies) = self.cookies().get_mut(realm) {
            cookies.forget(value);
        }
    }

    fn cookies(&self) -> MutexGuard<'_, BTreeMap<String, Cookies>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh one-time ticket.
    ///
    /// # Errors
    /// There are too many that nobody has used.
    pub(crate) fn give_ticket(&self, vouched: Vouched) -> Result<Secret, TooMany> {
        let ticket = once::new_ticket(&Zeroizing::new(rand::random()));
        self.tickets().keep(TicketKey::of(ticket.expose()), vouched, clock::now())?;
        Ok(ticket)
    }

    /// Uses a one-time ticket up. `None`: it is unknown, was used, or has expired.
    pub(crate) fn take_ticket(&self, ticket: &str) -> Option<Vouched> {
        self.tickets().take(&TicketKey::of(ticket), clock::now())
    }

    /// None of the one-time tickets of this name is good any more.
    pub(crate) fn forget_tickets(&self, realm: &Uri, authid: &Arc<str>) {
        self.tickets().forget(realm, authid);
    }

    fn tickets(&self) -> MutexGuard<'_, Tickets> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to what is asked over HTTP.
    pub(crate) fn outward(&self) -> &Outward {
        &self.outward
    }

    /// Has `work` done and `answer` called with what it came to; where it needs keys that are not there, when those were fetched.
    ///
    /// # Errors
    /// [`Busy`]: neither happens.
    pub fn prove(&self, work: Work, answer: Answer) -> Result<(), Busy> {
        let Some(address) = work.awaits().cloned() else {
            return self.pool.get_or_init(Pool::start).take(Box::new((work, answer))).map_err(|_| Busy);
        };
        let pool = Arc::clone(&self.pool);
        self.outward.fresh_keys(&address, move || match work.go_on() {
            Verdict::Now(decided) => answer(decided),
            Verdict::Later(work) => {
                if let Err(job) = pool.get_or_init(Pool::start).take(Box::new((work, answer))) {
                    (job.1)(Err(Denied::new(ErrorUri::BUSY, BUSY)));
                }
            }
            // Whoever is asked about a ticket is asked before it comes to this.
            Verdict::Ask(_) => answer(Err(Denied::wrong())),
        });
        Ok(())
    }
}

struct Pool {
    queues: [SyncSender<Job>; THREADS],
    next: AtomicUsize,
}

impl Pool {
    fn start() -> Self {
        let queues = std::array::from_fn(|number| {
            let (queue, jobs) = sync_channel(WAITING_MAX / THREADS);
            let thread = std::thread::Builder::new().name(format!("proofs-{number}"));
            // Without a thread its queue is closed, and everybody goes to the other one.
            if let Err(error) = thread.spawn(move || serve(&jobs)) {
                tracing::error!(%error, "no thread for checking proofs");
            }
            queue
        });
        Self { queues, next: AtomicUsize::new(0) }
    }

    /// Puts the job into the next queue in turn, or where that is full into another.
    fn take(&self, mut job: Job) -> Result<(), Job> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for number in 0..THREADS {
            let queue = &self.queues[first.wrapping_add(number) % THREADS];
            job = match queue.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job,
            };
        }
        Err(job)
    }
}

fn serve(jobs: &Receiver<Job>) {
    give_way();
    while let Ok(job) = jobs.recv() {
        let (work, answer) = *job;
        // A panic must not take the thread away from those who come after.
        if catch_unwind(AssertUnwindSafe(|| answer(work.run()))).is_err() {
            tracing::error!("a proof could not be checked");
        }
    }
}

/// Lets this thread run where no other of the process wants to.
#[cfg(target_os = "linux")]
fn give_way() {
    const LEAST: i32 = 19;
    // Here a process id of none means this thread alone.
    if let Err(error) = rustix::process::setpriority_process(None, LEAST) {
        tracing::warn!(%error, "proofs are checked at the same priority as messages are routed");
    }
}

/// Elsewhere the priority is the whole process's.
#[cfg(not(target_os = "linux"))]
fn give_way() {}
