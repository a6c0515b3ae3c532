//! The session meta API: who is in the realm, and the end of others. Source: section 10.2 of the reference.

use super::arguments::Arguments;
use super::count;
use crate::routing::effect::{CloseReason, Effects};
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::{Announce, Member, Realm};
use crate::wamp::{Payload, SessionId, Value};
use std::time::Instant;

/// `wamp.session.*`, but for testaments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionProcedure {
    Count,
    List,
    Get,
    Kill,
    KillByAuthid,
    KillByAuthrole,
    KillAll,
}

impl SessionProcedure {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
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

impl Realm {
    pub(super) fn answer_session(
        &mut self,
        now: Instant,
        from: SessionKey,
        procedure: SessionProcedure,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Payload, Refusal> {
        match procedure {
            SessionProcedure::Count => self.count_sessions(arguments),
            SessionProcedure::List => self.list_sessions(arguments),
            SessionProcedure::Get => {
                let key = self.directory.key(arguments.session(0)?).ok_or(Refusal::NoSuchSession)?;
                let details = self.directory.details(key).ok_or(Refusal::NoSuchSession)?;
                Ok(Payload::args(vec![details]))
            }
            SessionProcedure::Kill => {
                let session = arguments.session(0)?;
                let reason = arguments.kill_reason()?;
                let key = self.directory.key(session).filter(|key| *key != from).ok_or(Refusal::NoSuchSession)?;
                self.kill(now, &[key], &reason, Announce::Leave, effects);
                Ok(Payload::Empty)
            }
            SessionProcedure::KillByAuthid => {
                let authid = arguments.text(0, "an authid, a string")?;
                let reason = arguments.kill_reason()?;
                let (keys, ids) = self.others(from, |member| &*member.authid == authid);
                self.kill(now, &keys, &reason, Announce::Leave, effects);
                Ok(Payload::args(vec![Value::List(ids)]))
            }
            SessionProcedure::KillByAuthrole => {
                let authrole = arguments.text(0, "an authrole, a string")?;
                let reason = arguments.kill_reason()?;
                let (keys, _) = self.others(from, |member| &*member.authrole == authrole);
                self.kill(now, &keys, &reason, Announce::Leave, effects);
                Ok(count(keys.len()))
            }
            SessionProcedure::KillAll => {
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
        let page = arguments.page(self.rules.limits.meta_list_max)?;
        let after = page.after.and_then(|after| SessionId::new(after).ok());
        let wanted = |member: &Member| roles.as_ref().is_none_or(|roles| roles.contains(&&*member.authrole));
        let mut ids = self.directory.after(after).filter(|(_, member)| wanted(member));
        let listed: Vec<Value> =
            ids.by_ref().take(page.limit).map(|(_, member)| Value::Unsigned(member.session.get())).collect();
        let next = page.next(listed.last().cloned(), ids.next().is_some())?;
        Ok(Payload::values(vec![Value::List(listed)], next))
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
}
