//! REGISTER, UNREGISTER, and registrations that are taken away: by `force_reregister`, by the meta API, with their session.

use super::registrations::Registration;
use super::Dealer;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::swap::{self, Lasting};
use crate::routing::Turn;
use crate::wamp::message::{Register, Registered, Unregister, Unregistered};
use crate::wamp::options::{RegisterOptions, UnregisteredDetails};
use crate::wamp::role::Feature;
use crate::wamp::{ErrorUri, InvocationPolicy, MatchPolicy, MessageKind, RegistrationId, SessionId};

impl Dealer {
    /// Answers REGISTER (R58, R70), at once or after the holder of the procedure was asked for a sign of life (U4).
    pub(crate) fn register(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) {
        let entered = self.enter(turn, from, register);
        let is_conflict =
            matches!(entered, Err(Refusal::ProcedureAlreadyExists(_) | Refusal::OtherInvocationPolicy(_)));
        if is_conflict && self.suspect(turn, from, register) {
            return;
        }
        answer(turn, from, register, entered);
        self.pump(turn);
    }

    /// Answers a REGISTER that has waited: now, whoever holds the procedure.
    pub(super) fn register_after_wait(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) {
        let entered = self.enter(turn, from, register);
        answer(turn, from, register, entered);
        self.pump(turn);
    }

    fn enter(&mut self, turn: &mut Turn<'_>, from: SessionKey, register: &Register) -> Result<RegistrationId, Refusal> {
        let Register { options, procedure, .. } = register;
        swap::judge(turn, from, Lasting::Register, procedure, options.match_policy)?;
        check_features(turn, *options)?;
        if options.force_reregister {
            self.has_room(turn, from)?;
            if let Some(id) = self.registrations.id_of(options.match_policy, procedure) {
                self.make_way(turn, id);
            }
        }
        if let Some(existing) = self.registrations.check(from, *options, procedure)? {
            return Ok(existing);
        }
        self.has_room(turn, from)?;
        let id = self.registrations.insert(turn, from, *options, procedure);
        if !self.queues.is_empty() {
            self.freed.push(id);
        }
        Ok(id)
    }

    /// Whether the session may have another registration.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`].
    pub(super) fn has_room(&self, turn: &Turn<'_>, session: SessionKey) -> Result<(), Refusal> {
        let limits = turn.limits;
        if self.registrations.count_of(session) >= limits.registrations_per_session_max {
            let max = limits.registrations_per_session_max;
            return Err(Refusal::LimitExceeded { limit: "max_registrations_per_session", max });
        }
        if self.registrations.entries() >= limits.registrations_max {
            return Err(Refusal::LimitExceeded { limit: "max_registrations", max: limits.registrations_max });
        }
        Ok(())
    }

    /// Answers UNREGISTER. The id is looked up among the session's own (R69); invocations under way go on (D64).
    pub(crate) fn unregister(&mut self, turn: &mut Turn<'_>, from: SessionKey, unregister: &Unregister) {
        let (request, id) = (unregister.request, unregister.registration);
        if self.registrations.remove(turn, from, id) {
            let details = UnregisteredDetails::default();
            turn.effects.send(from, Unregistered { request: Some(request), details });
            self.note_freed(id);
            self.pump(turn);
        } else {
            turn.effects.refuse(from, MessageKind::Unregister, request, &Refusal::NoSuchRegistration);
        }
    }

    /// Takes a registration away from one of its callees, which is told so if it has announced `registration_revocation` (R80).
    /// Invocations under way go on (D64).
    ///
    /// # Errors
    /// [`Refusal::NoSuchRegistration`]; [`Refusal::NoSuchSession`] if the session is not one of its callees.
    pub(crate) fn remove_callee(
        &mut self,
        turn: &mut Turn<'_>,
        registration: RegistrationId,
        session: SessionId,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        if self.registrations.place_of(registration).is_none() {
            return Err(Refusal::NoSuchRegistration);
        }
        let key = turn.directory.key(session).filter(|key| self.registrations.serves(*key, registration));
        self.revoke(turn, registration, key.ok_or(Refusal::NoSuchSession)?, reason);
        self.pump(turn);
        Ok(())
    }

    /// Takes the registrations from a session that it may not have any more; gives back how many those were.
    pub(crate) fn revoke_forbidden(&mut self, turn: &mut Turn<'_>, session: SessionKey, reason: &str) -> usize {
        let Some(permit) = turn.directory.member(session).map(|member| member.permit.clone()) else { return 0 };
        let allowed = |record: &Registration| permit.may_stay_registered(record.procedure(), record.policy);
        let mut forbidden = self.registrations.of_session(session);
        forbidden.retain(|id| !self.registrations.by_id(*id).is_some_and(allowed));
        for id in &forbidden {
            self.revoke(turn, *id, session, Some(reason.to_owned()));
        }
        self.pump(turn);
        forbidden.len()
    }

    /// Drops the registrations of a session, whose WAMP id is `id`: the first step of its end (section 4.4).
    pub(crate) fn forget_registrations(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: SessionId) {
        self.registrations.forget(turn, session, id);
        self.avoided.remove(&session);
        self.takeovers.forget(session);
    }

    /// `force_reregister`: the former callees lose the registration.
    fn make_way(&mut self, turn: &mut Turn<'_>, id: RegistrationId) {
        let former: Vec<SessionKey> = self.callees(id).into_iter().flatten().collect();
        for callee in former {
            self.revoke(turn, id, callee, Some("wamp.error.unregistered".to_owned()));
        }
    }

    fn revoke(&mut self, turn: &mut Turn<'_>, id: RegistrationId, callee: SessionKey, reason: Option<String>) {
        self.registrations.remove(turn, callee, id);
        self.note_freed(id);
        let announced = turn.directory.member(callee).map(|member| member.announced.callee_features);
        let is_told = turn.rules.features.has(Feature::RegistrationRevocation);
        if is_told && announced.is_some_and(|features| features.registration_revocation) {
            let details = UnregisteredDetails { registration: Some(id), reason };
            turn.effects.send(callee, Unregistered { request: None, details });
        }
    }

    fn note_freed(&mut self, id: RegistrationId) {
        if !self.queues.is_empty() {
            self.freed.push(id);
        }
    }
}

fn answer(turn: &mut Turn<'_>, to: SessionKey, register: &Register, entered: Result<RegistrationId, Refusal>) {
    match entered {
        Ok(registration) => turn.effects.send(to, Registered { request: register.request, registration }),
        Err(refusal) => turn.effects.refuse(to, MessageKind::Register, register.request, &refusal),
    }
}

/// What a realm has switched off is refused, where it would register something else than was asked for.
fn check_features(turn: &Turn<'_>, options: RegisterOptions) -> Result<(), Refusal> {
    let has = |feature| turn.rules.features.has(feature);
    let lacking = if options.match_policy != MatchPolicy::Exact && !has(Feature::PatternBasedRegistration) {
        Feature::PatternBasedRegistration
    } else if options.invoke != InvocationPolicy::Single && !has(Feature::SharedRegistration) {
        Feature::SharedRegistration
    } else {
        return Ok(());
    };
    let text = format!("this realm has no {}", lacking.key());
    Err(Refusal::NotPermitted { error: ErrorUri::OPTION_NOT_ALLOWED, text })
}

#[cfg(test)]
mod tests {
    use crate::routing::{Effect, Effects, Member, Permit, Realm, Refusal, SessionKey};
    use crate::wamp::message::{Register, Unregistered};
    use crate::wamp::options::RegisterOptions;
    use crate::wamp::role::{Announced, CalleeFeatures};
    use crate::wamp::{Dict, InvocationPolicy, MatchPolicy, Message, RegistrationId, RequestId, SessionId};
    use std::time::Instant;

    fn join(realm: &mut Realm, id: u64, registration_revocation: bool) -> SessionKey {
        let callee_features = CalleeFeatures { registration_revocation, ..CalleeFeatures::default() };
        let member = Member {
            session: SessionId::new(id).unwrap(),
            authid: "a".into(),
            authrole: "user".into(),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            announced: Announced { callee: true, callee_features, ..Announced::default() },
            entrance: crate::wamp::Entrance::default(),
            transport: Dict::new(),
            permit: Permit::default(),
        };
        realm.join(Instant::now(), member, &mut Effects::new()).unwrap()
    }

    fn register(realm: &mut Realm, session: SessionKey, procedure: &str, match_policy: MatchPolicy) -> RegistrationId {
        let invoke = InvocationPolicy::Random;
        let options = RegisterOptions { match_policy, invoke, ..RegisterOptions::default() };
        let register = Register { request: RequestId::FIRST, options, procedure: procedure.into() };
        let mut effects = Effects::new();
        realm.handle(Instant::now(), session, register.into(), &mut effects);
        match effects.as_slice() {
            [Effect::Send { message: Message::Registered(registered), .. }] => registered.registration,
            other => panic!("REGISTERED expected, got {other:?}"),
        }
    }

    fn remove(realm: &mut Realm, id: RegistrationId, session: u64) -> (Result<(), Refusal>, Vec<Effect>) {
        let mut effects = Effects::new();
        let (_, dealer, mut turn) = realm.turn(Instant::now(), &mut effects);
        let session = SessionId::new(session).unwrap();
        let outcome = dealer.remove_callee(&mut turn, id, session, Some("go".to_owned()));
        assert_eq!(realm.broken_invariant(), None);
        (outcome, effects.drain().collect())
    }

    /// R80: told only if announced.
    #[test]
    fn a_registration_is_taken_from_one_callee_which_is_told_if_it_can_be() {
        let mut realm = Realm::new(crate::routing::RealmLimits::default(), 1);
        let (told, untold) = (join(&mut realm, 1, true), join(&mut realm, 2, false));
        let id = register(&mut realm, told, "a.b", MatchPolicy::Exact);
        register(&mut realm, untold, "a.b", MatchPolicy::Exact);
        join(&mut realm, 3, true);
        assert_eq!(remove(&mut realm, id, 3).0, Err(Refusal::NoSuchSession), "no callee of it");
        assert_eq!(remove(&mut realm, id, 4).0, Err(Refusal::NoSuchSession));
        let (outcome, effects) = remove(&mut realm, id, 1);
        assert_eq!(outcome, Ok(()));
        let [Effect::Send { to, message: Message::Unregistered(Unregistered { request: None, details }) }] =
            &effects[..]
        else {
            panic!("UNREGISTERED expected, got {effects:?}")
        };
        assert_eq!((*to, details.registration, details.reason.as_deref()), (told, Some(id), Some("go")));
        assert_eq!(remove(&mut realm, id, 2), (Ok(()), Vec::new()));
        assert_eq!(remove(&mut realm, id, 2).0, Err(Refusal::NoSuchRegistration), "R71");
    }

    /// R94 to R97, as far as the dealer's.
    #[test]
    fn registrations_are_listed_by_id_and_looked_up() {
        let mut realm = Realm::new(crate::routing::RealmLimits::default(), 1);
        let (one, two) = (join(&mut realm, 1, true), join(&mut realm, 2, true));
        let prefix = register(&mut realm, two, "a.", MatchPolicy::Prefix);
        register(&mut realm, one, "a.", MatchPolicy::Prefix);
        let mut all = vec![
            (register(&mut realm, one, "a.b", MatchPolicy::Exact), MatchPolicy::Exact),
            (register(&mut realm, two, "a.c", MatchPolicy::Exact), MatchPolicy::Exact),
            (prefix, MatchPolicy::Prefix),
        ];
        all.sort_unstable();
        let dealer = &realm.dealer;
        assert_eq!(dealer.registrations_after(None).collect::<Vec<_>>(), all);
        assert_eq!(dealer.registrations_after(Some(all[0].0)).collect::<Vec<_>>(), all[1..]);
        assert_eq!(dealer.registration_of(MatchPolicy::Prefix, "a."), Some(prefix));
        assert_eq!(dealer.registration_of(MatchPolicy::Exact, "a."), None);
        assert_eq!(dealer.best_registration("a.x"), Some(prefix));
        assert_eq!(dealer.best_registration("b"), None);
        assert_eq!(dealer.callees(prefix).unwrap().collect::<Vec<_>>(), [two, one]);
        let named = dealer.registration(prefix).unwrap();
        assert_eq!((named.uri.as_str(), named.policy), ("a.", MatchPolicy::Prefix));
        assert_eq!(named.invoke, Some(InvocationPolicy::Random));
        assert!(
            dealer.callees(RegistrationId::FIRST).is_none() && dealer.registration(RegistrationId::FIRST).is_none()
        );
    }
}
