//! `[realms.NAME.groups]`, `[realms.NAME.grants]` and `[realms.NAME.sources]`: who belongs together, what they may do beyond
//! their role, and from where they may log in.

use super::{OrderedMethod, RuleLists};
use crate::auth::PeerRange;
use crate::config::read::table;
use crate::config::values::Items;

table! {
    /// More rights for users and groups, beside their role: its rules and those of all their grants hold together, and what one of
    /// them denies is denied.
    Grant {
        /// Users that have them, by authid.
        users: Items<String> = default(Items::default());
        /// Groups whose members have them.
        groups: Items<String> = default(Items::default());
        /// Keys that roles have too.
        lists: RuleLists = flatten;
        /// May subscribe and register with the empty prefix and with wildcards of empty components only.
        allow_match_all: bool = default(false);
        /// May register with match prefix or wildcard.
        allow_pattern_register: bool = default(false);
        /// May register with force_reregister.
        allow_force_reregister: bool = default(false);
        /// May register with disclose_caller.
        allow_disclose_caller: bool = default(false);
        /// May publish with retain, where the role may not.
        allow_retain: bool = default(false);
        /// May cancel calls, where the role may not.
        allow_cancel: bool = default(false);
    }
}

table! {
    /// Users, by authid, and groups, whose members are members of this one too.
    Group {
        /// Users.
        users: Items<String> = default(Items::default());
        /// Groups.
        groups: Items<String> = default(Items::default());
        /// A text for people.
        description: String = default(String::new());
    }
}

table! {
    /// From where and how who may log in. Without users and groups it is for all, also for those without a name; whoever is named
    /// by one, or by a group, is judged by those only. One that fits is enough.
    Source {
        /// The users that it is for, by authid.
        users: Items<String> = default(Items::default());
        /// The groups whose members it is for.
        groups: Items<String> = default(Items::default());
        /// Where they may come from: addresses, networks such as "10.0.0.0/8", or "unix"; if empty, from anywhere.
        allow_from: Items<PeerRange> = default(Items::default());
        /// By which listeners; if empty, by any.
        listeners: Items<String> = default(Items::default());
        /// With which methods, as in auth.order (a token is jwt, by whatever method it was given); if empty, with any.
        methods: Items<OrderedMethod> = default(Items::default());
    }
}
