//! Dynamic authorization: a procedure of the application is asked in place of rules, with Crossbar's arguments and results.
//!
//! Pure: what is asked and what an answer means stands here, and [`Verdicts`] remembers answers that ask for it. Nothing but
//! an answer of the right shape allows anything, unless the settings say so for failures.
//! Source: section 6.2 of the page on Crossbar, section 12 of the reference, section 6.2 of the configuration.

mod verdicts;

pub use verdicts::Verdicts;

use super::Action;
use crate::wamp::outcome::{quoted, ANSWER_OCTETS_MAX};
use crate::wamp::{Dict, ErrorUri, MatchPolicy, Outcome, SessionId, Uri, Value};
use std::sync::Arc;
use std::time::Duration;

/// `roles.NAME.authorizer`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorizer {
    /// What is called, in the session's own realm.
    pub procedure: Uri,
    /// How long an answer that asks for it is remembered; `None`: none is.
    pub cache: Option<Duration>,
    /// The widest sharing that an answer may ask for.
    pub cache_scope: Scope,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What holds where there is none that can be used.
    pub on_failure: OnFailure,
    /// Where it stands, as `file:line`.
    pub source: Arc<str>,
}

/// Who shares an answer that is remembered, from few to many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Scope {
    /// The session that asked.
    #[default]
    Session,
    /// All sessions of its authid and role.
    Authid,
    /// All sessions of its role.
    Role,
}

/// What holds where an authorizer is in trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// ERROR `wamp.error.authorization_failed`.
    #[default]
    Deny,
    /// It is allowed.
    Allow,
}

/// What a session wants to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Petition {
    /// What it would do.
    pub action: Action,
    /// To which URI or pattern.
    pub uri: Uri,
    /// How that is compared.
    pub match_policy: MatchPolicy,
}

/// Who wants to do it.
#[derive(Clone, Copy, Debug)]
pub struct Petitioner<'a> {
    /// Its session.
    pub session: SessionId,
    /// Its name.
    pub authid: &'a str,
    /// Its role.
    pub authrole: &'a str,
    /// How it has proven that.
    pub authmethod: &'a str,
    /// Where its identity comes from.
    pub authprovider: &'a str,
}

/// What an authorizer says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// Whether it may be done.
    pub allow: bool,
    /// Whether the caller or publisher is named, whatever the peers ask for.
    pub disclose: bool,
    /// For whom it may be remembered.
    pub cache: Option<Scope>,
}

impl Ruling {
    const NO: Self = Self { allow: false, disclose: false, cache: None };
}

/// Why an answer was of no use: what was expected and what came, safe to be logged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected {expected}, got {got}")]
pub struct Misjudged {
    expected: String,
    got: String,
}

impl Misjudged {
    fn new(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { expected: expected.into(), got: got.into() }
    }
}

/// The arguments of the call: session, URI, action, options. `authextra` and `transport` are those of the session.
pub fn args(who: Petitioner<'_>, authextra: Dict, transport: Dict, what: &Petition, options: Dict) -> Vec<Value> {
    let Petitioner { session, authid, authrole, authmethod, authprovider } = who;
    let details = vec![
        ("session".to_owned(), session.get().into()),
        ("authid".to_owned(), authid.into()),
        ("authrole".to_owned(), authrole.into()),
        ("authmethod".to_owned(), authmethod.into()),
        ("authprovider".to_owned(), authprovider.into()),
        ("authextra".to_owned(), Value::Dict(authextra)),
        ("transport".to_owned(), Value::Dict(transport)),
    ];
    vec![Value::Dict(details), what.uri.as_str().into(), what.action.name().into(), Value::Dict(options)]
}

impl Authorizer {
    /// What an outcome of asking means.
    ///
    /// # Errors
    /// [`Misjudged`]: it is no answer, and [`OnFailure`] holds.
    pub fn judge(&self, outcome: &Outcome) -> Result<Ruling, Misjudged> {
        match outcome {
            Outcome::Result(values) => match (&values.args[..], &values.kwargs[..]) {
                ([value], []) => read(value),
                (args, kwargs) => {
                    let got = format!("{} positional and {} keyword results", args.len(), kwargs.len());
                    Err(Misjudged::new("a boolean or a dict with `allow` as the one result", got))
                }
            },
            // Whoever says no by an error says no.
            Outcome::Error(uri)
                if [ErrorUri::NOT_AUTHORIZED.as_str(), "wamp.error.authorization_denied"].contains(&uri.as_str()) =>
            {
                Ok(Ruling::NO)
            }
            Outcome::Error(uri) => Err(Misjudged::new("a result", format!("ERROR {}", quoted(uri)))),
            Outcome::Late => Err(Misjudged::new(format!("an answer within {} ms", self.timeout.as_millis()), "none")),
            Outcome::TooLarge(octets) => {
                let expected = format!("an answer of at most {ANSWER_OCTETS_MAX} octets");
                Err(Misjudged::new(expected, format!("{octets} octets")))
            }
            Outcome::Status(status) => Err(Misjudged::new("an answer", format!("status {status}"))),
            Outcome::Away(why) => Err(Misjudged::new("an answer", *why)),
        }
    }

    /// For whom a ruling is remembered, and how long; not at all unless both the settings and the ruling want it.
    pub fn remembers(&self, ruling: Ruling) -> Option<(Scope, Duration)> {
        Some((ruling.cache?.min(self.cache_scope), self.cache?))
    }
}

/// Any other key or type is an error, as in Crossbar.
fn read(value: &Value) -> Result<Ruling, Misjudged> {
    match value {
        Value::Bool(allow) => Ok(Ruling { allow: *allow, ..Ruling::NO }),
        Value::Dict(entries) => {
            let mut ruling = Ruling::NO;
            let mut said = false;
            for (key, value) in entries {
                match key.as_str() {
                    "allow" => {
                        ruling.allow = truth("allow", value)?;
                        said = true;
                    }
                    "disclose" => ruling.disclose = truth("disclose", value)?,
                    "cache" => ruling.cache = scope(value)?,
                    // Schemas of payloads: nothing here looks into payloads.
                    "validate" if matches!(value, Value::Dict(_) | Value::Null) => {}
                    "validate" => return Err(Misjudged::new("`validate` to be a dict", value.kind())),
                    other => {
                        let expected = "a dict of allow, disclose, cache and validate";
                        return Err(Misjudged::new(expected, format!("the key {}", quoted(other))));
                    }
                }
            }
            if said {
                Ok(ruling)
            } else {
                Err(Misjudged::new("`allow`", "none"))
            }
        }
        Value::Null
        | Value::Unsigned(_)
        | Value::Negative(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_) => Err(Misjudged::new("a boolean or a dict with `allow`", value.kind())),
    }
}

fn truth(key: &str, value: &Value) -> Result<bool, Misjudged> {
    if let Value::Bool(truth) = value {
        Ok(*truth)
    } else {
        Err(Misjudged::new(format!("`{key}` to be a boolean"), value.kind()))
    }
}

/// `true` is the session; the two words are an addition of ours.
fn scope(value: &Value) -> Result<Option<Scope>, Misjudged> {
    match value {
        Value::Bool(cache) => Ok(cache.then_some(Scope::Session)),
        Value::Text(word) if word == "authid" => Ok(Some(Scope::Authid)),
        Value::Text(word) if word == "role" => Ok(Some(Scope::Role)),
        Value::Null
        | Value::Unsigned(_)
        | Value::Negative(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_)
        | Value::Dict(_) => Err(Misjudged::new("`cache` to be a boolean, \"authid\" or \"role\"", value.kind())),
    }
}

#[cfg(test)]
mod tests;
