//! The arguments of meta procedures, read once: positional ones, keyword ones, and the pages of long lists.
//!
//! Null counts as absent. What is missing or of the wrong type is `wamp.error.invalid_argument` (D69); nothing here ends a
//! session, and nothing here looks at the realm.

use super::PayloadReader;
use crate::routing::effect::CloseReason;
use crate::routing::refusal::Refusal;
use crate::wamp::id::ID_MAX;
use crate::wamp::payload::Values;
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{ErrorUri, MatchPolicy, Payload, SessionId, Uri, Value};

/// The arguments of one call.
pub(super) struct Arguments(Values);

impl Arguments {
    pub(super) fn read(payload: &Payload, read_payload: PayloadReader) -> Result<Self, Refusal> {
        match payload {
            Payload::Empty => Ok(Self(Values::default())),
            Payload::Values(values) => Ok(Self((**values).clone())),
            Payload::Raw(raw) => read_payload(raw).map(Self).ok_or(Refusal::InvalidArgument("readable arguments")),
        }
    }

    /// All of them, for whoever reads them elsewhere.
    pub(super) fn into_values(self) -> Values {
        self.0
    }

    /// The positional argument in this place.
    pub(super) fn at(&self, place: usize) -> Option<&Value> {
        self.0.args.get(place).filter(|value| **value != Value::Null)
    }

    /// The keyword argument with this name.
    pub(super) fn kwarg(&self, key: &str) -> Option<&Value> {
        let entry = self.0.kwargs.iter().find(|(name, _)| name == key);
        entry.map(|(_, value)| value).filter(|value| **value != Value::Null)
    }

    /// An id: the number in this place, if `new` takes it; `unknown` else, as a number that is no id names nothing.
    pub(super) fn id<Id, E>(
        &self,
        place: usize,
        new: fn(u64) -> Result<Id, E>,
        expected: &'static str,
        unknown: Refusal,
    ) -> Result<Id, Refusal> {
        let number = self.at(place).and_then(whole).ok_or(Refusal::InvalidArgument(expected))?;
        new(number).map_err(|_| unknown)
    }

    /// A session id.
    pub(super) fn session(&self, place: usize) -> Result<SessionId, Refusal> {
        self.id(place, SessionId::new, "a session id, an integer", Refusal::NoSuchSession)
    }

    pub(super) fn text(&self, place: usize, expected: &'static str) -> Result<&str, Refusal> {
        self.at(place).and_then(Value::as_text).ok_or(Refusal::InvalidArgument(expected))
    }

    /// The reason of a revocation, the third argument, if it is a URI. The specification takes any text, and need not tell
    /// it; a library that is told another text ends its connection (decision 9).
    pub(super) fn revocation_reason(&self) -> Result<Option<String>, Refusal> {
        let reason = optional_text(self.at(2), "a reason, a string")?;
        Ok(reason.filter(|reason| check(reason, UriRules::Loose, MatchPolicy::Exact).is_ok()).map(str::to_owned))
    }

    /// A keyword argument that is a text.
    pub(super) fn kwarg_text(&self, key: &str, expected: &'static str) -> Result<Option<&str>, Refusal> {
        optional_text(self.kwarg(key), expected)
    }

    /// A keyword argument that is a non-negative integer.
    pub(super) fn kwarg_number(&self, key: &str, expected: &'static str) -> Result<Option<u64>, Refusal> {
        match self.kwarg(key) {
            None => Ok(None),
            Some(value) => whole(value).map(Some).ok_or(Refusal::InvalidArgument(expected)),
        }
    }

    /// A keyword argument that is a bool; false if absent.
    pub(super) fn kwarg_flag(&self, key: &str, expected: &'static str) -> Result<bool, Refusal> {
        match self.kwarg(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Refusal::InvalidArgument(expected)),
        }
    }

    /// The options of a look-up, a dict in the second place: its `match`.
    pub(super) fn lookup_policy(&self) -> Result<MatchPolicy, Refusal> {
        match self.at(1) {
            None => Ok(MatchPolicy::Exact),
            Some(options @ Value::Dict(_)) => match_policy(options.get("match")),
            Some(_) => Err(Refusal::InvalidArgument("options, a dict")),
        }
    }

    /// kwargs `match`.
    pub(super) fn kwarg_policy(&self) -> Result<MatchPolicy, Refusal> {
        match_policy(self.kwarg("match"))
    }

    /// The roles to which a count or list is narrowed.
    pub(super) fn authroles(&self) -> Result<Option<Vec<&str>>, Refusal> {
        let refusal = Refusal::InvalidArgument("a list of authroles, strings");
        match self.at(0) {
            None => Ok(None),
            Some(Value::List(roles)) => {
                roles.iter().map(Value::as_text).collect::<Option<Vec<_>>>().ok_or(refusal).map(Some)
            }
            Some(_) => Err(refusal),
        }
    }

    /// Which part of a list of ids is asked for: kwargs `limit` and `after`; either one asks for a page.
    pub(super) fn page(&self, max: usize) -> Result<Page<u64>, Refusal> {
        const AFTER: &str = "after, an id";
        let after = self.kwarg_number("after", AFTER)?;
        if after.is_some_and(|id| id == 0 || id > ID_MAX) {
            return Err(Refusal::InvalidArgument(AFTER));
        }
        self.page_after(max, after)
    }

    /// The same for a list of URIs.
    pub(super) fn page_of_uris(&self, max: usize) -> Result<Page<&str>, Refusal> {
        self.page_after(max, self.kwarg_text("after", "after, a URI")?)
    }

    fn page_after<After>(&self, max: usize, after: Option<After>) -> Result<Page<After>, Refusal> {
        const LIMIT: &str = "limit, a positive integer";
        let limit = self.kwarg_number("limit", LIMIT)?;
        if limit == Some(0) {
            return Err(Refusal::InvalidArgument(LIMIT));
        }
        let whole = limit.is_none() && after.is_none();
        let limit = limit.map_or(max, |limit| usize::try_from(limit).map_or(max, |limit| limit.min(max)));
        Ok(Page { limit, after, whole })
    }

    /// kwargs `reason` and `message` (R86, R88).
    pub(super) fn kill_reason(&self) -> Result<CloseReason, Refusal> {
        let reason = match self.kwarg_text("reason", "reason, a URI")? {
            None => ErrorUri::KILLED.to_uri(),
            Some(reason) => {
                check(reason, UriRules::Loose, MatchPolicy::Exact)
                    .map_err(|_| Refusal::InvalidReason(reason.to_owned()))?;
                Uri::from(reason)
            }
        };
        let message = self.kwarg_text("message", "message, a string")?.map(str::to_owned);
        Ok(CloseReason::Killed { reason, message })
    }
}

fn optional_text<'a>(value: Option<&'a Value>, expected: &'static str) -> Result<Option<&'a str>, Refusal> {
    match value {
        None => Ok(None),
        Some(value) => value.as_text().ok_or(Refusal::InvalidArgument(expected)).map(Some),
    }
}

fn match_policy(value: Option<&Value>) -> Result<MatchPolicy, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(MatchPolicy::Exact),
        Some(value) => {
            let policy = value.as_text().and_then(MatchPolicy::from_wire);
            policy.ok_or(Refusal::InvalidArgument("match: exact, prefix or wildcard"))
        }
    }
}

/// Which part of a list is asked for.
#[derive(Clone, Copy)]
pub(super) struct Page<After> {
    /// At most so many entries.
    pub(super) limit: usize,
    /// Those beyond this one, in ascending order.
    pub(super) after: Option<After>,
    /// Nobody asked for a page: the list is given whole or not at all (X4).
    whole: bool,
}

impl<After> Page<After> {
    /// The answer's kwarg `next`, the last entry, where there are `more`: to be given as `after` of the next page.
    ///
    /// # Errors
    /// [`Refusal::MetaListTooLong`] where no page was asked for: a list is never cut silently (X4).
    pub(super) fn next(&self, last: Option<Value>, more: bool) -> Result<Vec<(String, Value)>, Refusal> {
        if more && self.whole {
            return Err(Refusal::MetaListTooLong { max: self.limit });
        }
        Ok(last.filter(|_| more).map(|last| ("next".to_owned(), last)).into_iter().collect())
    }
}

impl Page<u64> {
    /// Cuts a list down to this page, in ascending order. The second part says whether more follow.
    ///
    /// # Cost
    /// Linear in the list; what is left is sorted.
    pub(super) fn cut<T: Ord>(&self, mut entries: Vec<(u64, T)>) -> (Vec<(u64, T)>, bool) {
        if let Some(after) = self.after {
            entries.retain(|(id, _)| *id > after);
        }
        let more = entries.len() > self.limit;
        if more {
            entries.select_nth_unstable(self.limit);
            entries.truncate(self.limit);
        }
        entries.sort_unstable();
        (entries, more)
    }

    /// The answer that is one list of ids.
    ///
    /// # Errors
    /// As [`Page::next`].
    pub(super) fn ids(&self, ids: impl Iterator<Item = u64>) -> Result<Payload, Refusal> {
        let (ids, more) = self.cut(ids.map(|id| (id, ())).collect());
        let next = self.next(ids.last().map(|(id, ())| Value::Unsigned(*id)), more)?;
        let ids = ids.into_iter().map(|(id, ())| Value::Unsigned(id)).collect();
        Ok(Payload::values(vec![Value::List(ids)], next))
    }

    /// The answer that is one dict of three lists, by match policy. `limit` and `after` count over the ids of all three
    /// together: a page holds the smallest ids beyond `after`, each in its list, and `next` is the largest of them.
    ///
    /// # Errors
    /// As [`Page::next`].
    pub(super) fn ids_by_policy(&self, ids: Vec<(u64, MatchPolicy)>) -> Result<Payload, Refusal> {
        let (ids, more) = self.cut(ids);
        let next = self.next(ids.last().map(|(id, _)| Value::Unsigned(*id)), more)?;
        let of = |policy: &MatchPolicy| {
            let own = ids.iter().filter(|(_, other)| other == policy).map(|(id, _)| Value::Unsigned(*id));
            (policy.as_str().to_owned(), Value::List(own.collect()))
        };
        Ok(Payload::values(vec![Value::Dict(MatchPolicy::ALL.iter().map(of).collect())], next))
    }
}

/// An integer, or a whole float where libraries write an integer as one (decision 5).
fn whole(value: &Value) -> Option<u64> {
    const AS_FLOATS: std::ops::RangeInclusive<f64> = 4_294_967_296.0..=9_007_199_254_740_992.0;
    if let Value::Unsigned(number) = value {
        return Some(*number);
    }
    let Value::Float(number) = value else { return None };
    // In this range every whole float is an integer of its own, so the cast loses nothing.
    (AS_FLOATS.contains(number) && number.fract() == 0.0).then_some(*number as u64)
}
