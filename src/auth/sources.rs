//! From where and how who may log in. Looked at after the proof, so that nobody learns by it which names exist, and again when
//! settings change.
//!
//! A source that names a user, or a group of it, counts for that user in place of those that name nobody. One that fits is
//! enough. Source: section 2 of the page on Bondy; `docs/decisions/0018`.

use super::{jwt, AuthSettings, Denied, Groups, Identity, Method, PeerRange};
use crate::wamp::Entrance;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `sources.NAME`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// The users that it is for, by authid.
    pub users: Vec<String>,
    /// The groups whose members it is for. Without users and groups it is for all, also for those without a name.
    pub groups: Vec<String>,
    /// Where they may come from; empty means anywhere.
    pub allow_from: Vec<PeerRange>,
    /// By which listeners; empty means any.
    pub listeners: Vec<String>,
    /// With which methods; empty means any.
    pub methods: Vec<Method>,
}

impl Source {
    /// Whether it is for all.
    pub fn is_for_all(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }
}

/// The sources of a realm; without any, everybody may come from everywhere.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources {
    groups: Arc<Groups>,
    sources: Vec<Source>,
    for_all: Vec<usize>,
    by_user: BTreeMap<String, Vec<usize>>,
    by_group: BTreeMap<String, Vec<usize>>,
}

impl Sources {
    /// These, in a realm with these groups.
    pub fn new(groups: Arc<Groups>, sources: Vec<Source>) -> Self {
        let mut made = Self { groups, ..Self::default() };
        for (number, source) in sources.iter().enumerate() {
            if source.is_for_all() {
                made.for_all.push(number);
            }
            for (names, by_name) in [(&source.users, &mut made.by_user), (&source.groups, &mut made.by_group)] {
                for name in names {
                    by_name.entry(name.clone()).or_default().push(number);
                }
            }
        }
        Self { sources, ..made }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

impl Identity {
    /// Whether its name was proven, and not drawn: what is said of a name is not said of somebody who has none.
    pub fn has_name(&self) -> bool {
        *self.authmethod != *Method::Anonymous.name()
    }
}

impl AuthSettings {
    /// Whether somebody who has proven who he is may come in there, and so.
    ///
    /// # Errors
    /// [`Denied`], as for a wrong proof; why is for the operator only.
    pub fn lets_in(&self, identity: &Identity, entrance: &Entrance) -> Result<(), Denied> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let mut left: Vec<&Source> = self.sources_of(identity);
        if left.is_empty() {
            return Err(Denied::because("right, but no source is for this user"));
        }
        left.retain(|source| {
            source.allow_from.is_empty() || source.allow_from.iter().any(|range| range.covers(entrance.address))
        });
        if left.is_empty() {
            return Err(Denied::because("right, but no source of this user covers this address"));
        }
        left.retain(|source| {
            source.listeners.is_empty() || source.listeners.iter().any(|name| **name == *entrance.listener)
        });
        if left.is_empty() {
            return Err(Denied::because(
                "right, but no source of this user that covers this address has this listener",
            ));
        }
        let method = method_of(identity);
        left.retain(|source| {
            source.methods.is_empty() || method.is_some_and(|method| source.methods.contains(&method))
        });
        if left.is_empty() {
            return Err(Denied::because("right, but no source of this user has this method here"));
        }
        Ok(())
    }

    /// Those by which a user is judged.
    fn sources_of(&self, identity: &Identity) -> Vec<&Source> {
        let Sources { groups, sources, for_all, by_user, by_group } = &self.sources;
        let mut own = BTreeSet::new();
        if identity.has_name() {
            own.extend(by_user.get(&*identity.authid).into_iter().flatten());
            own.extend(groups.of(&identity.authid).iter().filter_map(|group| by_group.get(group)).flatten());
        }
        let numbers: Vec<usize> = if own.is_empty() { for_all.clone() } else { own.into_iter().copied().collect() };
        numbers.into_iter().filter_map(|number| sources.get(number)).collect()
    }
}

/// A token is one, by whatever method it was given.
fn method_of(identity: &Identity) -> Option<Method> {
    if &*identity.authprovider == jwt::PROVIDER {
        return Some(Method::Jwt);
    }
    Method::from_wire(&identity.authmethod)
}

#[cfg(test)]
mod tests;
