//! What is asked about descriptions: by whom, and of what.

use super::Run;
use crate::ask::{Ask, Meta, Thing};
use crate::op::{Reflect, Reflecting};
use wharf::routing::Described;

impl Run {
    pub(super) fn reflect(&mut self, asked: &Reflecting) -> (usize, Ask) {
        let thing = self.thing(asked);
        let gives = matches!(asked.reflect, Reflect::Define | Reflect::Undefine);
        let who = if gives { self.provider(&thing, asked.who) } else { self.who(asked.who) };
        let request = self.request(who);
        let Thing { kind, policy, .. } = thing;
        let meta = match asked.reflect {
            Reflect::Define => Meta::Define { thing, tag: asked.lawful.then_some(self.steps) },
            Reflect::Undefine => Meta::Undefine { thing },
            Reflect::DescribeAll => Meta::DescribeAll { uri: thing.uri },
            Reflect::Describe => Meta::Describe { thing },
            Reflect::List => {
                let after = asked.after.then_some(thing.uri);
                Meta::ListDescribed { kind, policy, limit: asked.limit, after }
            }
        };
        (who, Ask::Meta { request, meta })
    }

    /// Mostly what there is: a procedure that is served, for those who say what it is, and what is described, for the others.
    fn thing(&self, asked: &Reflecting) -> Thing {
        let nth = |count: usize| asked.like.and_then(|like| like.checked_rem(count));
        let drawn = Thing { kind: asked.kind, policy: asked.policy, uri: asked.uri.clone() };
        if asked.reflect != Reflect::Define {
            let described = nth(self.model.descriptions.len());
            return described.map_or(drawn, |nth| self.model.descriptions[nth].thing.clone());
        }
        match (asked.kind, nth(self.model.registrations.len())) {
            (Described::Procedure, Some(nth)) => {
                let served = &self.model.registrations[nth];
                Thing { kind: Described::Procedure, policy: served.policy, uri: served.procedure.clone() }
            }
            _ => drawn,
        }
    }

    /// Mostly one of the callees.
    fn provider(&self, thing: &Thing, number: usize) -> usize {
        let serves = self.model.registrations.iter().find(|known| {
            thing.kind == Described::Procedure && known.policy == thing.policy && known.procedure == thing.uri
        });
        serves.filter(|_| !number.is_multiple_of(6)).map_or_else(|| self.who(number), |known| known.callee(number))
    }
}
