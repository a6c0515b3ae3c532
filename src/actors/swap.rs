//! New settings for realms that are open, whoever made them: one message to the registry, one to each realm, one to each
//! session by its realm's road. See `docs/decisions/0014`.
//!
//! Each message holds a [`Pending`] until it is handled: when all are gone, everybody lives by the new settings.

use super::clock;
use super::delivery::Outgoing;
use super::realm::{Join, RealmActor};
use super::realm_shared::RealmShared;
use super::settings::{OutboxSettings, RealmSettings, RealmTemplate};
use crate::routing::{Ended, Member, SessionKey};
use crate::session::Rules;
use actix::{ActorContext, Context, Handler, Message};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// From now on these are the realms: others are opened, changed or closed to fit. Sent by whoever has new settings, to the
/// registry; not for each change of its own while one is under way.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UseRealms {
    /// The realms that are open from the start.
    pub configured: Vec<RealmSettings>,
    /// Those that a HELLO opens. A realm that is open goes on with the template of the same name, if that still covers it.
    pub templates: Vec<RealmTemplate>,
    /// Held by all who have not changed over yet.
    pub pending: Pending,
}

/// Somebody has not changed over yet. The last one to be dropped ends [`Awaited`].
#[derive(Clone, Debug)]
pub struct Pending(UnboundedSender<Ended>);

/// Waits for all who have to change over.
#[derive(Debug)]
pub struct Awaited(UnboundedReceiver<Ended>);

/// Both ends.
pub fn pending() -> (Pending, Awaited) {
    let (sender, receiver) = unbounded_channel();
    (Pending(sender), Awaited(receiver))
}

impl Pending {
    /// What the change has ended; the one who waits may be gone.
    fn tell(&self, ended: Ended) {
        let _nobody_waits = self.0.send(ended);
    }
}

impl Awaited {
    /// Adds up what the change has ended, until everybody has changed over.
    pub async fn all(&mut self, sum: &mut Ended) {
        while let Some(ended) = self.0.recv().await {
            *sum += ended;
        }
    }
}

/// New settings for one realm. Sent by the registry, at most one for each [`UseRealms`].
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Swap {
    pub(super) shared: Arc<RealmShared>,
    pub(super) idle_close: Option<Duration>,
    pub(super) pending: Pending,
}

/// The realm is no more: its sessions end, and its actor. Sent by the registry, once.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Close(pub(super) Pending);

/// What an open session lives by from now on.
#[derive(Debug)]
pub(crate) struct Renewed {
    pub(crate) shared: Arc<RealmShared>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) outbox: OutboxSettings,
    #[expect(dead_code, reason = "held for its drop")]
    pending: Option<Pending>,
}

impl Renewed {
    /// `None`: there is no such role.
    fn of(shared: &Arc<RealmShared>, member: &Member, pending: Option<&Pending>) -> Option<Self> {
        let (rules, outbox) = (shared.rules_of(member)?, shared.outbox(&member.authrole));
        Some(Self { shared: Arc::clone(shared), rules, outbox, pending: pending.cloned() })
    }
}

impl RealmActor {
    /// Tells a member what it lives by.
    fn renew(&mut self, key: SessionKey, pending: Option<&Pending>) {
        let Some(member) = self.realm.member(key) else { return };
        if let Some(renewed) = Renewed::of(&self.shared, member, pending) {
            self.delivery.change(key, renewed.outbox, Outgoing::Settings(Box::new(renewed)));
        }
    }

    /// Somebody has logged in by settings that are not the realm's own any more: may it still come in? `false`: no.
    pub(super) fn look_again(&self, join: &mut Join) -> bool {
        let Some(permit) = self.shared.permit_of(&join.member) else { return false };
        join.member.permit = permit;
        join.outbox = self.shared.outbox(&join.member.authrole);
        true
    }

    /// The one who was looked at again is in, and does not know the settings yet.
    pub(super) fn tell_newcomer(&mut self, key: SessionKey) {
        self.renew(key, None);
    }
}

impl Handler<Swap> for RealmActor {
    type Result = ();

    fn handle(&mut self, swap: Swap, ctx: &mut Self::Context) {
        let Swap { shared, idle_close, pending } = swap;
        if self.retired {
            return;
        }
        let (now, settings) = (clock::now(), &shared.settings);
        let permit = |member: &_| shared.permit_of(member);
        let revoke = settings.revoke_on_reload;
        let ended = self.realm.change_over(now, settings.rules.clone(), permit, revoke, &mut self.effects);
        self.store.change(settings, &self.shared.settings, ctx);
        self.shared = shared;
        self.idle_close = idle_close;
        self.carry_out();
        let members: Vec<SessionKey> = self.realm.keys().collect();
        for key in members {
            self.renew(key, Some(&pending));
        }
        pending.tell(ended);
    }
}

impl Handler<Close> for RealmActor {
    type Result = ();

    fn handle(&mut self, Close(pending): Close, ctx: &mut Context<Self>) {
        let sessions = self.realm.len();
        self.retired = true;
        self.realm.close(clock::now(), &mut self.effects);
        self.carry_out();
        self.order();
        pending.tell(Ended { sessions, ..Ended::default() });
        ctx.stop();
    }
}
