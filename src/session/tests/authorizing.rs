//! Requests of a role that asks an authorizer: what is asked, what waits, and what comes of each answer.

use super::*;
use crate::authz::{Authorizer, OnFailure, PolicyFlags, Ruling, Scope};
use std::time::Duration;

fn asking(deny: Vec<Rule>, flags: PolicyFlags) -> Rules {
    let authorizer = Authorizer {
        procedure: Uri::from("com.app.authorize"),
        cache: None,
        cache_scope: Scope::Session,
        timeout: Duration::from_secs(5),
        on_failure: OnFailure::Deny,
        source: "wharf.toml:1".into(),
    };
    let policy = Arc::new(Policy::new(PolicyRules { allow: Vec::new(), deny, flags }));
    Rules { policy, authorizer: Some(Arc::new(authorizer)), ..Rules::default() }
}

fn session() -> Session {
    featured(asking(Vec::new(), PolicyFlags { allow_pattern_register: true, ..PolicyFlags::default() }))
}

fn ruling(allow: bool) -> Told {
    Told::Ruling(Ruling { allow, disclose: false, cache: None })
}

fn subscribe(topic: &str, match_policy: MatchPolicy) -> Message {
    let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
    Subscribe { request: id(1), options, topic: Uri::from(topic) }.into()
}

/// Section 6.2 of the page on Crossbar, Z7 of the limits.
#[test]
fn each_kind_of_request_waits_and_goes_on_or_is_refused_as_it_is_told() {
    use crate::wamp::MatchPolicy::{Exact, Prefix};
    for (message, action, match_policy) in [
        (call(1, "org.x"), Act::Call, Exact),
        (publish("org.x", true), Act::Publish, Exact),
        (subscribe("org.x", Prefix), Act::Subscribe, Prefix),
        (register("org.x", Prefix), Act::Register, Prefix),
    ] {
        for (told, error) in [
            (ruling(true), None),
            (ruling(false), Some("wamp.error.not_authorized")),
            (Told::Failed, Some("wamp.error.authorization_failed")),
        ] {
            let mut session = session();
            assert!(matches!(session.receive(message.clone()), Action::Authorize), "{message:?}");
            assert!(!session.takes_messages(), "what follows waits");
            let (held, petition, authorizer, _) = session.petition().unwrap();
            assert_eq!((held, &*authorizer.procedure), (&message, "com.app.authorize"));
            assert_eq!((petition.action, &*petition.uri, petition.match_policy), (action, "org.x", match_policy));
            let action = session.authorized(told);
            match error {
                None => assert!(matches!(&action, Action::Forward(forwarded) if *forwarded == message), "{action:?}"),
                Some(error) => assert_eq!(error_uri(&action), Some(error)),
            }
            assert!(session.takes_messages() && session.petition().is_none());
            assert!(matches!(session.authorized(ruling(true)), Action::Nothing), "it is told once");
        }
    }
    for told in [ruling(false), Told::Failed] {
        let mut silent = session();
        silent.receive(publish("org.x", false));
        assert!(matches!(silent.authorized(told), Action::Refuse(_, None)), "R36");
    }
}

#[test]
fn what_needs_no_permission_is_not_asked_about_and_what_is_unlawful_neither() {
    let mut session = session();
    let unsubscribe = Unsubscribe { request: id(2), subscription: SubscriptionId::FIRST };
    let cancel = Cancel { request: id(1), options: CancelOptions::default() };
    for message in [unsubscribe.into(), cancel.into()] {
        assert!(matches!(session.receive(message), Action::Forward(_)));
    }
    assert_eq!(error_uri(&session.receive(call(3, "com..x"))), Some("wamp.error.invalid_uri"));
    assert_eq!(error_uri(&session.receive(register("wamp.x", MatchPolicy::Exact))), Some("wamp.error.invalid_uri"));
}

#[test]
fn whoever_is_told_to_be_named_is_named() {
    for (disclose, asked, named) in [(true, false, true), (false, true, true), (false, false, false)] {
        let mut session = session();
        let Message::Call(mut call) = call(1, "com.x") else { unreachable!() };
        call.options.disclose_me = asked;
        session.receive(call.into());
        let told = Told::Ruling(Ruling { allow: true, disclose, cache: None });
        let Action::Forward(Message::Call(call)) = session.authorized(told) else { panic!("not forwarded") };
        assert_eq!(call.options.disclose_me, named);
    }
}

/// Section 9.6 of the reference: the first CALL is asked about, and its later parts belong to the same procedure.
#[test]
fn the_parts_of_a_call_are_not_asked_about_and_lead_nowhere_else() {
    let mut session = session();
    assert!(matches!(session.receive(part(1, "com.x", true)), Action::Authorize));
    session.authorized(ruling(true));
    assert!(matches!(session.receive(part(1, "com.x", true)), Action::Forward(_)));
    assert!(matches!(session.receive(part(2, "com.y", true)), Action::Authorize));
    session.authorized(ruling(false));
    assert!(matches!(session.receive(part(2, "com.y", false)), Action::Nothing), "refused with its first part");
    assert!(matches!(session.receive(part(1, "com.x", false)), Action::Forward(_)));
    assert!(matches!(session.receive(part(1, "com.x", false)), Action::Authorize), "a new call");
    session.authorized(ruling(true));
    session.receive(part(3, "com.x", true));
    session.authorized(ruling(true));
    assert_eq!(abort_reason(&session.receive(part(3, "com.z", true))), VIOLATION);
}

#[test]
fn a_session_that_ends_while_it_waits_is_told_nothing() {
    let mut session = session();
    session.receive(call(1, "com.x"));
    let action = session.shut_down(ErrorUri::SYSTEM_SHUTDOWN, "", CloseCode::GOING_AWAY);
    assert!(matches!(action, Action::Leave));
    assert!(matches!(session.authorized(ruling(true)), Action::Nothing));
    assert!(matches!(session.left(), Action::Send(Message::Goodbye(_))));
}

/// What is asked of a session that is not there to wait is answered by no.
#[test]
fn what_cannot_wait_is_not_allowed() {
    let rules = asking(Vec::new(), PolicyFlags::default());
    assert!(Act::ALL.iter().all(|action| !rules.allows(*action, &Uri::from("com.x"), MatchPolicy::Exact)));
    let judged = rules.judge_publish(&Uri::from("com.x"), &mut PublishOptions::default());
    assert_eq!(judged.unwrap_err().1, ErrorUri::NOT_AUTHORIZED);
}

/// All URIs of one to three components of these.
fn universe() -> Vec<String> {
    let letters = ["a", "b", "ab"];
    let mut all: Vec<String> = letters.map(str::to_owned).into();
    for _ in 0..2 {
        let longer: Vec<String> =
            all.iter().flat_map(|start| letters.map(|letter| format!("{start}.{letter}"))).collect();
        all.extend(longer);
    }
    all
}

/// By the definition of the three policies, and nothing else.
fn matches_naively(text: &str, policy: MatchPolicy, uri: &str) -> bool {
    match policy {
        MatchPolicy::Exact => text == uri,
        MatchPolicy::Prefix => uri.starts_with(text),
        MatchPolicy::Wildcard => {
            let (pattern, parts): (Vec<&str>, Vec<&str>) = (text.split('.').collect(), uri.split('.').collect());
            pattern.len() == parts.len() && pattern.iter().zip(parts).all(|(a, b)| a.is_empty() || *a == b)
        }
    }
}

const PATTERNS: [(&str, MatchPolicy); 9] = [
    ("a.b", MatchPolicy::Exact),
    ("b", MatchPolicy::Exact),
    ("", MatchPolicy::Prefix),
    ("a", MatchPolicy::Prefix),
    ("a.", MatchPolicy::Prefix),
    ("a.", MatchPolicy::Wildcard),
    (".b", MatchPolicy::Wildcard),
    ("a..b", MatchPolicy::Wildcard),
    (".", MatchPolicy::Wildcard),
];

/// One case of the matrix: patterns by their place.
#[derive(Clone, Copy, Debug)]
struct Case {
    action: Act,
    asked: usize,
    allow: usize,
    deny: Option<usize>,
    /// Whether the rule that denies is about this action.
    of_this_action: bool,
    flag: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        let patterns = 0..PATTERNS.len();
        for action in Act::ALL {
            let lawful = |asked: &usize| {
                PATTERNS[*asked].1 == MatchPolicy::Exact || matches!(action, Act::Register | Act::Subscribe)
            };
            for asked in patterns.clone().filter(lawful) {
                for allow in patterns.clone() {
                    for deny in patterns.clone().map(Some).chain([None]) {
                        for (of_this_action, flag) in [(true, true), (true, false), (false, true), (false, false)] {
                            cases.push(Self { action, asked, allow, deny, of_this_action, flag });
                        }
                    }
                }
            }
        }
        cases
    }

    /// Whether the rule that allows covers what is asked. `sets`: the URIs that each pattern matches, one bit each.
    fn is_inside(self, sets: &[u64]) -> bool {
        // A prefix may be longer than any URI here: no wildcard contains one, whatever there is.
        let beyond = PATTERNS[self.asked].1 == MatchPolicy::Prefix && PATTERNS[self.allow].1 == MatchPolicy::Wildcard;
        sets[self.asked] & !sets[self.allow] == 0 && !beyond
    }

    fn expected(self, sets: &[u64]) -> bool {
        let (text, policy) = PATTERNS[self.asked];
        let is_pattern = policy != MatchPolicy::Exact;
        let is_all = is_pattern && text.bytes().all(|octet| octet == b'.');
        let flagged = self.flag || !(is_all || is_pattern && self.action == Act::Register);
        let denied = self.deny.is_some_and(|deny| self.of_this_action && sets[deny] & sets[self.asked] != 0);
        flagged && !denied && self.is_inside(sets)
    }

    fn flags(self) -> PolicyFlags {
        let flag = self.flag;
        PolicyFlags { allow_match_all: flag, allow_pattern_register: flag, ..PolicyFlags::default() }
    }

    fn deny(self) -> Vec<Rule> {
        let other = if self.action == Act::Call { Act::Publish } else { Act::Call };
        let action = if self.of_this_action { self.action } else { other };
        self.deny.map(|deny| rule(deny, action)).into_iter().collect()
    }

    fn by_rules(self) -> bool {
        let allow = vec![rule(self.allow, self.action)];
        let policy = Policy::new(PolicyRules { allow, deny: self.deny(), flags: self.flags() });
        let (text, match_policy) = PATTERNS[self.asked];
        let rules = Rules { policy: Arc::new(policy), ..Rules::default() };
        rules.allows(self.action, &Uri::from(text), match_policy)
    }

    fn by_asking(self, sets: &[u64]) -> bool {
        let (text, match_policy) = PATTERNS[self.asked];
        let mut session = featured(asking(self.deny(), self.flags()));
        let message = match self.action {
            Act::Call => call(1, text),
            Act::Publish => publish(text, true),
            Act::Subscribe => subscribe(text, match_policy),
            Act::Register => register(text, match_policy),
        };
        let got = match session.receive(message) {
            Action::Authorize => session.authorized(ruling(self.is_inside(sets))),
            unasked => unasked,
        };
        matches!(got, Action::Forward(_))
    }
}

fn rule(pattern: usize, action: Act) -> Rule {
    let (text, policy) = PATTERNS[pattern];
    Rule {
        pattern: Pattern::literal(policy, text).unwrap(),
        actions: [action].into_iter().collect(),
        disclose: Vec::new().into_iter().collect(),
        source: "".into(),
    }
}

/// The permission matrix: action x match x rule kind x allow and deny x flags x static and dynamic, against an evaluator that
/// tries every URI there is. What an authorizer says is what the rules say that the static role has in its place.
#[test]
fn a_role_that_asks_gets_what_one_with_rules_gets_where_its_authorizer_says_what_they_say() {
    let universe = universe();
    let set_of = |(text, policy): (&str, MatchPolicy)| -> u64 {
        let bit = |(place, uri): (usize, &String)| u64::from(matches_naively(text, policy, uri)) << place;
        universe.iter().enumerate().map(bit).sum()
    };
    let sets = PATTERNS.map(set_of);
    let cases = Case::all();
    assert_eq!(cases.len(), (2 * 2 + 2 * 9) * 9 * 10 * 4);
    for case in cases {
        let expected = case.expected(&sets);
        assert_eq!(case.by_rules(), expected, "static: {case:?}");
        assert_eq!(case.by_asking(&sets), expected, "dynamic: {case:?}");
    }
}
