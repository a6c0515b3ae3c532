//! The long-poll service of a web transport.

use super::transports::Port;
use super::Import;
use crate::config::import::advice;
use crate::config::import::source::Keys;

impl<'a> Import<'a, '_> {
    /// Crossbar answers 204, so the path does so here. Times are whole seconds there.
    pub(super) fn longpoll(&mut self, port: &Port, mut keys: Keys<'a>, path: &str) {
        keys.pass(&["type", "id"]);
        let listener = port.listener.as_str();
        self.served(port, "longpoll", &mut keys);
        for key in ["paths", "no_content"] {
            self.draft.push(&["listeners", listener, "longpoll", key], path, &keys.at.origin);
        }
        if let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) {
            for (theirs, ours) in [("request_timeout", "receive_timeout"), ("session_timeout", "session_timeout")] {
                let Some(at) = options.take(theirs) else { continue };
                if let Some(seconds) = at.integer(self.notes) {
                    self.of_listener(listener, &["longpoll", ours], format!("{seconds}s"), &at.origin);
                }
            }
            options.finish(self.notes, advice::crossbar);
        }
        keys.finish(self.notes, advice::crossbar);
    }
}
