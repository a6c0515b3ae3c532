//! The session meta API: `wamp.session.*` as calls and events inside the realm.
//!
//! The only file of routing that looks into a payload, and only into the arguments of meta procedures. Permission was
//! checked before, like that of any call. Source: section 10.2 of the reference.

use super::effect::{CloseReason, Effects};
use super::key::SessionKey;
use super::refusal::Refusal;
use super::{Announce, Member, Realm};
use crate::wamp::message::{Call, Result as ResultMessage};
use crate::wamp::options::ResultOptions;
use crate::wamp::payload::Values;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{ErrorUri, MatchPolicy, MessageKind, Payload, RawPayload, SessionId, Uri, Value};
use bytestring::ByteString;
use std::time::Instant;

/// Reads a received payload as values; `None` if it cannot be read. Given by whoever knows the serializations.
pub type PayloadReader = fn(&RawPayload) -> Option<Values>;

/// A procedure of the session meta API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Procedure {
    Count,
    List,
    Get,
    Kill,
    KillByAuthid,
    KillByAuthrole,
    KillAll,
}

impl Procedure {
    fn named(uri: &str) -> Option<Self> {
        match uri.strip_prefix("wamp.session.")? {
            "count" => Some(Self::Count),
            "list" => Some(Self::List),
            "get" => Some(Self::Get),
            "kill" => Some(Self::Kill),
            "kill_by_authid" => Some(Self::KillByAuthid),
            "kill_by_authrole" => Some(Self::KillByAuthrole),
            "kill_all" => Some(Self::KillAll),
            _ => None,
        }
    }
}

const ON_JOIN: &str = "wamp.session.on_join";
const ON_LEAVE: &str = "wamp.session.on_leave";
const ON_OVERFLOW: &str = "wharf.session.on_overflow";

impl Realm {
    /// Answers the call of a reserved procedure at once: it never becomes a call under way.
    pub(super) fn call_meta(&mut self, now: Instant, from: SessionKey, call: &Call, effects: &mut Effects) {
        match self.answer_meta(now, from, call, effects) {
            Ok(payload) => {
                let details = ResultOptions::default();
                effects.send(from, ResultMessage { request: call.request, details, payload });
            }
            Err(refusal) => effects.refuse(from, MessageKind::Call, call.request, &refusal),
        }
    }

    fn answer_meta(
        &mut self,
        now: Instant,
        from: SessionKey,
        call: &Call,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        let Some(procedure) = Procedure::named(&call.procedure) else {
            return Err(Refusal::NoSuchProcedure(call.procedure.clone()));
        };
        let rate = self.rules.limits.meta_calls;
        if !self.directory.take_meta_call(from, now, rate) {
            return Err(Refusal::LimitExceeded { limit: "meta_calls", max: rate.per_second as usize });
        }
        let arguments = Arguments::read(&call.payload, self.read_payload)?;
        match procedure {
            Procedure::Count => self.count_sessions(&arguments),
            Procedure::List => self.list_sessions(&arguments),
            Procedure::Get => {
                let key = self.directory.key(arguments.session()?).ok_or(Refusal::NoSuchSession)?;
                self.directory
                    .member(key)
                    .map(|member| Payload::args(vec![member.details()]))
                    .ok_or(Refusal::NoSuchSession)
            }
            Procedure::Kill => {
                let session = arguments.session()?;
                let reason = arguments.kill_reason()?;
                let key = self.directory.key(session).filter(|key| *key != from).ok_or(Refusal::NoSuchSession)?;
                self.kill(now, &[key], &reason, Announce::Leave, effects);
                Ok(Payload::Empty)
            }
            Procedure::KillByAuthid => {
                let authid = arguments.text("an authid, a string")?;
                let reason = arguments.kill_reason()?;
                let (keys, ids) = self.others(from, |member| &*member.authid == authid);
                self.kill(now, &keys, &reason, Announce::Leave, effects);
                Ok(Payload::args(vec![Value::List(ids)]))
            }
            Procedure::KillByAuthrole => {
                let authrole = arguments.text("an authrole, a string")?;
                let reason = arguments.kill_reason()?;
                let (keys, _) = self.others(from, |member| &*member.authrole == authrole);
                self.kill(now, &keys, &reason, Announce::Leave, effects);
                Ok(count(keys.len()))
            }
            Procedure::KillAll => {
                let reason = arguments.kill_reason()?;
                let (keys, _) = self.others(from, |_| true);
                self.kill(now, &keys, &reason, Announce::Nothing, effects);
                Ok(count(keys.len()))
            }
        }
    }

    fn count_sessions(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let Some(roles) = arguments.authroles()? else { return Ok(count(self.directory.len())) };
        Ok(count(self.directory.all().filter(|(_, member)| roles.contains(&&*member.authrole)).count()))
    }

    /// The ids in order. A list is never cut silently: beyond the limit it is to be asked for in pages (X4).
    fn list_sessions(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let roles = arguments.authroles()?;
        let max = self.rules.limits.meta_list_max;
        let page = arguments.page(max)?;
        let after = page.and_then(|page| page.after);
        let wanted = |member: &Member| roles.as_ref().is_none_or(|roles| roles.contains(&&*member.authrole));
        let mut ids =
            self.directory.after(after).filter(|(_, member)| wanted(member)).map(|(_, member)| member.session);
        let length = page.map_or(max, |page| page.limit);
        let listed: Vec<SessionId> = ids.by_ref().take(length).collect();
        let more = ids.next().is_some();
        if more && page.is_none() {
            return Err(Refusal::MetaListTooLong { max });
        }
        let next = listed.last().filter(|_| more).map(|last| ("next".to_owned(), Value::Unsigned(last.get())));
        let list = listed.into_iter().map(|id| Value::Unsigned(id.get())).collect();
        Ok(Payload::values(vec![Value::List(list)], next.into_iter().collect()))
    }

    /// The sessions that fit, the caller spared: keys and WAMP ids, in the order of the ids.
    fn others(&self, caller: SessionKey, fits: impl Fn(&Member) -> bool) -> (Vec<SessionKey>, Vec<Value>) {
        let others = self.directory.all().filter(|(key, member)| *key != caller && fits(member));
        others.map(|(key, member)| (key, Value::Unsigned(member.session.get()))).unzip()
    }

    fn kill(
        &mut self,
        now: Instant,
        sessions: &[SessionKey],
        reason: &CloseReason,
        announce: Announce,
        effects: &mut Effects,
    ) {
        for session in sessions {
            self.dispose(now, *session, announce, effects);
            effects.close(*session, reason.clone());
        }
    }

    /// R82.
    pub(super) fn publish_on_join(&mut self, now: Instant, joined: SessionKey, effects: &mut Effects) {
        let (broker, _, mut turn) = self.turn(now, effects);
        let Some(member) = turn.directory.member(joined) else { return };
        broker.publish_meta(&mut turn, &topic(ON_JOIN), || Payload::args(vec![member.details()]));
    }

    /// Tells the realm that a session does not read what is sent to it: `wharf.session.on_overflow`, with one dict. Nothing
    /// for a session that is gone.
    pub fn announce_overflow(&mut self, now: Instant, session: SessionKey, overflow: Overflow, effects: &mut Effects) {
        let (broker, _, mut turn) = self.turn(now, effects);
        let Some(member) = turn.directory.member(session) else { return };
        broker.publish_meta(&mut turn, &topic(ON_OVERFLOW), || Payload::args(vec![overflow.details(member)]));
    }

    /// Publishes what the step has changed about subscriptions and registrations, in the order in which it happened.
    pub(super) fn publish_changes(&mut self, _now: Instant, _effects: &mut Effects) {
        self.changes.clear();
    }

    /// R83: three values, whatever ended the session (D19).
    pub(super) fn publish_on_leave(&mut self, now: Instant, left: &Member, effects: &mut Effects) {
        let (broker, _, mut turn) = self.turn(now, effects);
        broker.publish_meta(&mut turn, &topic(ON_LEAVE), || {
            let session = Value::Unsigned(left.session.get());
            Payload::args(vec![session, Value::from(&*left.authid), Value::from(&*left.authrole)])
        });
    }
}

/// A session whose outbox is full. Source: chapter "Slow consumers, in full" of the limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overflow {
    /// What is done about it: the policy's name.
    pub policy: &'static str,
    /// EVENTs dropped in this episode.
    pub dropped: u64,
    /// Messages that wait.
    pub queued_messages: u64,
    /// Octets that wait.
    pub queued_bytes: u64,
    /// Whether the session is cut.
    pub closed: bool,
}

impl Overflow {
    fn details(self, member: &Member) -> Value {
        let entry = |key: &str, value| (key.to_owned(), value);
        Value::Dict(vec![
            entry("session", Value::Unsigned(member.session.get())),
            entry("authid", Value::from(&*member.authid)),
            entry("authrole", Value::from(&*member.authrole)),
            entry("policy", Value::from(self.policy)),
            entry("dropped", Value::Unsigned(self.dropped)),
            entry("queued_messages", Value::Unsigned(self.queued_messages)),
            entry("queued_bytes", Value::Unsigned(self.queued_bytes)),
            entry("closed", Value::Bool(self.closed)),
        ])
    }
}

/// A piece of a long list.
#[derive(Clone, Copy)]
struct Page {
    limit: usize,
    after: Option<SessionId>,
}

/// The arguments of a meta procedure. Null counts as absent.
struct Arguments(Values);

impl Arguments {
    fn read(payload: &Payload, read_payload: PayloadReader) -> Result<Self, Refusal> {
        match payload {
            Payload::Empty => Ok(Self(Values::default())),
            Payload::Values(values) => Ok(Self((**values).clone())),
            Payload::Raw(raw) => read_payload(raw).map(Self).ok_or(Refusal::InvalidArgument("readable arguments")),
        }
    }

    fn first(&self) -> Option<&Value> {
        self.0.args.first().filter(|value| **value != Value::Null)
    }

    fn kwarg(&self, key: &str) -> Option<&Value> {
        self.0
            .kwargs
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
            .filter(|value| **value != Value::Null)
    }

    /// A session id. A number that is no id names no session.
    fn session(&self) -> Result<SessionId, Refusal> {
        let Some(Value::Unsigned(number)) = self.first() else {
            return Err(Refusal::InvalidArgument("a session id, an integer"));
        };
        SessionId::new(*number).map_err(|_| Refusal::NoSuchSession)
    }

    fn text(&self, expected: &'static str) -> Result<&str, Refusal> {
        self.first().and_then(Value::as_text).ok_or(Refusal::InvalidArgument(expected))
    }

    fn authroles(&self) -> Result<Option<Vec<&str>>, Refusal> {
        let refusal = Refusal::InvalidArgument("a list of authroles, strings");
        match self.first() {
            None => Ok(None),
            Some(Value::List(roles)) => {
                roles.iter().map(Value::as_text).collect::<Option<Vec<_>>>().ok_or(refusal).map(Some)
            }
            Some(_) => Err(refusal),
        }
    }

    /// kwargs `limit` and `after`; either one asks for a page.
    fn page(&self, max: usize) -> Result<Option<Page>, Refusal> {
        let number = |key, refusal| match self.kwarg(key) {
            None => Ok(None),
            Some(Value::Unsigned(number)) => Ok(Some(*number)),
            Some(_) => Err(Refusal::InvalidArgument(refusal)),
        };
        let limit = number("limit", "limit, a positive integer")?;
        let after = number("after", "after, a session id")?;
        if limit.is_none() && after.is_none() {
            return Ok(None);
        }
        if limit == Some(0) {
            return Err(Refusal::InvalidArgument("limit, a positive integer"));
        }
        let limit = limit.map_or(max, |limit| usize::try_from(limit).map_or(max, |limit| limit.min(max)));
        let after =
            after.map(SessionId::new).transpose().map_err(|_| Refusal::InvalidArgument("after, a session id"))?;
        Ok(Some(Page { limit, after }))
    }

    /// kwargs `reason` and `message` (R86, R88).
    fn kill_reason(&self) -> Result<CloseReason, Refusal> {
        let reason = match self.kwarg("reason") {
            None => ErrorUri::KILLED.to_uri(),
            Some(Value::Text(reason)) => {
                check(reason, UriRules::Loose, MatchPolicy::Exact)
                    .map_err(|_| Refusal::InvalidReason(reason.clone()))?;
                Uri::from(reason.as_str())
            }
            Some(_) => return Err(Refusal::InvalidArgument("reason, a URI")),
        };
        let message = match self.kwarg("message") {
            None => None,
            Some(Value::Text(message)) => Some(message.clone()),
            Some(_) => return Err(Refusal::InvalidArgument("message, a string")),
        };
        Ok(CloseReason::Killed { reason, message })
    }
}

fn count(number: usize) -> Payload {
    Payload::args(vec![Value::Unsigned(number as u64)])
}

/// A topic of ours, without an allocation.
fn topic(text: &'static str) -> Uri {
    Uri::from(ByteString::from_static(text))
}
