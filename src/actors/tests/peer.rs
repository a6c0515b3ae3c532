//! A peer on a connection in memory: it says JSON and hears JSON.

use crate::actors::clock;
use crate::actors::connection::{Arrival, Connection, Fault, Pings};
use crate::actors::logins::Logins;
use crate::actors::pressure::Pressure;
use crate::actors::realms::{Lookup, RealmsActor};
use crate::actors::session::{Gone, Opening, SessionActor, Times};
use crate::actors::settings::{OnOverflow, OutboxSettings, RealmSettings, RoleSettings};
use crate::actors::RealmShared;
use crate::auth::{AnonymousSettings, AuthSettings};
use crate::authz::{Action, Actions, Pattern, Policy, PolicyFlags, PolicyRules, Rule};
use crate::observe::{Metrics, Tally};
use crate::routing::RealmRules;
use crate::session::CloseCode;
use crate::storage::StoreLink;
use crate::wamp::uri::UriRules;
use crate::wamp::{Dict, Serialization, Uri};
use actix::{Actor, Addr, Context, Handler};
use bytes::Bytes;
use serde_json::{json, Value};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Default)]
struct Wire {
    to_router: VecDeque<Arrival>,
    /// Taken and not sent: as TLS does, this connection keeps everything back until it is flushed.
    kept_back: Vec<u8>,
    to_peer: VecDeque<u8>,
    /// Octets that the peer takes; `None`: all.
    window: Option<usize>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    close_code: Option<u16>,
    closed: bool,
}

/// The router's end: each message is a line.
struct Pipe {
    wire: Rc<RefCell<Wire>>,
    heard: Rc<Notify>,
}

impl Connection for Pipe {
    fn serialization(&self) -> Serialization {
        Serialization::Json
    }

    fn poll_arrivals(
        &mut self,
        cx: &mut std::task::Context<'_>,
        arrivals: &mut VecDeque<Arrival>,
    ) -> Poll<Result<(), Fault>> {
        let mut wire = self.wire.borrow_mut();
        if wire.to_router.is_empty() {
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        arrivals.extend(wire.to_router.drain(..));
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut std::task::Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut wire = self.wire.borrow_mut();
        let taken = wire.window.map_or(octets.len(), |window| window.min(octets.len()));
        if taken == 0 {
            wire.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.kept_back.extend(&octets[..taken]);
        if let Some(window) = &mut wire.window {
            *window -= taken;
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire.borrow_mut();
        let octets = std::mem::take(&mut wire.kept_back);
        if !octets.is_empty() {
            wire.to_peer.extend(octets);
            self.heard.notify_one();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        out.len()
    }

    fn finish(&self, out: &mut Vec<u8>, _: usize) {
        out.push(b'\n');
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"ping\"\n");
    }

    fn pong(&self, out: &mut Vec<u8>, _: &[u8]) {
        out.extend_from_slice(b"\"pong\"\n");
    }

    fn close(&self, _: &mut Vec<u8>, code: CloseCode) {
        self.wire.borrow_mut().close_code = Some(code.0);
    }

    fn peer_message_max(&self) -> usize {
        1 << 20
    }

    fn pings(&self) -> Pings {
        Pings::Always
    }

    fn knows_agent(&self, _: &str) -> bool {
        true
    }

    fn details(&self) -> Dict {
        Dict::new()
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.wire.borrow_mut().closed = true;
        self.heard.notify_one();
    }
}

/// Takes note of sessions that are gone.
struct Undertaker;

impl Actor for Undertaker {
    type Context = Context<Self>;
}

impl Handler<Gone> for Undertaker {
    type Result = ();

    fn handle(&mut self, _: Gone, _: &mut Self::Context) {}
}

/// A router of one thread, without sockets.
pub(super) struct Router {
    pub(super) realms: Addr<RealmsActor>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) tally: Tally,
    pub(super) pressure: Pressure,
    pub(super) handshake_timeout: Duration,
}

/// A realm in which anonymous may do everything.
pub(in crate::actors) fn open_realm(outbox: OutboxSettings) -> RealmSettings {
    let rule = |text: &str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let flags = PolicyFlags {
        allow_match_all: true,
        allow_pattern_register: true,
        allow_force_reregister: true,
        allow_disclose_caller: true,
        ..PolicyFlags::default()
    };
    let policy = Policy::new(PolicyRules { allow: vec![rule("*"), rule("wamp.*")], deny: Vec::new(), flags });
    let role = RoleSettings { policy: Arc::new(policy), authorizer: None, rate: None, on_overflow: None };
    assert!(role.policy.check(Action::Call, "a.b", crate::wamp::MatchPolicy::Exact).allowed);
    let anonymous = AnonymousSettings { role: "anonymous".to_owned(), listeners: Vec::new(), http: true };
    RealmSettings {
        name: "realm1".to_owned(),
        uri: Uri::from("realm1"),
        description: String::new(),
        uri_rules: UriRules::Loose,
        strict_request_ids: false,
        disclose: crate::session::Disclose::Request,
        rules: RealmRules::default(),
        revoke_on_reload: true,
        outbox,
        auth: AuthSettings { anonymous: Some(anonymous), ..AuthSettings::default() },
        roles: BTreeMap::from([("anonymous".to_owned(), role)]),
        groups: Arc::default(),
        grants: Arc::default(),
        told: Arc::default(),
    }
}

impl Router {
    pub(super) fn new() -> Self {
        Self::with_outbox(OutboxSettings::default())
    }

    pub(super) fn with_policy(on_overflow: OnOverflow, messages_max: usize) -> Self {
        Self::with_outbox(OutboxSettings { on_overflow, messages_max, ..OutboxSettings::default() })
    }

    pub(super) fn with_outbox(outbox: OutboxSettings) -> Self {
        Self::with_store(open_realm(outbox), None)
    }

    /// `first` and a `realm2` as it is, with this store.
    pub(super) fn with_store(first: RealmSettings, store: Option<StoreLink>) -> Self {
        let metrics = Metrics::new(1);
        let tally = metrics.tally(0);
        let mut second = first.clone();
        second.name = "realm2".to_owned();
        second.uri = Uri::from("realm2");
        let pressure = Pressure::default();
        let logins = Logins::new([7; 32]);
        let realms = RealmsActor::new(
            Vec::new(),
            vec![first, second],
            Vec::new(),
            tally.clone(),
            pressure.clone(),
            logins,
            store,
        )
        .start();
        Self { realms, metrics, tally, pressure, handshake_timeout: Duration::from_secs(5) }
    }

    /// What is known of a realm outside its actor.
    pub(super) async fn shared(&self, realm: &str) -> Arc<RealmShared> {
        self.realms.send(Lookup(realm.to_owned())).await.unwrap().unwrap().shared
    }

    /// A connection on which nothing was said yet.
    pub(super) fn connect(&self) -> Peer {
        let (wire, heard) = (Rc::<RefCell<Wire>>::default(), Rc::new(Notify::new()));
        let pipe = Pipe { wire: Rc::clone(&wire), heard: Rc::clone(&heard) };
        let session = SessionActor::new(Opening {
            connection: Box::new(pipe),
            number: 0,
            listener: "main".into(),
            realms: self.realms.clone(),
            gone: Undertaker.start().recipient(),
            tally: self.tally.clone(),
            times: Times {
                handshake_until: clock::now() + self.handshake_timeout,
                handshake_timeout: self.handshake_timeout,
                remote_auth_timeout: 2 * self.handshake_timeout,
                ping_interval: Duration::from_secs(20),
                ping_timeout: Duration::from_secs(10),
                ping_suspect: Duration::from_secs(2),
            },
            authenticated: None,
            listener_realms: Vec::new().into(),
        });
        Peer { wire, heard, session: session.start(), next: 1 }
    }

    /// A session.
    pub(super) async fn join(&self) -> Peer {
        self.join_realm("realm1").await
    }

    pub(super) async fn join_realm(&self, realm: &str) -> Peer {
        let mut peer = self.connect();
        peer.say(json!([1, realm, hello_details()]));
        assert_eq!(peer.hear().await[0], 2, "WELCOME");
        peer
    }
}

pub(super) fn hello_details() -> Value {
    let in_parts = json!({ "features": { "progressive_call_invocations": true } });
    let mut callee = in_parts.clone();
    callee["features"]["call_canceling"] = json!(true);
    callee["features"]["progressive_call_results"] = json!(true);
    json!({ "roles": { "publisher": {}, "subscriber": {}, "caller": in_parts, "callee": callee } })
}

/// The peer's end.
pub(super) struct Peer {
    wire: Rc<RefCell<Wire>>,
    heard: Rc<Notify>,
    pub(super) session: Addr<SessionActor>,
    next: u64,
}

impl Peer {
    /// A request id that was not used yet.
    pub(super) fn request(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn say(&self, message: Value) {
        self.arrive(Arrival::Message(Bytes::from(message.to_string())));
    }

    pub(super) fn arrive(&self, arrival: Arrival) {
        let mut wire = self.wire.borrow_mut();
        wire.to_router.push_back(arrival);
        if let Some(reader) = wire.reader.take() {
            reader.wake();
        }
    }

    /// From now on the peer takes so many octets more.
    pub(super) fn take_only(&self, octets: usize) {
        self.wire.borrow_mut().window = Some(octets);
    }

    /// The peer reads again.
    pub(super) fn take_all(&self) {
        let mut wire = self.wire.borrow_mut();
        wire.window = None;
        if let Some(writer) = wire.writer.take() {
            writer.wake();
        }
    }

    fn line(&self) -> Option<Value> {
        let mut wire = self.wire.borrow_mut();
        let end = wire.to_peer.iter().position(|octet| *octet == b'\n')?;
        let line: Vec<u8> = wire.to_peer.drain(..=end).collect();
        Some(serde_json::from_slice(&line).unwrap())
    }

    /// The next message.
    pub(super) async fn hear(&mut self) -> Value {
        self.hear_or_close().await.expect("the connection was closed")
    }

    /// The next message; `None`: the connection was closed.
    pub(super) async fn hear_or_close(&mut self) -> Option<Value> {
        let next = async {
            loop {
                if let Some(line) = self.line() {
                    return Some(line);
                }
                if self.wire.borrow().closed {
                    return None;
                }
                self.heard.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), next).await.expect("nothing was heard in time")
    }

    /// The close code, once the connection is closed.
    pub(super) async fn close_code(&mut self) -> Option<u16> {
        while let Some(message) = self.hear_or_close().await {
            assert_ne!(message[0], 2, "a second WELCOME");
        }
        self.wire.borrow().close_code
    }

    pub(super) async fn subscribe(&mut self, topic: &str) -> u64 {
        let request = self.request();
        self.say(json!([32, request, {}, topic]));
        let subscribed = self.hear().await;
        assert_eq!(subscribed[0], 33, "{subscribed}");
        subscribed[2].as_u64().unwrap()
    }

    pub(super) async fn register(&mut self, procedure: &str) {
        let request = self.request();
        self.say(json!([64, request, {}, procedure]));
        let registered = self.hear().await;
        assert_eq!(registered[0], 65, "{registered}");
    }

    pub(super) async fn publish(&mut self, topic: &str, args: Value) {
        let request = self.request();
        self.say(json!([16, request, { "acknowledge": true }, topic, args]));
        let published = self.hear().await;
        assert_eq!(published[0], 17, "{published}");
    }
}
