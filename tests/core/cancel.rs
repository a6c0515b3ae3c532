//! Call canceling: the table of section 9.8 of the reference, each row with a callee that takes INTERRUPT and one that does not.

use crate::test_realm::{Seen, TestRealm};
use std::time::Duration;
use wharf::routing::SessionKey;
use wharf::wamp::options::CallOptions;
use wharf::wamp::{CancelMode, ErrorUri, Message, RequestId};
use CancelMode::{Kill, KillNoWait, Skip};

const CANCELED: &str = ErrorUri::CANCELED.as_str();
const TIMEOUT: &str = ErrorUri::TIMEOUT.as_str();

/// A call under way: progressive, with a timeout of one second.
struct UnderWay {
    realm: TestRealm,
    caller: SessionKey,
    callee: SessionKey,
    request: RequestId,
}

fn under_way(callee_takes_interrupt: bool) -> UnderWay {
    let mut realm = TestRealm::new();
    let caller = realm.join();
    let callee = if callee_takes_interrupt { realm.join() } else { realm.join_plain() };
    realm.register(callee, "a.b");
    let options = CallOptions { receive_progress: true, timeout_ms: Some(1000), ..CallOptions::default() };
    realm.invoke_with(caller, "a.b", options);
    let request = realm.last_request(caller);
    UnderWay { realm, caller, callee, request }
}

/// A call whose callee was told to stop and is waited for.
fn killing() -> UnderWay {
    let mut call = under_way(true);
    assert_told(&call.cancel(Kill), &call, None, Some(Kill));
    call
}

impl UnderWay {
    fn cancel(&mut self, mode: CancelMode) -> Seen {
        self.realm.cancel(self.caller, self.request, mode)
    }

    fn is_over(&self) -> bool {
        self.realm.realm.counters().calls == 0
    }
}

/// The error for the caller, the INTERRUPT for the callee, and nothing else.
fn assert_told(seen: &Seen, call: &UnderWay, error: Option<&str>, interrupt: Option<CancelMode>) {
    assert_eq!(seen.0.len(), usize::from(error.is_some()) + usize::from(interrupt.is_some()), "{seen:?}");
    assert_eq!(error, error.and(Some(&*seen.messages_to(call.caller).first().map_or(String::new(), error_of))));
    let sent = seen.interrupt_to(call.callee);
    assert_eq!(
        sent.map(|interrupt| (interrupt.request.get(), interrupt.options.mode)),
        interrupt.map(|mode| (1, Some(mode)))
    );
}

fn error_of(message: &Message) -> String {
    match message {
        Message::Error(error) => error.error.to_string(),
        other => panic!("ERROR expected, got {other:?}"),
    }
}

/// R72, R73, D7, D8.
#[test]
fn canceling_an_active_call_follows_the_table() {
    let rows = [
        (Skip, true, None),
        (Skip, false, None),
        (KillNoWait, true, Some(KillNoWait)),
        (KillNoWait, false, None),
        (Kill, false, None),
    ];
    for (mode, supported, interrupt) in rows {
        let mut call = under_way(supported);
        let seen = call.cancel(mode);
        assert_told(&seen, &call, Some(CANCELED), interrupt);
        assert!(call.is_over(), "{mode:?} {supported}");
        assert!(call.realm.yields(call.callee, 1).is_silent(), "late answers are discarded");
        assert!(call.realm.errs(call.callee, 1, "com.app.late").is_silent());
    }
}

/// R72: CANCEL kill waits for the callee.
#[test]
fn kill_tells_the_callee_and_leaves_the_caller_waiting() {
    assert!(!killing().is_over());
}

/// R72, D9.
#[test]
fn the_answer_of_a_killed_callee_decides() {
    let mut call = killing();
    assert!(!call.realm.yields(call.callee, 1).result_to(call.caller).details.progress);
    assert!(call.is_over());
    let mut call = killing();
    let seen = call.realm.errs(call.callee, 1, "com.app.stopped");
    assert_told(&seen, &call, Some("com.app.stopped"), None);
    assert!(call.is_over());
}

/// R72.
#[test]
fn progress_passes_while_killing() {
    let mut call = killing();
    assert!(call.realm.progress(call.callee, 1).result_to(call.caller).details.progress);
    assert!(!call.is_over());
}

/// R72, D66.
#[test]
fn canceling_again_while_killing_is_ignored_for_kill_and_ends_the_call_for_the_others() {
    let mut call = killing();
    assert!(call.cancel(Kill).is_silent());
    assert!(!call.is_over());
    for mode in [Skip, KillNoWait] {
        let mut call = killing();
        let seen = call.cancel(mode);
        assert_told(&seen, &call, Some(CANCELED), None);
        assert!(call.is_over());
    }
}

/// R72, R74.
#[test]
fn the_timer_ends_a_call_and_interrupts_only_once() {
    let rows = [(under_way(true), Some(KillNoWait)), (under_way(false), None), (killing(), None)];
    for (mut call, interrupt) in rows {
        let seen = call.realm.pass(Duration::from_millis(1000));
        assert_told(&seen, &call, Some(TIMEOUT), interrupt);
        assert!(call.is_over());
    }
}

/// R68, R72.
#[test]
fn a_caller_that_leaves_interrupts_its_callee_if_it_takes_that() {
    let rows = [(under_way(true), Some(KillNoWait)), (under_way(false), None), (killing(), Some(KillNoWait))];
    for (mut call, interrupt) in rows {
        let seen = call.realm.leave(call.caller);
        assert_told(&seen, &call, None, interrupt);
        assert!(call.is_over());
        assert!(call.realm.yields(call.callee, 1).is_silent(), "a late answer is dropped");
    }
}

/// R67, R72.
#[test]
fn a_callee_that_leaves_ends_the_call_with_canceled() {
    for mut call in [under_way(true), under_way(false), killing()] {
        let seen = call.realm.leave(call.callee);
        assert_told(&seen, &call, Some(CANCELED), None);
        assert!(call.is_over());
    }
}

/// R72, P2: the call may have ended on the way, and a foreign one is not found.
#[test]
fn cancel_of_an_unknown_ended_or_foreign_call_is_ignored() {
    let mut call = under_way(true);
    let foreign = call.request;
    assert!(call.realm.cancel(call.callee, foreign, Skip).is_silent());
    assert!(call.realm.cancel(call.caller, RequestId::new(77).unwrap(), Skip).is_silent());
    call.realm.yields(call.callee, 1);
    for mode in CancelMode::ALL {
        assert!(call.cancel(*mode).is_silent());
    }
}
