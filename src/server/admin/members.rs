//! Users that come into a group or go from it, the others staying.

use super::operation::{expected, Members};
use super::{not_found, steps, Change};
use crate::actors::admin::AdminRefusal;
use crate::config::{self, Settings};
use crate::observe::shown;
use serde_json::{json, Value as Json};
use std::collections::BTreeSet;

/// The change that gives the group at `path` other users. Where a file sets them, whoever carries it out refuses it.
pub(super) fn change(settings: &Settings, path: Vec<String>, change: Members) -> Result<Change, AdminRefusal> {
    let group = config::effective(settings, &steps(&path)).ok_or_else(|| not_found(&steps(&path)))?;
    let users = group.get("users").and_then(Json::as_array).into_iter().flatten();
    let mut users: Vec<String> = users.filter_map(|user| Some(user.as_str()?.to_owned())).collect();
    match change {
        Members::Add(added) => {
            let mut known: BTreeSet<String> = users.iter().cloned().collect();
            users.extend(added.into_iter().filter(|user| known.insert(user.clone())));
        }
        Members::Remove(removed) => {
            let removed: BTreeSet<String> = removed.into_iter().collect();
            let known: BTreeSet<String> = users.iter().cloned().collect();
            if let Some(stranger) = removed.difference(&known).next() {
                return Err(expected(&format!("users of the group: `{}` is not directly in it", shown(stranger))));
            }
            users.retain(|user| !removed.contains(user));
        }
    }
    Ok(([path, vec!["users".to_owned()]].concat(), Some(json!(users))))
}
