//! From the realm that has `wharf.admin.*` to whoever administers the node, and back.
//!
//! The realm never waits: a question goes into a bounded queue, its answer comes as a message. Questions of all realms are
//! answered one at a time, in order.

use super::clock;
use super::realm::RealmActor;
pub use crate::routing::{AdminRefusal, Question, Reply};
use crate::wamp::{Dict, ErrorUri};
use actix::{Addr, AsyncContext, Context, Handler, Message};
use std::fmt;
use tokio::sync::mpsc::{channel, Receiver, Sender};

/// Questions that wait for their turn; one more is refused.
const WAITING_MAX: usize = 64;

/// A question, and what takes its answer.
pub struct Asked {
    /// Who asks what.
    pub question: Question,
    reply: Box<dyn FnOnce(Reply) + Send>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is asked may hold a password.
        f.debug_struct("Asked").field("procedure", &self.question.procedure).finish_non_exhaustive()
    }
}

impl Asked {
    /// A question whose answer `reply` takes.
    pub fn new(question: Question, reply: impl FnOnce(Reply) + Send + 'static) -> Self {
        Self { question, reply: Box::new(reply) }
    }

    /// The question, and what to answer it with.
    pub fn split(self) -> (Question, impl FnOnce(Reply)) {
        (self.question, self.reply)
    }
}

/// The realms' end of the road.
#[derive(Clone, Debug)]
pub struct AdminLink(Sender<Asked>);

/// Both ends.
pub fn road() -> (AdminLink, Receiver<Asked>) {
    let (sender, receiver) = channel(WAITING_MAX);
    (AdminLink(sender), receiver)
}

/// The answer to a question of the realm's. One for each.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Answered {
    ticket: u64,
    reply: Reply,
}

impl RealmActor {
    /// What sessions have asked of the node in this turn goes out.
    pub(super) fn ask_node(&mut self, ctx: &Context<Self>) {
        for question in self.effects.take_questions() {
            // Weak: a realm that is closed gets no answer.
            let (ticket, realm) = (question.ticket, ctx.address().downgrade());
            let reply = move |reply| {
                if let Some(realm) = realm.upgrade() {
                    tell(&realm, Answered { ticket, reply });
                }
            };
            let sent =
                self.admin.as_ref().is_some_and(|AdminLink(road)| road.try_send(Asked::new(question, reply)).is_ok());
            if !sent {
                let text = "the node has too much to do for its administrators: try again later".to_owned();
                let refusal = AdminRefusal { error: ErrorUri::BUSY, text, details: Dict::new() };
                let reply = Reply { outcome: Err(refusal), change: None };
                self.realm.node_answers(clock::now(), ticket, reply, &mut self.effects);
            }
        }
        self.carry_out();
    }
}

#[expect(clippy::disallowed_methods, reason = "one message for each question, and questions are bounded")]
fn tell(realm: &Addr<RealmActor>, answered: Answered) {
    realm.do_send(answered);
}

impl Handler<Answered> for RealmActor {
    type Result = ();

    fn handle(&mut self, Answered { ticket, reply }: Answered, _: &mut Self::Context) {
        self.realm.node_answers(clock::now(), ticket, reply, &mut self.effects);
        self.carry_out();
    }
}
