//! Users of the file who were switched off at run time: all that is said of them beside the file is `enabled`. When the file has
//! such a user no more, nothing of him may come to life again by that.

use crate::config::tree::{Content, Node};

/// The key that is said alone.
const SWITCH: &str = "enabled";

/// Takes out of `node`, which stands at `path` and of which the file says nothing, the users of whom only that is said, and what
/// becomes empty thereby. Whether nothing is left.
pub(super) fn take_lone(node: &mut Node, path: &mut Vec<String>) -> bool {
    let Content::Table(table) = &mut node.value else { return false };
    match path.as_slice() {
        [realms, _, auth, _, users, _] if realms == "realms" && auth == "auth" && users == "users" => {
            table.keys().eq([SWITCH])
        }
        [_, _, _, _, _, _, ..] => false,
        _ => {
            let before = table.len();
            table.retain(|key, entry| {
                path.push(key.clone());
                let is_gone = take_lone(&mut entry.node, path);
                path.pop();
                !is_gone
            });
            table.len() < before && table.is_empty()
        }
    }
}
