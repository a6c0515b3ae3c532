//! What is asked, as the command that a session sends.

use super::Run;
use crate::ask::{passed, Ask, CallWish, How, Lists, Meta, PublishWish, Thing};
use crate::model::reflection::description;
use crate::setup::{AUTHIDS, AUTHROLES};
use wharf::routing::Command;
use wharf::wamp::message::{Call, Cancel, Error, Publish, Register, Subscribe, Unregister, Unsubscribe, Yield};
use wharf::wamp::options::{
    CallOptions, CancelOptions, ErrorDetails, Listing, Ppt, PublishOptions, RegisterOptions, ResultOptions,
    SubscribeOptions,
};
use wharf::wamp::{
    Dict, InvocationId, MatchPolicy, MessageKind, Payload, RawPayload, RegistrationId, RequestId, Serialization,
    SubscriptionId, Value,
};

fn request_id(number: u64) -> RequestId {
    RequestId::new(number).unwrap()
}

/// A payload unlike any other of the run.
pub(super) fn tagged(tag: u64) -> Payload {
    let text = format!("[{tag}]");
    let length = text.len();
    Payload::Raw(RawPayload::new(Serialization::Json, bytes::Bytes::from(text), length, None))
}

impl Run {
    pub(super) fn command(&self, ask: &Ask) -> Command {
        match ask {
            Ask::Subscribe { request, topic, policy, get_retained } => {
                let options = SubscribeOptions { match_policy: *policy, get_retained: *get_retained };
                Subscribe { request: request_id(*request), options, topic: topic.as_str().into() }.into()
            }
            Ask::Unsubscribe { request, subscription } => {
                let subscription = SubscriptionId::new(*subscription).unwrap();
                Unsubscribe { request: request_id(*request), subscription }.into()
            }
            Ask::Register { request, procedure, policy, wish } => {
                let options = RegisterOptions {
                    match_policy: *policy,
                    invoke: wish.invoke,
                    disclose_caller: wish.disclose,
                    forward_timeout: wish.forward,
                    concurrency: wish.concurrency,
                    force_reregister: wish.force,
                };
                Register { request: request_id(*request), options, procedure: procedure.as_str().into() }.into()
            }
            Ask::Unregister { request, registration } => {
                let registration = RegistrationId::new(*registration).unwrap();
                Unregister { request: request_id(*request), registration }.into()
            }
            Ask::Publish { request, wish } => {
                let (request, options) = (request_id(*request), self.publish_options(wish));
                Publish { request, options, topic: wish.topic.as_str().into(), payload: tagged(wish.tag) }.into()
            }
            Ask::Call { request, wish } => called(*request, wish),
            Ask::Cancel { request, mode } => {
                Cancel { request: request_id(*request), options: CancelOptions { mode: *mode } }.into()
            }
            Ask::Answer { invocation, how, ppt, tag } => answered(*invocation, *how, *ppt, *tag),
            Ask::Meta { request, meta } => self.meta(*request, meta),
        }
    }

    fn publish_options(&self, wish: &PublishWish) -> PublishOptions {
        PublishOptions {
            acknowledge: wish.ack,
            exclude_me: wish.exclude_me,
            disclose_me: wish.disclose,
            retain: wish.retain,
            listing: self.listing(&wish.lists),
            ppt: passed(wish.ppt),
            trace: None,
        }
    }

    fn id(&self, who: usize) -> u64 {
        self.model.sessions[who].id
    }

    pub(super) fn listing(&self, lists: &Lists) -> Option<Box<Listing>> {
        let ids = |list: &Option<Vec<usize>>| list.as_ref().map(|list| list.iter().map(|who| self.id(*who)).collect());
        let texts = |list: &Option<Vec<usize>>, texts: &[&str]| {
            list.as_ref().map(|list| list.iter().map(|nth| texts[*nth].to_owned()).collect())
        };
        let listing = Listing {
            eligible: ids(&lists.eligible),
            exclude: ids(&lists.exclude),
            eligible_authid: texts(&lists.eligible_authid, &AUTHIDS),
            exclude_authid: texts(&lists.exclude_authid, &AUTHIDS),
            eligible_authrole: texts(&lists.eligible_authrole, &AUTHROLES),
            exclude_authrole: texts(&lists.exclude_authrole, &AUTHROLES),
            too_long: None,
        };
        (listing != Listing::default()).then(|| Box::new(listing))
    }

    fn meta(&self, request: u64, meta: &Meta) -> Command {
        let number = |number: u64| Value::Unsigned(number);
        let matching = |policy: MatchPolicy| Value::Dict(vec![entry("match", Value::from(policy.as_str()))]);
        let scope = |detached: bool| vec![entry("scope", Value::from(if detached { "detached" } else { "destroyed" }))];
        let (procedure, args, kwargs) = match meta {
            Meta::Count => ("wamp.session.count", vec![], vec![]),
            Meta::Kill { victim } => ("wamp.session.kill", vec![number(self.id(*victim))], vec![]),
            Meta::KillByAuthrole { authrole } => {
                ("wamp.session.kill_by_authrole", vec![Value::from(AUTHROLES[*authrole])], vec![])
            }
            Meta::KillAll => ("wamp.session.kill_all", vec![], vec![]),
            Meta::RemoveCallee { registration, victim } => (
                "wamp.registration.remove_callee",
                vec![number(*registration), number(self.id(*victim)), Value::from("why")],
                vec![],
            ),
            Meta::RemoveSubscriber { subscription, victim } => (
                "wamp.subscription.remove_subscriber",
                vec![number(*subscription), number(self.id(*victim)), Value::from("why")],
                vec![],
            ),
            Meta::ClearRetained { topic, policy } => {
                ("wharf.retained.clear", vec![Value::from(topic.as_str()), matching(*policy)], vec![])
            }
            Meta::AddTestament { detached, wish } => {
                let mut kwargs = scope(*detached);
                kwargs.push(entry("publish_options", self.publish_dict(wish)));
                let args = vec![Value::from(wish.topic.as_str()), Value::List(vec![number(wish.tag)]), Value::Null];
                ("wamp.session.add_testament", args, kwargs)
            }
            Meta::FlushTestaments { detached } => ("wamp.session.flush_testaments", vec![], scope(*detached)),
            Meta::ListRegistrations => ("wamp.registration.list", vec![], vec![]),
            Meta::ListSubscriptions => ("wamp.subscription.list", vec![], vec![]),
            Meta::MatchProcedure { procedure } => {
                ("wamp.registration.match", vec![Value::from(procedure.as_str())], vec![])
            }
            Meta::MatchTopic { topic } => ("wamp.subscription.match", vec![Value::from(topic.as_str())], vec![]),
            Meta::ListCallees { registration } => {
                ("wamp.registration.list_callees", vec![number(*registration)], vec![])
            }
            Meta::ListSubscribers { subscription } => {
                ("wamp.subscription.list_subscribers", vec![number(*subscription)], vec![])
            }
            Meta::GetEvents { subscription, limit } => {
                let limit = limit.map(|limit| entry("limit", number(limit)));
                ("wamp.subscription.get_events", vec![number(*subscription)], limit.into_iter().collect())
            }
            reflection => return reflected(request, reflection),
        };
        own(request, procedure, args, kwargs)
    }

    /// PUBLISH.Options as a testament has them.
    fn publish_dict(&self, wish: &PublishWish) -> Value {
        let mut options: Dict = Vec::new();
        for (key, on) in [
            ("acknowledge", wish.ack),
            ("exclude_me", wish.exclude_me),
            ("disclose_me", wish.disclose),
            ("retain", wish.retain),
        ] {
            options.push(entry(key, Value::Bool(on)));
        }
        if let Some(Ppt { scheme, serializer, cipher, keyid }) = passed(wish.ppt).map(|ppt| *ppt) {
            options.push(entry("ppt_scheme", Value::Text(scheme)));
            let others = [("ppt_serializer", serializer), ("ppt_cipher", cipher), ("ppt_keyid", keyid)];
            options.extend(others.into_iter().filter_map(|(key, text)| text.map(|text| entry(key, Value::Text(text)))));
        }
        let Some(listing) = self.listing(&wish.lists) else { return Value::Dict(options) };
        let ids = |ids: &Vec<u64>| Value::List(ids.iter().copied().map(Value::Unsigned).collect());
        let texts = |texts: &Vec<String>| Value::List(texts.iter().map(|text| Value::from(text.as_str())).collect());
        let lists = [
            ("eligible", listing.eligible.as_ref().map(ids)),
            ("exclude", listing.exclude.as_ref().map(ids)),
            ("eligible_authid", listing.eligible_authid.as_ref().map(texts)),
            ("exclude_authid", listing.exclude_authid.as_ref().map(texts)),
            ("eligible_authrole", listing.eligible_authrole.as_ref().map(texts)),
            ("exclude_authrole", listing.exclude_authrole.as_ref().map(texts)),
        ];
        options.extend(lists.into_iter().filter_map(|(key, list)| list.map(|list| entry(key, list))));
        Value::Dict(options)
    }
}

fn entry(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}

/// A call of one of the router's own procedures.
fn own(request: u64, procedure: &str, args: Vec<Value>, kwargs: Dict) -> Command {
    let (options, payload) = (CallOptions::default(), Payload::values(args, kwargs));
    Call { request: request_id(request), options, procedure: procedure.into(), payload }.into()
}

fn reflected(request: u64, meta: &Meta) -> Command {
    let text = |text: &str| Value::from(text);
    let named =
        |thing: &Thing| vec![entry("kind", text(thing.kind.name())), entry("match", text(thing.policy.as_str()))];
    match meta {
        Meta::Define { thing, tag } => {
            let wrong = || Value::Dict(vec![entry("deprecated", text("yes"))]);
            let described = tag.map_or_else(wrong, description);
            own(request, "wamp.reflect.define", vec![text(&thing.uri), described], named(thing))
        }
        Meta::Undefine { thing } => own(request, "wamp.reflect.undefine", vec![text(&thing.uri)], named(thing)),
        Meta::DescribeAll { uri } => own(request, "wamp.reflect.describe", vec![text(uri)], vec![]),
        Meta::Describe { thing } => {
            let procedure = format!("wamp.reflection.{}.describe", thing.kind.name());
            let options = Value::Dict(vec![entry("match", text(thing.policy.as_str()))]);
            own(request, &procedure, vec![text(&thing.uri), options], vec![])
        }
        Meta::ListDescribed { kind, policy, limit, after } => {
            let mut kwargs = vec![entry("match", text(policy.as_str()))];
            kwargs.extend(limit.map(|limit| entry("limit", Value::Unsigned(limit))));
            kwargs.extend(after.as_deref().map(|after| entry("after", text(after))));
            own(request, &format!("wamp.reflection.{}.list", kind.name()), vec![], kwargs)
        }
        other => unreachable!("{other:?} is not about descriptions"),
    }
}

fn called(request: u64, wish: &CallWish) -> Command {
    let options = CallOptions {
        receive_progress: wish.receive_progress,
        progress: wish.progress,
        timeout_ms: wish.timeout_ms,
        disclose_me: wish.disclose,
        ppt: passed(wish.ppt),
        trace: None,
    };
    let (procedure, payload) = (wish.procedure.as_str().into(), tagged(wish.tag));
    Call { request: request_id(request), options, procedure, payload }.into()
}

fn answered(invocation: u64, how: How, ppt: bool, tag: u64) -> Command {
    let (payload, ppt) = (tagged(tag), passed(ppt));
    let error = match how {
        How::Final | How::Partial => {
            let options = ResultOptions { progress: how == How::Partial, ppt };
            return Yield { request: InvocationId::new(invocation).unwrap(), options, payload }.into();
        }
        How::Error => "com.app.failed",
        How::Unavailable => "wamp.error.unavailable",
    };
    let (request_kind, request) = (MessageKind::Invocation, request_id(invocation));
    Error { request_kind, request, details: ErrorDetails { ppt }, error: error.into(), payload }.into()
}
