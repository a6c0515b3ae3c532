//! Proofs that cannot be judged at once: a ticket whose hash is costly, a token whose key must be fetched first.

use super::jwt::{self, TokenFault};
use super::{ticket, Admission, Decide, Denied, Identity, Secret, Verdict, WebAddress};
use crate::wamp::Dict;
use std::sync::Arc;

/// A computation that ends in a verdict.
#[derive(Debug)]
pub struct Work(Task);

#[derive(Debug)]
enum Task {
    Ticket(ticket::Check, Decide),
    Token(Box<TokenWork>),
}

/// A token whose key is not known yet.
#[derive(Debug)]
struct TokenWork {
    token: Secret,
    waiting: Box<jwt::Waiting>,
    ticket: Option<ticket::Waiting>,
    decide: Decide,
}

impl Work {
    pub(super) fn with_ticket(check: ticket::Check, decide: Decide) -> Self {
        Self(Task::Ticket(check, decide))
    }

    pub(super) fn with_token(
        token: Secret,
        waiting: Box<jwt::Waiting>,
        ticket: Option<ticket::Waiting>,
        decide: Decide,
    ) -> Self {
        Self(Task::Token(Box::new(TokenWork { token, waiting, ticket, decide })))
    }

    /// Where keys are to be fetched, if they can be, before this is worth doing.
    pub fn awaits(&self) -> Option<&Arc<WebAddress>> {
        match &self.0 {
            Task::Ticket(..) => None,
            Task::Token(work) => work.waiting.address(),
        }
    }

    /// Looks at a token again; what is costly is left to be done [`later`](Verdict::Later).
    pub fn go_on(self) -> Verdict {
        match self.0 {
            Task::Ticket(..) => Verdict::Later(self),
            Task::Token(work) => {
                let TokenWork { token, waiting, ticket, decide } = *work;
                let token = token.expose();
                or_ticket(waiting.look(token), ticket, decide, token)
            }
        }
    }

    /// Does it. Takes milliseconds to seconds, and memory, as the hash of the ticket says.
    ///
    /// # Errors
    /// [`Denied`], the same for an unknown authid and a wrong secret.
    pub fn run(self) -> Result<Admission, Denied> {
        match self.0 {
            Task::Ticket(check, decide) => decide.with(check.run().then(Dict::new)),
            Task::Token(_) => match self.go_on() {
                Verdict::Now(decided) => decided,
                // A ticket's, at most.
                Verdict::Later(work) => work.run(),
                Verdict::Ask(_) => Err(Denied::wrong()),
            },
        }
    }
}

/// What a text comes to that may be a token, or else a ticket.
pub(super) fn or_ticket(
    found: Result<Identity, TokenFault>,
    ticket: Option<ticket::Waiting>,
    decide: Decide,
    given: &str,
) -> Verdict {
    match (found, ticket) {
        (Ok(identity), _) => Verdict::Now(Ok(Admission { identity, authextra: Dict::new() })),
        (Err(fault), Some(ticket)) => ticket.decide(decide, given).or_because(Some(fault.text())),
        (Err(fault), None) => Verdict::Now(Err(Denied::because(fault.text()))),
    }
}
