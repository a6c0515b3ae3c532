//! The permission matrix in one running router: action x match x kind of rule x allow and deny x disclose x rules and
//! authorizer, by a reload and by `wharf.admin.role.set`. What open sessions see is what a naive evaluator says, and what they
//! had and may have no longer is taken from them and told. Source: section 12 of the reference; `docs/RELOAD.md`.

use crate::router::Router;
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Map, Value};
use std::collections::BTreeMap;

const ROLES: usize = 20;
const DENIED: &str = "wamp.error.not_authorized";

/// Of `s3cret`, cheap, as the reference implementation of Argon2 makes it.
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$hVkCeh+dOgNnq5+nhy1RcPn6CgQORZAP8ksG63wI5XE";

const CONFIG: &str = r#"
[node]
data_dir = "data"

[observability.log]
level = "info"

[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "metrics"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".roles.admin]
call = ["wharf.*"]
"#;

const PATTERNS: [(&str, &str); 9] = [
    ("a.b", "exact"),
    ("b", "exact"),
    ("", "prefix"),
    ("a", "prefix"),
    ("a.", "prefix"),
    ("a.", "wildcard"),
    (".b", "wildcard"),
    ("a..b", "wildcard"),
    (".", "wildcard"),
];

/// What is called and published to: the witness serves and hears all of it.
const URIS: [&str; 3] = ["a.b", "a.ab.b", "ab.b"];

const ACTIONS: [&str; 4] = ["call", "publish", "register", "subscribe"];

/// By the definition of the three policies, and nothing else.
fn matches((text, policy): (&str, &str), uri: &str) -> bool {
    match policy {
        "exact" => text == uri,
        "prefix" => uri.starts_with(text),
        _ => {
            let (pattern, parts): (Vec<&str>, Vec<&str>) = (text.split('.').collect(), uri.split('.').collect());
            pattern.len() == parts.len() && pattern.iter().zip(parts).all(|(a, b)| a.is_empty() || *a == b)
        }
    }
}

/// All URIs of one to three components of a small alphabet.
fn universe() -> Vec<String> {
    let letters = ["a", "b", "ab"];
    let mut all: Vec<String> = letters.map(str::to_owned).into();
    for _ in 0..2 {
        let longer = all.iter().flat_map(|start| letters.map(|letter| format!("{start}.{letter}")));
        let longer: Vec<String> = longer.collect();
        all.extend(longer);
    }
    all
}

/// What one role may do.
#[derive(Clone, Copy, Debug)]
struct Rules {
    allow: (&'static str, &'static str),
    deny: Option<(&'static str, &'static str)>,
    /// Only register and subscribe are denied.
    deny_half: bool,
    flag: bool,
    disclose: bool,
    /// By asking an authorizer, who says what the rule that allows would.
    dynamic: bool,
}

/// What a request comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Expected {
    /// Whether a role with an authorizer asks it.
    asks: bool,
    inside: bool,
    allowed: bool,
}

impl Rules {
    /// All of them, so mixed that those that follow each other have little in common.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for allow in [0, 2, 4, 5, 7] {
            for deny in [None, Some(0), Some(3), Some(6)] {
                for bits in 0..8_usize {
                    let [flag, disclose, dynamic] = [1, 2, 4].map(|bit| bits & bit != 0);
                    let deny_half = (allow + bits) % 2 == 1;
                    let (allow, deny) = (PATTERNS[allow], deny.map(|deny: usize| PATTERNS[deny]));
                    all.push(Self { allow, deny, deny_half, flag, disclose, dynamic });
                }
            }
        }
        (0..all.len()).map(|place| all[place * 37 % all.len()]).collect()
    }

    fn denies(self, action: &str) -> bool {
        !self.deny_half || ["register", "subscribe"].contains(&action)
    }

    /// Tries every URI there is.
    fn expected(self, action: &str, asked: (&str, &str)) -> Expected {
        let universe = universe();
        let all = |uri: &&String| matches(asked, uri);
        let is_pattern = asked.1 != "exact";
        let is_all = is_pattern && asked.0.bytes().all(|octet| octet == b'.');
        let flagged = self.flag || !(is_all || is_pattern && action == "register");
        let overlaps = |deny: (&str, &str)| universe.iter().filter(all).any(|uri| matches(deny, uri));
        let denied = self.denies(action) && self.deny.is_some_and(overlaps);
        // A prefix may be longer than any URI here: no wildcard contains one, and no exact rule.
        let beyond = asked.1 == "prefix" && self.allow.1 != "prefix" || is_pattern && self.allow.1 == "exact";
        let inside = !beyond && universe.iter().filter(all).all(|uri| matches(self.allow, uri));
        Expected { asks: self.dynamic && flagged && !denied, inside, allowed: flagged && !denied && inside }
    }

    /// Whether what a session has already stays: an authorizer is not asked about that.
    fn leaves(self, action: &str, asked: (&str, &str)) -> bool {
        let expected = self.expected(action, asked);
        expected.allowed || expected.asks
    }

    /// As the configuration has it.
    fn settings(self) -> Value {
        let mut permissions = Vec::new();
        let mut settings = Map::new();
        if self.dynamic {
            settings.insert("authorizer".to_owned(), json!({ "procedure": "x.authorize" }));
        } else {
            let disclose: &[&str] = if self.disclose { &["caller", "publisher"] } else { &[] };
            let (uri, policy) = self.allow;
            permissions.push(json!({ "uri": uri, "match": policy, "allow": ACTIONS, "disclose": disclose }));
        }
        if let Some((uri, policy)) = self.deny {
            let denied: Vec<&str> = ACTIONS.into_iter().filter(|action| self.denies(action)).collect();
            permissions.push(json!({ "uri": uri, "match": policy, "allow": [], "deny": denied }));
        }
        settings.insert("permissions".to_owned(), permissions.into());
        settings.insert("allow_match_all".to_owned(), self.flag.into());
        settings.insert("allow_pattern_register".to_owned(), self.flag.into());
        settings.into()
    }
}

/// Serves what is called, hears what is published, and decides for roles that ask.
struct Witness {
    peer: WebSocketPeer,
    session: Value,
    judged: usize,
}

impl Witness {
    fn of(router: &Router, realm: &str) -> Self {
        let (mut peer, session) = login(router, realm, "witness");
        peer.register("x.authorize");
        for uri in URIS {
            peer.register(uri);
            peer.subscribe(uri);
        }
        Self { peer, session, judged: 0 }
    }

    fn answer(&mut self, args: &Value) -> Value {
        let invocation = self.peer.expect(68);
        self.peer.send(&json!([70, invocation[1], {}, args]));
        invocation
    }

    /// Answers as the authorizer of these rules.
    fn judge(&mut self, rules: Rules, action: &str, uri: &str, inside: bool) {
        let verdict = json!([{ "allow": inside, "disclose": rules.disclose }]);
        let invocation = self.answer(&verdict);
        assert_eq!((&invocation[4][1], &invocation[4][2]), (&json!(uri), &json!(action)));
        self.judged += 1;
    }
}

fn login(router: &Router, realm: &str, authid: &str) -> (WebSocketPeer, Value) {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let with = |feature: &str| json!({ "features": { feature: true } });
    let roles = json!({
        "caller": {}, "publisher": {},
        "callee": with("registration_revocation"), "subscriber": with("subscription_revocation"),
    });
    peer.send(&json!([1, realm, { "roles": roles, "authmethods": ["ticket"], "authid": authid }]));
    peer.expect(4);
    peer.send(&json!([5, "s3cret", {}]));
    let welcome = peer.expect(2);
    (peer, welcome[1].clone())
}

/// An open session of one role, over all of its changes.
struct Subject {
    peer: WebSocketPeer,
    session: Value,
    /// By action and place of the pattern.
    held: BTreeMap<(&'static str, usize), Value>,
    cases: usize,
    revoked: usize,
}

impl Subject {
    fn of(router: &Router, realm: &str, authid: &str) -> Self {
        let (peer, session) = login(router, realm, authid);
        Self { peer, session, held: BTreeMap::new(), cases: 0, revoked: 0 }
    }

    /// Its role has other rules: what they forbid is gone, and told.
    fn hears_of(&mut self, rules: Rules) {
        let gone: Vec<(&'static str, usize)> = self.held.keys().copied().collect();
        let gone = gone.into_iter().filter(|(action, place)| !rules.leaves(action, PATTERNS[*place]));
        let mut expected: Vec<String> = gone
            .map(|key| {
                let id = self.held.remove(&key).unwrap();
                let (code, name) = if key.0 == "register" { (67, "registration") } else { (35, "subscription") };
                json!([code, 0, { name: id, "reason": DENIED }]).to_string()
            })
            .collect();
        let mut told: Vec<String> = expected.iter().map(|_| self.peer.receive().to_string()).collect();
        expected.sort();
        told.sort();
        assert_eq!(told, expected, "{rules:?}");
        self.revoked += told.len();
    }

    /// Tries all that there is; each answer is what the naive evaluator says.
    fn tries_all(&mut self, rules: Rules, witness: &mut Witness) {
        for (place, asked) in PATTERNS.into_iter().enumerate() {
            for action in ["subscribe", "register"] {
                self.tries_to_hold(rules, witness, action, place, asked);
            }
        }
        for uri in URIS {
            self.calls(rules, witness, uri);
            self.publishes(rules, witness, uri);
        }
    }

    fn begins(&mut self, rules: Rules, witness: &mut Witness, action: &str, asked: (&str, &str)) -> Expected {
        self.cases += 1;
        let expected = rules.expected(action, asked);
        if expected.asks {
            witness.judge(rules, action, asked.0, expected.inside);
        }
        expected
    }

    fn is_refused(&mut self, rules: Rules, action: &str, asked: (&str, &str)) {
        let answer = self.peer.receive();
        assert_eq!((&answer[0], &answer[4]), (&json!(8), &json!(DENIED)), "{action} {asked:?} {rules:?}: {answer}");
    }

    fn tries_to_hold(
        &mut self,
        rules: Rules,
        witness: &mut Witness,
        action: &'static str,
        place: usize,
        asked: (&str, &str),
    ) {
        let request = self.peer.next_request();
        let (code, done) = if action == "register" { (64, 65) } else { (32, 33) };
        self.peer.send(&json!([code, request, { "match": asked.1, "invoke": "roundrobin" }, asked.0]));
        if !self.begins(rules, witness, action, asked).allowed {
            return self.is_refused(rules, action, asked);
        }
        let answer = self.peer.receive();
        // The witness has some of the procedures for itself, and nobody registers twice.
        if answer[0] == 8 {
            assert_eq!(answer[4], "wamp.error.procedure_already_exists", "{action} {asked:?} {rules:?}: {answer}");
        } else {
            assert_eq!(answer[0], done, "{action} {asked:?} {rules:?}: {answer}");
            self.held.insert((action, place), answer[2].clone());
        }
    }

    fn calls(&mut self, rules: Rules, witness: &mut Witness, uri: &str) {
        let request = self.peer.next_request();
        self.peer.send(&json!([48, request, {}, uri]));
        if !self.begins(rules, witness, "call", (uri, "exact")).allowed {
            return self.is_refused(rules, "call", (uri, "exact"));
        }
        let invocation = witness.answer(&json!([]));
        let disclosed = if rules.disclose { self.session.clone() } else { Value::Null };
        assert_eq!(invocation[3]["caller"], disclosed, "{uri} {rules:?}: {invocation}");
        self.peer.expect(50);
    }

    fn publishes(&mut self, rules: Rules, witness: &mut Witness, uri: &str) {
        let request = self.peer.next_request();
        let options = json!({ "acknowledge": true, "eligible": [witness.session] });
        self.peer.send(&json!([16, request, options, uri]));
        if !self.begins(rules, witness, "publish", (uri, "exact")).allowed {
            return self.is_refused(rules, "publish", (uri, "exact"));
        }
        self.peer.expect(17);
        let event = witness.peer.expect(36);
        let disclosed = if rules.disclose { self.session.clone() } else { Value::Null };
        assert_eq!(event[3]["publisher"], disclosed, "{uri} {rules:?}: {event}");
    }
}

fn role(number: usize) -> String {
    format!("r{number}")
}

/// A realm with a witness, and a user for each role.
fn realm(ticket: &Value) -> Value {
    let user =
        |role: String| (role.clone(), json!({ "role": role, "ticket": ticket["ticket"], "hash": ticket["hash"] }));
    let users = (0..ROLES).map(role).chain(["witness".to_owned()]).map(user);
    let users = users.map(|(name, user)| {
        let keys = user.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null());
        (name, Value::Object(keys.collect()))
    });
    let users: Map<String, Value> = users.collect();
    let none = (0..ROLES).map(|number| (role(number), json!({ "call": [] })));
    let witness = json!({ "register": ["*"], "subscribe": ["*"] });
    let roles: Map<String, Value> = none.chain([("witness".to_owned(), witness)]).collect();
    json!({ "auth": { "ticket": { "users": users } }, "roles": roles })
}

/// What became of all cases: so many, and so many subscriptions and registrations were taken back.
fn run(router: &Router, name: &str, mut change: impl FnMut(&[Rules])) -> (usize, usize, usize) {
    let mut witness = Witness::of(router, name);
    let mut subjects: Vec<Subject> = (0..ROLES).map(|number| Subject::of(router, name, &role(number))).collect();
    for batch in Rules::all().chunks(ROLES) {
        change(batch);
        for (subject, rules) in subjects.iter_mut().zip(batch) {
            subject.hears_of(*rules);
            subject.tries_all(*rules, &mut witness);
        }
    }
    subjects.iter_mut().for_each(|subject| assert!(subject.peer.octets(&[]), "it is still there"));
    let sum = |of: fn(&Subject) -> usize| subjects.iter().map(of).sum();
    (sum(|subject| subject.cases), sum(|subject| subject.revoked), witness.judged)
}

/// 160 sets of rules, each asked 24 things by an open session whose role they become.
const CASES: usize = 160 * (2 * 9 + 2 * 3);

/// Issue 4, tests: the matrix, with "after a reload".
#[test]
fn after_a_reload_open_sessions_see_what_the_naive_evaluator_says() {
    let with = |roles: &[Rules]| {
        let mut realm = realm(&json!({ "ticket": { "file": "ticket" } }));
        for (number, rules) in roles.iter().enumerate() {
            realm["roles"][role(number)] = rules.settings();
        }
        format!("{CONFIG}\n{}", toml::to_string(&json!({ "realms": { "filed": realm } })).unwrap())
    };
    let router = Router::of(&with(&[]), &[]);
    let (cases, revoked, judged) = run(&router, "filed", |batch| assert!(router.reload(&with(batch))));
    assert_eq!(cases, CASES);
    assert!(revoked > 100 && judged > 500, "{revoked} taken back, {judged} asked about");
}

/// Issue 4, tests: the matrix, with "made at run time".
#[test]
fn what_is_made_at_run_time_is_seen_by_open_sessions_as_the_naive_evaluator_says() {
    let router = Router::of(CONFIG, &[]);
    let (mut admin, _) = login(&router, "wharf.admin", "root");
    let mut ask = |procedure: &str, kwargs: Value| {
        let request = admin.next_request();
        admin.send(&json!([48, request, {}, format!("wharf.admin.{procedure}"), [], kwargs]));
        admin.expect(50);
    };
    ask("realm.create", json!({ "realm": "made", "settings": realm(&json!({ "hash": HASH })) }));
    let (cases, revoked, judged) = run(&router, "made", |batch| {
        for (number, rules) in batch.iter().enumerate() {
            ask("role.set", json!({ "realm": "made", "role": role(number), "settings": rules.settings() }));
        }
    });
    assert_eq!(cases, CASES);
    assert!(revoked > 100 && judged > 500, "{revoked} taken back, {judged} asked about");
}
