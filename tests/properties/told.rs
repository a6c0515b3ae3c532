//! What the model expects to be told: the meta events of sessions, subscriptions and registrations, and to whom.

use crate::model::{matches, Model, Subscription};
use crate::out::Out;

/// The topic of a meta event.
type Topic = &'static str;

fn is_reserved(uri: &str) -> bool {
    uri == "wamp" || uri.starts_with("wamp.")
}

impl Model {
    /// One meta event. It is a publication only if somebody hears it.
    pub(crate) fn meta_event(&mut self, topic: &str) -> Vec<Out> {
        let fits = |known: &&Subscription| is_reserved(&known.topic) && matches(known.policy, &known.topic, topic);
        let hearing: Vec<_> = self.subscriptions.iter().filter(fits).collect();
        if hearing.is_empty() {
            return Vec::new();
        }
        let publication = self.heard.pop_front();
        hearing
            .iter()
            .flat_map(|known| known.event(known.subscribers.clone(), topic, None, None, publication))
            .collect()
    }

    /// Meta events, one after the other.
    pub(crate) fn tell(&mut self, topics: &[Topic]) -> Vec<Out> {
        topics.iter().flat_map(|topic| self.meta_event(topic)).collect()
    }

    /// Meta events about `uri`: none about the router's own (D45).
    pub(crate) fn tell_of(&mut self, uri: &str, topics: &[Topic]) -> Vec<Out> {
        if is_reserved(uri) {
            Vec::new()
        } else {
            self.tell(topics)
        }
    }

    /// Takes a session off a subscription; what is to be told of it.
    pub(crate) fn drop_subscriber(&mut self, place: usize, who: usize) -> Vec<Topic> {
        let known = &mut self.subscriptions[place];
        known.subscribers.retain(|other| *other != who);
        let (silent, gone) = (is_reserved(&known.topic), known.subscribers.is_empty());
        if gone {
            self.subscriptions.remove(place);
        }
        told(silent, gone, ["wamp.subscription.on_unsubscribe", "wamp.subscription.on_delete"])
    }

    /// Takes a session off a registration; what is to be told of it.
    pub(crate) fn drop_callee(&mut self, place: usize, who: usize) -> Vec<Topic> {
        let known = &mut self.registrations[place];
        known.drop_callee(who);
        let (silent, gone) = (is_reserved(&known.procedure), known.callees.is_empty());
        if gone {
            self.registrations.remove(place);
        }
        told(silent, gone, ["wamp.registration.on_unregister", "wamp.registration.on_delete"])
    }

    /// Takes a session off everything, by ids: first its subscriptions, then its registrations. What is to be told of it, to
    /// those who are there after that.
    pub(crate) fn drop_all(&mut self, who: usize) -> Vec<Topic> {
        let mut subscriptions: Vec<_> =
            self.subscriptions.iter().filter(|known| known.subscribers.contains(&who)).map(|known| known.id).collect();
        let mut registrations: Vec<_> =
            self.registrations.iter().filter(|known| known.has(who)).map(|known| known.id).collect();
        subscriptions.sort_unstable();
        registrations.sort_unstable();
        let mut told = Vec::new();
        for id in subscriptions {
            let place = self.subscriptions.iter().position(|known| known.id == id);
            told.extend(place.map(|place| self.drop_subscriber(place, who)).unwrap_or_default());
        }
        for id in registrations {
            let place = self.registrations.iter().position(|known| known.id == id);
            told.extend(place.map(|place| self.drop_callee(place, who)).unwrap_or_default());
        }
        told
    }
}

fn told(silent: bool, gone: bool, [left, deleted]: [Topic; 2]) -> Vec<Topic> {
    match (silent, gone) {
        (true, _) => Vec::new(),
        (false, true) => vec![left, deleted],
        (false, false) => vec![left],
    }
}
