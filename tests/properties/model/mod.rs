//! The naive realm: lists and linear search, written from the protocol's text. It knows no index, no key and no time but a
//! number of milliseconds. Whom the realm draws at random it is told, and checks.

mod calls;
mod events;
mod kept;
mod meta;
mod progress;
pub(crate) mod reflection;
mod registrations;
mod serve;
mod takeover;
mod testaments;

use crate::ask::{Ask, Meta, PublishWish};
use crate::out::{Out, Said};
use crate::read::{Drawn, FEATURE_NOT_SUPPORTED};
use crate::rights::Denied;
use crate::setup::Setup;
pub(crate) use calls::{Owed, UnderWay};
pub(crate) use events::Subscription;
use kept::{Asking, Retained, Stored};
use meta::Change;
use reflection::Description;
use registrations::Register;
pub(crate) use registrations::Registration;
use std::collections::VecDeque;
use takeover::Takeover;
use wharf::wamp::role::Feature;
use wharf::wamp::{MatchPolicy, MessageKind, Value};

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) setup: Setup,
    pub(crate) sessions: Vec<Session>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) calls: Vec<UnderWay>,
    pub(crate) now: u64,
    /// What the realm drew in the step under way.
    pub(crate) drawn: Drawn,
    retained: Vec<Retained>,
    /// Publications that somebody waits for.
    pub(crate) storing: Vec<Stored>,
    /// Questions about history without their answer.
    pub(crate) asking: Vec<Asking>,
    /// What procedures, topics and errors are for.
    pub(crate) descriptions: Vec<Description>,
    /// What each role may not do.
    pub(crate) denied: [Denied; 2],
    /// Nothing new is kept in memory.
    pub(crate) is_short_of_memory: bool,
    /// What has happened that cannot be seen from outside.
    pub(crate) noted: Vec<&'static str>,
    takeovers: Vec<Takeover>,
    /// REGISTERs that wait no longer.
    ready: VecDeque<Takeover>,
    /// Registrations whose queues may go on.
    freed: Vec<u64>,
    changes: Vec<Change>,
    outs: Vec<Out>,
    /// Publications so far.
    labels: u64,
    /// Calls so far, for the order of equal times.
    called: u64,
}

/// What a session's software can do.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one per feature of the specification")]
pub(crate) struct Abilities {
    pub(crate) canceling: bool,
    pub(crate) progressive: bool,
    pub(crate) takes_input: bool,
    pub(crate) keeps_time: bool,
    pub(crate) reroute: bool,
    pub(crate) ppt: bool,
    pub(crate) revocation: bool,
    pub(crate) gives_input: bool,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) there: bool,
    pub(crate) id: u64,
    pub(crate) authid: usize,
    pub(crate) authrole: usize,
    pub(crate) anonymous: bool,
    pub(crate) can: Abilities,
    /// INVOCATIONs so far.
    pub(crate) invoked: u64,
    /// Progressive calls that ended before their final CALL.
    pub(crate) owed: Vec<Owed>,
    /// The order of the realm's own names for sessions.
    pub(crate) key: (u32, u32),
    /// Calls pass it over, where there is another callee.
    pub(crate) avoided: bool,
    /// What waits while the session is held.
    pub(crate) held: Option<VecDeque<Ask>>,
    pub(crate) detached: Vec<PublishWish>,
    pub(crate) destroyed: Vec<PublishWish>,
}

/// The message broke the protocol.
struct Violation;

pub(crate) fn matches(policy: MatchPolicy, pattern: &str, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => pattern == uri,
        MatchPolicy::Prefix => uri.starts_with(pattern),
        MatchPolicy::Wildcard => {
            let (pattern, uri): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), uri.split('.').collect());
            pattern.len() == uri.len() && pattern.iter().zip(uri).all(|(part, whole)| part.is_empty() || *part == whole)
        }
    }
}

/// Section 9.2: the place of the best one of these patterns.
pub(crate) fn best<'a>(patterns: impl Iterator<Item = (MatchPolicy, &'a str)> + Clone, uri: &str) -> Option<usize> {
    let fits = |wanted: MatchPolicy| {
        patterns.clone().enumerate().filter(move |(_, (policy, text))| *policy == wanted && matches(wanted, text, uri))
    };
    let literals_first = |pattern: &str| pattern.split('.').map(str::is_empty).collect::<Vec<_>>();
    let exact = fits(MatchPolicy::Exact).next();
    let prefix = || fits(MatchPolicy::Prefix).max_by_key(|(_, (_, text))| text.len());
    let wildcard = || fits(MatchPolicy::Wildcard).min_by_key(|(_, (_, text))| literals_first(text));
    exact.or_else(prefix).or_else(wildcard).map(|(place, _)| place)
}

pub(crate) fn is_reserved(uri: &str) -> bool {
    ["wamp", "wharf"].contains(&uri.split('.').next().unwrap_or_default())
}

/// What the router itself says.
fn made(args: Vec<Value>) -> Said {
    if args.is_empty() {
        Said::Empty
    } else {
        Said::Values(args, Vec::new())
    }
}

impl Abilities {
    pub(crate) fn from_bits(bits: u8) -> Self {
        let bit = |nth: u8| bits & (1 << nth) != 0;
        Self {
            canceling: bit(0),
            progressive: bit(1),
            takes_input: bit(2),
            keeps_time: bit(3),
            reroute: bit(4),
            ppt: bit(5),
            revocation: bit(6),
            gives_input: bit(7),
        }
    }
}

impl Model {
    pub(crate) fn new(setup: Setup) -> Self {
        let mut model = Self { setup, ..Self::default() };
        model.make_lasting();
        model
    }

    /// What the step under way has caused.
    pub(crate) fn take(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.outs)
    }

    fn say(&mut self, out: Out) {
        self.outs.push(out);
    }

    fn refuse(&mut self, to: usize, kind: MessageKind, request: u64, error: &str) {
        if error == FEATURE_NOT_SUPPORTED {
            self.drawn.callees.pop_front();
        }
        self.say(Out::Error { to, kind, request, error: error.to_owned(), ppt: false, payload: Said::Any });
    }

    fn label(&mut self) -> u64 {
        self.labels += 1;
        self.labels
    }

    fn has(&self, feature: Feature) -> bool {
        self.setup.features().has(feature)
    }

    pub(crate) fn join(&mut self, session: Session) {
        let who = self.sessions.len();
        self.sessions.push(session);
        self.tell_joined(who);
    }

    pub(crate) fn leave(&mut self, who: usize) {
        if self.sessions[who].there {
            self.dispose(who, true);
        }
        self.settle();
    }

    /// A message of a session. What a gone one says means nothing, what a held one says waits.
    pub(crate) fn handle(&mut self, who: usize, ask: Ask) {
        self.take_ask(who, ask);
        self.settle();
    }

    fn take_ask(&mut self, who: usize, ask: Ask) {
        if !self.sessions[who].there {
            return;
        }
        if let Some(waiting) = &mut self.sessions[who].held {
            return waiting.push_back(ask);
        }
        let verdict = self.obey(who, ask);
        self.tell_changes();
        if verdict.is_err() {
            self.dispose(who, true);
            self.say(Out::Violated { who });
        }
    }

    /// The session is held no longer.
    fn resume(&mut self, who: usize) {
        let mut waiting = self.sessions[who].held.take().unwrap_or_default();
        while let Some(ask) = waiting.pop_front() {
            self.take_ask(who, ask);
            if let Some(held) = &mut self.sessions[who].held {
                waiting.append(held);
                *held = waiting;
                return;
            }
        }
    }

    fn obey(&mut self, who: usize, ask: Ask) -> Result<(), Violation> {
        if let Ask::Call { request, wish } = ask {
            return self.call(who, request, wish);
        }
        if let Some((_, request)) = ask.request() {
            self.check_request(who, request)?;
        }
        match ask {
            Ask::Subscribe { request, topic, policy, get_retained } => {
                self.subscribe(who, request, &topic, policy, get_retained);
            }
            Ask::Unsubscribe { request, subscription } => self.unsubscribe(who, request, subscription),
            Ask::Register { request, procedure, policy, wish } => {
                self.register(who, Register { request, procedure, policy, wish });
            }
            Ask::Unregister { request, registration } => self.unregister(who, request, registration),
            Ask::Publish { request, wish } => self.publish(who, request, wish),
            Ask::Cancel { request, mode } => self.cancel(who, request, mode),
            Ask::Answer { invocation, how, ppt, tag } => return self.answer(who, invocation, how, ppt, tag),
            Ask::Meta { request, meta } => self.meta(who, request, meta),
            Ask::Call { .. } => unreachable!("taken above"),
        }
        Ok(())
    }

    /// A new request whose id is that of a call under way is a violation (section 5.1).
    fn check_request(&self, who: usize, request: u64) -> Result<(), Violation> {
        let in_use = self.calls.iter().any(|call| call.caller == who && call.request == request)
            || self.asking.iter().any(|asking| asking.who == who && asking.request == request);
        if in_use {
            Err(Violation)
        } else {
            Ok(())
        }
    }

    /// Everything of a session goes, in the order of section 4.4.
    fn dispose(&mut self, who: usize, announced: bool) {
        self.sessions[who].there = false;
        self.sessions[who].held = None;
        self.forget_subscriptions(who);
        self.forget_registrations(who);
        self.forget_takeovers(who);
        self.tell_changes();
        self.forget_descriptions(who);
        self.forget_calls(who);
        self.asking.retain(|asking| asking.who != who);
        if announced {
            self.publish_testaments(who);
            self.tell_left(who);
        }
    }

    /// The others of a kill, by session id.
    fn others(&self, who: usize, authrole: Option<usize>) -> Vec<usize> {
        let fits = |session: &Session| session.there && authrole.is_none_or(|authrole| session.authrole == authrole);
        let mut others: Vec<usize> =
            (0..self.sessions.len()).filter(|other| *other != who && fits(&self.sessions[*other])).collect();
        others.sort_by_key(|other| self.sessions[*other].id);
        others
    }

    fn kill(&mut self, victim: usize, announced: bool) {
        self.dispose(victim, announced);
        self.say(Out::Killed { who: victim, message: None });
    }

    /// When something is due next.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let calls = self.calls.iter().filter_map(|call| call.until);
        let takeovers = self.takeovers.iter().map(|takeover| takeover.until);
        calls.chain(takeovers).min()
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.end_late_calls();
        self.expire();
        self.end_silent_holders();
    }

    fn meta(&mut self, who: usize, request: u64, meta: Meta) {
        match self.do_meta(who, request, meta) {
            Ok(Some(args)) => {
                let payload = made(args);
                self.say(Out::Result { to: who, request, progress: false, ppt: false, payload });
            }
            // The answer was given, or comes later.
            Ok(None) => {}
            Err(error) => self.refuse(who, MessageKind::Call, request, error),
        }
    }
}
