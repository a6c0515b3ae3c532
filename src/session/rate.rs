//! How many calls and publications a session may make each second (X6): a bucket for each, filled evenly.
//!
//! A role without a rate costs one look at an option. The time comes with the batch that is judged: nothing here reads a clock.

use std::time::{Duration, Instant};

/// `roles.NAME.rate`. What is absent is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// CALLs each second, 1 or more.
    pub calls: Option<u32>,
    /// PUBLISHes each second, 1 or more.
    pub publishes: Option<u32>,
    /// Logins each second, of all sessions of the role, 1 or more.
    pub connects: Option<u32>,
    /// How many of each at once, 1 or more.
    pub burst: u32,
}

/// What of a rate is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// As many may come at once, if none came for a while.
    pub burst: u32,
    /// Until that many are there again after all of them were used.
    pub window: Duration,
    /// As many may come now.
    pub left: u32,
    /// Until `burst` are there again.
    pub full_after: Duration,
}

/// What is left of a role's rate; what is absent is not counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowances {
    /// CALLs.
    pub calls: Option<Allowance>,
    /// PUBLISHes.
    pub publishes: Option<Allowance>,
}

/// What a session has made use of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    now: Option<Instant>,
    /// When all has been made up for.
    calls: Option<Instant>,
    publishes: Option<Instant>,
}

impl Used {
    /// It is so late.
    pub(super) fn set_time(&mut self, now: Instant) {
        self.now = Some(now);
    }

    /// Counts a CALL.
    ///
    /// # Errors
    /// How long to wait: it is one too many, and not counted.
    pub(super) fn call(&mut self, rate: &Rate) -> Result<(), Duration> {
        take(&mut self.calls, rate.calls, rate.burst, self.now)
    }

    /// Counts a PUBLISH.
    ///
    /// # Errors
    /// As for a CALL.
    pub(super) fn publish(&mut self, rate: &Rate) -> Result<(), Duration> {
        take(&mut self.publishes, rate.publishes, rate.burst, self.now)
    }
}

impl Used {
    /// What is left at `now`.
    pub(super) fn left(&self, rate: &Rate, now: Instant) -> Allowances {
        Allowances {
            calls: rate.calls.map(|per_second| left(self.calls, per_second, rate.burst, now)),
            publishes: rate.publishes.map(|per_second| left(self.publishes, per_second, rate.burst, now)),
        }
    }
}

/// What [`take`] takes from.
fn left(until: Option<Instant>, per_second: u32, burst: u32, now: Instant) -> Allowance {
    let (interval, burst) = (Duration::from_secs(1) / per_second.max(1), burst.max(1));
    let full_after = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
    let used = full_after.as_nanos().div_ceil(interval.as_nanos().max(1));
    let left = burst.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
    Allowance { burst, window: interval * burst, left, full_after }
}

fn take(
    until: &mut Option<Instant>,
    per_second: Option<u32>,
    burst: u32,
    now: Option<Instant>,
) -> Result<(), Duration> {
    let (Some(per_second), Some(now)) = (per_second, now) else { return Ok(()) };
    let interval = Duration::from_secs(1) / per_second.max(1);
    let begun = until.map_or(now, |until| until.max(now));
    let over = begun.saturating_duration_since(now).saturating_sub(interval * (burst.max(1) - 1));
    if !over.is_zero() {
        return Err(over);
    }
    *until = Some(begun + interval);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::established::{judge, Decision};
    use super::super::request_ids::RequestIds;
    use super::super::{Refused, Rules};
    use super::*;
    use crate::authz::{Action, Pattern, Policy, PolicyFlags, PolicyRules, Rule};
    use crate::wamp::message::{Call, Message, Publish};
    use crate::wamp::options::{CallOptions, PublishOptions};
    use crate::wamp::role::Announced;
    use crate::wamp::{MessageKind, Payload, RequestId, Uri, Value};
    use proptest::prelude::*;
    use std::sync::Arc;

    const RATE: Rate = Rate { calls: Some(50), publishes: Some(20), connects: None, burst: 100 };

    /// X6: within 5 % over 10 s, beyond what may come at once.
    #[test]
    fn so_many_at_once_and_then_so_many_each_second() {
        let (mut used, start) = (Used::default(), crate::actors::clock::now());
        let mut taken = (0, 0);
        for step in 0..=10_000 {
            used.set_time(start + Duration::from_millis(step));
            taken.0 += u32::from(used.call(&RATE).is_ok());
            taken.1 += u32::from(used.publish(&RATE).is_ok());
        }
        assert!((595..=605).contains(&taken.0) && (298..=302).contains(&taken.1), "{taken:?}");
    }

    #[test]
    fn who_waits_as_long_as_told_is_let_through() {
        let rate = Rate { calls: Some(3), publishes: None, connects: None, burst: 1 };
        let (mut used, start) = (Used::default(), crate::actors::clock::now());
        used.set_time(start);
        assert_eq!(used.call(&rate), Ok(()));
        let wait = used.call(&rate).unwrap_err();
        assert!(wait <= Duration::from_secs(1) / 3 && wait > Duration::from_millis(333));
        used.set_time(start + wait);
        assert_eq!(used.call(&rate), Ok(()));
        assert!((0..1000).all(|_| used.publish(&rate).is_ok()), "what is absent is not counted");
    }

    /// What was not used is saved up to the burst, and no further.
    #[test]
    fn a_pause_gives_no_more_than_the_burst() {
        let (mut used, start) = (Used::default(), crate::actors::clock::now());
        for later in [0, 3600] {
            used.set_time(start + Duration::from_secs(later));
            assert_eq!((0..1000).filter(|_| used.call(&RATE).is_ok()).count(), 100);
        }
    }

    proptest! {
        /// As many are let through as were told to be left, and not one more.
        #[test]
        fn what_is_left_is_what_is_let_through(per_second in 1..500u32, burst in 1..200u32, pauses in prop::collection::vec(0..400u64, 0..60)) {
            let rate = Rate { calls: Some(per_second), publishes: None, connects: None, burst };
            let (mut used, mut now) = (Used::default(), crate::actors::clock::now());
            used.set_time(now);
            for pause in pauses {
                now += Duration::from_millis(pause);
                used.set_time(now);
                let _counted = used.call(&rate);
            }
            let told = used.left(&rate, now);
            prop_assert_eq!(told.publishes, None);
            let Allowance { burst: most, window, left, full_after } = told.calls.unwrap();
            prop_assert!(most == burst && left <= burst && full_after <= window);
            let mut after = used;
            prop_assert_eq!((0..=burst).filter(|_| after.call(&rate).is_ok()).count() as u32, left);
            used.set_time(now + full_after);
            prop_assert_eq!((0..=burst).filter(|_| used.call(&rate).is_ok()).count() as u32, burst);
        }
    }

    /// A call of a role that may make one a second, with what comes back to the second one.
    fn limited() -> Rules {
        let rule = Rule {
            pattern: Pattern::parse("*").unwrap(),
            actions: [Action::Call, Action::Publish].into_iter().collect(),
            disclose: [].into_iter().collect(),
            source: "".into(),
        };
        let policy = Policy::new(PolicyRules { allow: vec![rule], deny: Vec::new(), flags: PolicyFlags::default() });
        let rate = Some(Rate { calls: Some(1), publishes: Some(1), connects: None, burst: 1 });
        Rules { policy: Arc::new(policy), rate, ..Rules::default() }
    }

    fn refused(decision: Decision) -> Option<Option<Message>> {
        match decision {
            Decision::Forward => None,
            Decision::Refuse(Refused::RateLimited, ref error) => Some(error.as_deref().cloned()),
            Decision::Refuse(..) | Decision::Ask | Decision::Discard | Decision::Goodbye | Decision::Abort => {
                panic!("{decision:?}")
            }
        }
    }

    /// X6: an ERROR says how long to wait; what is not acknowledged is dropped; other messages are not counted.
    #[test]
    fn a_request_beyond_the_rate_is_told_when_to_come_back_and_an_unacknowledged_one_is_dropped() {
        let (rules, mut ids, mut used) = (limited(), RequestIds::default(), Used::default());
        let start = crate::actors::clock::now();
        let mut request = RequestId::FIRST;
        let mut decide = |later_ms, message: &dyn Fn(RequestId) -> Message| {
            used.set_time(start + Duration::from_millis(later_ms));
            let mut message = message(request);
            request = request.next();
            refused(judge(&rules, Announced::default(), &mut ids, &mut used, &mut message).unwrap())
        };
        let (options, procedure) = (CallOptions::default(), Uri::from("com.x"));
        let call = |request| {
            Call { request, options: options.clone(), procedure: procedure.clone(), payload: Payload::Empty }.into()
        };
        let publish = |acknowledge| {
            move |request| {
                let options = PublishOptions { acknowledge, ..PublishOptions::default() };
                Publish { request, options, topic: Uri::from("com.x"), payload: Payload::Empty }.into()
            }
        };
        assert_eq!(decide(0, &call), None);
        let Some(Some(Message::Error(error))) = decide(250, &call) else { panic!("one a second") };
        assert_eq!((error.request_kind, error.error.as_str()), (MessageKind::Call, "wharf.error.rate_limited"));
        let Payload::Values(values) = error.payload else { panic!("made by the router") };
        assert_eq!(values.kwargs, [("retry_after_ms".to_owned(), Value::Unsigned(751))]);
        assert_eq!(decide(1001, &call), None);
        assert_eq!(decide(1001, &publish(false)), None);
        assert_eq!(decide(1001, &publish(false)), Some(None));
        assert!(matches!(decide(1001, &publish(true)), Some(Some(Message::Error(_)))));
    }

    /// A progressive call is one call; of one that was refused nothing goes on.
    #[test]
    fn a_progressive_call_counts_once_and_a_refused_one_goes_no_further() {
        let rules = limited();
        let announced = Announced {
            caller_features: crate::wamp::role::CallerFeatures {
                progressive_call_invocations: true,
                ..Default::default()
            },
            ..Announced::default()
        };
        let (mut ids, mut used) = (RequestIds::default(), Used::default());
        used.set_time(crate::actors::clock::now());
        let mut decide = |request, progress| {
            let options = CallOptions { progress, ..CallOptions::default() };
            let mut message = Call { request, options, procedure: Uri::from("com.x"), payload: Payload::Empty }.into();
            judge(&rules, announced, &mut ids, &mut used, &mut message).unwrap()
        };
        let (first, second) = (RequestId::FIRST, RequestId::FIRST.next());
        for _ in 0..3 {
            assert_eq!(refused(decide(first, true)), None);
        }
        assert!(matches!(refused(decide(second, true)), Some(Some(_))));
        assert!(matches!(decide(second, true), Decision::Discard));
    }
}
