//! Questions about logins on their way to whoever knows: a procedure, by its realm, or an address, by `outward`. What comes
//! back over HTTP is put into the terms of a call.

use super::clock;
use super::logins::Logins;
use super::realms::{AskRealm, RealmsActor};
use super::router::{Question, Reply};
use crate::auth::{Asked, Fault, Inquiry};
use crate::codec;
use crate::observe::{shown, Restraint, Tally};
use crate::outward::{Posted, Request, RequestFault, Response};
use crate::wamp::outcome::ANSWER_OCTETS_MAX;
use crate::wamp::payload::Values;
use crate::wamp::{Dict, ErrorUri, Outcome, Payload, Serialization, Uri, Value};
use actix::Addr;
use zeroize::Zeroizing;

thread_local! {
    /// Each login can cause a line.
    static FAULTS: Restraint = Restraint::default();
}

/// By which ways questions go.
#[derive(Clone, Copy)]
pub(crate) struct Ways<'a> {
    pub(crate) realms: &'a Addr<RealmsActor>,
    pub(crate) logins: &'a Logins,
}

/// Has whoever knows asked about a login at `realm`, with these arguments.
#[expect(clippy::disallowed_methods, reason = "one per question, and one question at a time for each login")]
pub(crate) fn ask(ways: Ways<'_>, inquiry: &Inquiry, realm: &Uri, args: Vec<Value>, reply: Reply) {
    let timeout = inquiry.timeout();
    match inquiry.asked() {
        Some(Asked::Procedure { uri, realm: elsewhere }) => {
            let question = Question { procedure: uri.clone(), args: Payload::args(args), timeout, reply };
            ways.realms.do_send(AskRealm { realm: elsewhere.as_ref().unwrap_or(realm).clone(), question });
        }
        Some(Asked::Address { address, token }) => {
            let request = Request {
                address: address.clone(),
                post: Some(posted(args)),
                token: token.clone(),
                octets_max: ANSWER_OCTETS_MAX,
                timeout,
                more: None,
            };
            ways.logins.outward().ask(request, Box::new(move |answer| reply.say(outcome(answer))));
        }
        // Nobody is left to be asked: said as the reply is dropped.
        None => {}
    }
}

/// What a procedure gets as its arguments, by name.
fn posted(args: Vec<Value>) -> Posted {
    let names = ["realm", "authid", "details"].into_iter().map(str::to_owned);
    let dict: Dict = names.zip(args).collect();
    Posted(Zeroizing::new(codec::json_of(&dict)))
}

/// What an answer means in the terms of a call: 200 is a RESULT, 401 and 403 are an ERROR.
fn outcome(answer: Result<Response, RequestFault>) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(RequestFault::Late) => return Outcome::Late,
        Err(RequestFault::TooLarge(octets)) => return Outcome::TooLarge(octets),
        Err(RequestFault::Untrusted(why)) => return Outcome::Away(why),
        Err(RequestFault::Busy) => return Outcome::Away("as many requests are under way as may be"),
        Err(RequestFault::Name) => return Outcome::Away("no address for its name"),
        Err(RequestFault::Unreachable) => return Outcome::Away("no connection"),
        // Said of webhooks only.
        Err(RequestFault::Guarded(_)) => return Outcome::Away("an address that may not be dialled"),
        Err(RequestFault::GivenUp) => return Outcome::Away("nobody waits for the answer"),
        Err(RequestFault::Broken) => return Outcome::Away("no whole HTTP answer"),
    };
    match answer.status {
        200 if !answer.is_json => Outcome::Away("another Content-Type than application/json"),
        200 => match codec::read_value(Serialization::Json, &answer.body) {
            Ok(value) => Outcome::Result(Box::new(Values { args: vec![value], kwargs: Dict::new() })),
            Err(_) => Outcome::Away("JSON that cannot be read"),
        },
        401 | 403 => Outcome::Error(error_of(&answer)),
        300..=399 => Outcome::Away("a redirect, which is not followed"),
        status => Outcome::Status(status),
    }
}

/// The URI that a refusal names, if it does; else one that only refuses.
fn error_of(answer: &Response) -> Uri {
    let body = Some(answer).filter(|answer| answer.is_json);
    let body = body.and_then(|answer| codec::read_value(Serialization::Json, &answer.body).ok());
    let named = body.as_ref().and_then(|body| body.get("error")?.as_text());
    named.map_or_else(|| Uri::from(ErrorUri::NOT_AUTHORIZED.as_str()), Uri::from)
}

/// Who was asked about whom's login, for the log.
pub(crate) struct About {
    name: String,
    asked: String,
    realm: Uri,
}

impl About {
    /// Of a login at `realm`.
    pub(crate) fn of(inquiry: &Inquiry, realm: &Uri) -> Self {
        let asked = inquiry.asked().map(ToString::to_string).unwrap_or_default();
        Self { name: inquiry.name().to_owned(), asked, realm: realm.clone() }
    }

    /// Tells the operator what was wrong.
    pub(crate) fn report(&self, fault: &Fault, tally: &Tally) {
        tally.add_authenticator_faults(1);
        if let Some(suppressed) = FAULTS.with(|faults| faults.allow(clock::now())) {
            let Self { name, asked, realm } = self;
            let realm = shown(realm);
            let text = "an authenticator failed and a login was refused";
            tracing::warn!(%realm, authenticator = %name, %asked, %fault, suppressed, "{text}");
        }
    }
}
