//! The hot paths of the routing core: matching, PUBLISH to few and many, CALL to RESULT. `cargo bench --bench routing`.
//!
//! Each figure is of the core alone: commands in, effects out and dropped. Matching is measured through PUBLISH to one
//! subscriber, with 10 and with 100,000 other entries in the same index.

#![expect(clippy::unwrap_used, reason = "a bench that is surprised has failed")]

use criterion::{criterion_group, criterion_main, BatchSize, BenchmarkId, Criterion};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use wharf::routing::{
    Effect, Effects, HistoryRule, Member, Realm, RealmLimits, RealmRules, SessionKey, TopicRule, UriTable,
};
use wharf::wamp::message::{Call, Publish, Register, Subscribe, Yield};
use wharf::wamp::options::{CallOptions, PublishOptions, RegisterOptions, ResultOptions, SubscribeOptions};
use wharf::wamp::role::{Announced, CalleeFeatures};
use wharf::wamp::{
    Dict, InvocationId, MatchPolicy, Message, Payload, RawPayload, RequestId, Serialization, SessionId, Uri,
};

struct Bench {
    realm: Realm,
    effects: Effects,
    now: Instant,
    request: RequestId,
}

impl Bench {
    fn new() -> Self {
        Self::with(UriTable::default())
    }

    fn with(topics: UriTable<TopicRule>) -> Self {
        let limits = RealmLimits { subscriptions_per_session_max: usize::MAX, ..RealmLimits::default() };
        let rules = RealmRules { limits, topics: Arc::new(topics), ..RealmRules::default() };
        let realm = Realm::with_rules(rules, 1);
        Self { realm, effects: Effects::new(), now: Instant::now(), request: RequestId::FIRST }
    }

    fn join(&mut self, session: u64) -> SessionKey {
        let callee_features = CalleeFeatures { call_canceling: true, ..CalleeFeatures::default() };
        let announced = Announced {
            publisher: true,
            subscriber: true,
            caller: true,
            callee: true,
            callee_features,
            ..Announced::default()
        };
        let member = Member {
            session: SessionId::new(session).unwrap(),
            authid: Arc::from("ann"),
            authrole: Arc::from("user"),
            authmethod: Arc::from("anonymous"),
            authprovider: Arc::from("static"),
            announced,
            entrance: wharf::wamp::Entrance::default(),
            transport: Dict::new(),
            permit: wharf::routing::Permit::default(),
        };
        self.realm.join(self.now, member, &mut self.effects).unwrap()
    }

    fn subscribe(&mut self, session: SessionKey, topic: &str, match_policy: MatchPolicy) {
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        let message = Subscribe { request: self.next_request(), options, topic: topic.into() };
        self.realm.handle(self.now, session, message.into(), &mut self.effects);
        self.effects.drain();
    }

    fn publish(&mut self, from: SessionKey, topic: &Uri, payload: &Payload) -> usize {
        self.publish_with(from, topic, payload, PublishOptions::default())
    }

    fn publish_with(&mut self, from: SessionKey, topic: &Uri, payload: &Payload, options: PublishOptions) -> usize {
        let request = self.next_request();
        let message = Publish { request, options, topic: topic.clone(), payload: payload.clone() };
        self.realm.handle(self.now, from, message.into(), &mut self.effects);
        let effects = self.effects.as_slice().len();
        self.effects.drain();
        effects
    }

    fn next_request(&mut self) -> RequestId {
        self.request = self.request.next();
        self.request
    }
}

fn payload() -> Payload {
    let tail = bytes::Bytes::from_static(br#"["hello",1,2,3]"#);
    Payload::Raw(RawPayload::new(Serialization::Json, tail, 15, None))
}

/// The pattern of entry `nth`, and a topic that it alone matches.
fn entry(policy: MatchPolicy, nth: usize) -> (String, String) {
    let topic = format!("com.shop.region{}.store{nth}.sold", nth % 100);
    match policy {
        MatchPolicy::Exact => (topic.clone(), topic),
        MatchPolicy::Prefix => (format!("com.shop.region{}.store{nth}.", nth % 100), topic),
        MatchPolicy::Wildcard => (format!("com.shop..store{nth}.sold"), topic),
    }
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for policy in MatchPolicy::ALL {
        for entries in [10, 100_000] {
            let mut bench = Bench::new();
            let (publisher, subscriber) = (bench.join(1), bench.join(2));
            let mut topics = Vec::new();
            for nth in 0..entries {
                let (pattern, topic) = entry(*policy, nth);
                bench.subscribe(subscriber, &pattern, *policy);
                topics.push(Uri::from(topic));
            }
            // The same ten topics are asked for in both sizes: what is compared is the index, not the memory.
            let asked: Vec<Uri> = (0..10).map(|nth| topics[nth * entries / 10].clone()).collect();
            let payload = payload();
            let mut nth = 0;
            group.bench_function(BenchmarkId::new(policy.as_str(), entries), |bencher| {
                bencher.iter(|| {
                    nth = (nth + 1) % asked.len();
                    assert_eq!(bench.publish(publisher, &asked[nth], &payload), 1);
                });
            });
        }
    }
    group.finish();
}

fn adversarial(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let (publisher, subscriber) = (bench.join(1), bench.join(2));
    for nth in 0..10_000_u64 {
        let components = (0..31).map(|bit| if (nth * 0x9E37_79B9) >> bit & 1 == 0 { "" } else { "x" });
        let pattern = components.chain(["x"]).collect::<Vec<_>>().join(".");
        bench.subscribe(subscriber, &pattern, MatchPolicy::Wildcard);
    }
    let payload = payload();
    let mut group = criterion.benchmark_group("10000 overlapping wildcards");
    for (name, last, least) in [("that fit but for the end", "y", 0), ("that all fit", "x", 9_000)] {
        let topic = Uri::from([["x"; 31].join(".").as_str(), last].join("."));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert!(bench.publish(publisher, &topic, &payload) >= least));
        });
    }
    group.finish();
}

fn publishing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish");
    for receivers in [1, 10, 1000] {
        let mut bench = Bench::new();
        let publisher = bench.join(1);
        for nth in 0..receivers {
            let subscriber = bench.join(nth + 2);
            bench.subscribe(subscriber, "com.shop.sold", MatchPolicy::Exact);
        }
        let (topic, payload) = (Uri::from("com.shop.sold"), payload());
        group.bench_function(BenchmarkId::from_parameter(receivers), |bencher| {
            bencher.iter(|| assert_eq!(bench.publish(publisher, &topic, &payload), 1));
        });
    }
    group.finish();
}

/// What it costs to keep an event, next to one that is not kept, to one subscriber.
fn keeping(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish and keep");
    let history = Some(HistoryRule { limit: 100, max_age: None, durable: false });
    let rule = |history| TopicRule { history, ..TopicRule::default() };
    for (name, policy, pattern, rule) in [
        ("nothing, with a rule", MatchPolicy::Exact, "com.shop.sold", rule(None)),
        ("history, exact", MatchPolicy::Exact, "com.shop.sold", rule(history)),
        ("history, by prefix", MatchPolicy::Prefix, "com.", rule(history)),
    ] {
        let mut bench = Bench::with(UriTable::new(vec![(policy, Uri::from(pattern), rule)]));
        let (publisher, subscriber) = (bench.join(1), bench.join(2));
        bench.subscribe(subscriber, "com.shop.sold", MatchPolicy::Exact);
        let (topic, payload) = (Uri::from("com.shop.sold"), payload());
        group.bench_function(name, |bencher| bencher.iter(|| bench.publish(publisher, &topic, &payload)));
    }
    for others in [0, 50_000] {
        let mut bench = Bench::new();
        let (publisher, subscriber) = (bench.join(1), bench.join(2));
        bench.subscribe(subscriber, "com.shop.sold", MatchPolicy::Exact);
        let retain = || PublishOptions { retain: true, ..PublishOptions::default() };
        let payload = payload();
        for nth in 0..others {
            let (topic, _) = entry(MatchPolicy::Exact, nth);
            bench.publish_with(publisher, &Uri::from(topic), &payload, retain());
        }
        let topic = Uri::from("com.shop.sold");
        group.bench_function(BenchmarkId::new("nothing, beside so many retained", others), |bencher| {
            bencher.iter(|| bench.publish(publisher, &topic, &payload));
        });
        group.bench_function(BenchmarkId::new("retained, beside so many others", others), |bencher| {
            bencher.iter(|| bench.publish_with(publisher, &topic, &payload, retain()));
        });
    }
    group.finish();
}

fn calling(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    let (caller, callee) = (bench.join(1), bench.join(2));
    let procedure = Uri::from("com.shop.total");
    let register =
        Register { request: RequestId::FIRST, options: RegisterOptions::default(), procedure: procedure.clone() };
    bench.realm.handle(bench.now, callee, register.into(), &mut bench.effects);
    bench.effects.drain();
    let payload = payload();
    criterion.bench_function("call to result", |bencher| {
        bencher.iter(|| {
            let (request, options) = (bench.next_request(), CallOptions::default());
            let call = Call { request, options, procedure: procedure.clone(), payload: payload.clone() };
            bench.realm.handle(bench.now, caller, call.into(), &mut bench.effects);
            let invocation = invocation(&bench.effects);
            bench.effects.drain();
            let answer = Yield { request: invocation, options: ResultOptions::default(), payload: payload.clone() };
            bench.realm.handle(bench.now, callee, answer.into(), &mut bench.effects);
            black_box(bench.effects.as_slice());
            bench.effects.drain();
        });
    });
}

fn leaving(criterion: &mut Criterion) {
    criterion.bench_function("100 of 100000 subscribers leave", |bencher| {
        let mut bench = Bench::new();
        for nth in 1..=100_000 {
            let subscriber = bench.join(nth);
            bench.subscribe(subscriber, "com.shop.sold", MatchPolicy::Exact);
        }
        let mut session = 100_000;
        bencher.iter_batched(
            || (),
            |()| {
                for _ in 0..100 {
                    let oldest = SessionId::new(session - 99_999).unwrap();
                    let key = bench.realm.key(oldest).unwrap();
                    bench.realm.leave(bench.now, key, &mut bench.effects);
                    session += 1;
                    let subscriber = bench.join(session);
                    bench.subscribe(subscriber, "com.shop.sold", MatchPolicy::Exact);
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn invocation(effects: &Effects) -> InvocationId {
    match effects.as_slice() {
        [Effect::Send { message: Message::Invocation(invocation), .. }] => invocation.request,
        other => panic!("INVOCATION expected, got {other:?}"),
    }
}

criterion_group!(benches, matching, adversarial, publishing, keeping, calling, leaving);
criterion_main!(benches);
