//! The node as a whole: what it does, how much it tells, and its way out.

use super::operation::{expected, refusal};
use super::values::from_json;
use super::{not_reloaded, Done, Outcome};
use crate::actors::catalogue::AskCatalogue;
use crate::actors::realms::Lookup;
use crate::config::{duration, ShutdownSettings};
use crate::observe::settings::{LogLevel, LogSettings};
use crate::observe::{Metrics, Refusal};
use crate::server::reload::{NotReloaded, Reloader};
use crate::wamp::{ErrorUri, MessageKind, Value};
use serde_json::{json, Map, Value as Json};
use std::time::Duration;

/// The longest way out that can be asked for.
const DRAIN_MAX: Duration = Duration::from_secs(24 * 3600);

/// What is to become of the node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NodeChange {
    /// The log tells more, or less.
    LogLevel(LogLevel),
    /// It says goodbye to all, and ends.
    Drain(Drain),
}

impl NodeChange {
    /// What the audit says that it is about.
    pub(super) const fn target(&self) -> &'static str {
        match self {
            Self::LogLevel(_) => "observability.log.level",
            Self::Drain(_) => "node",
        }
    }
}

/// The times of a way out, as they are typed; those that are not, are the file's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Drain {
    /// GOODBYE goes to all sessions over this time.
    pub(super) spread: Option<String>,
    /// What is left after this is closed.
    pub(super) timeout: Option<String>,
}

impl Drain {
    fn settings(&self, former: ShutdownSettings) -> Result<ShutdownSettings, crate::actors::admin::AdminRefusal> {
        let time = |name: &str, given: &Option<String>, former| match given {
            None => Ok(former),
            Some(text) => {
                let time = duration(text).filter(|time| *time <= DRAIN_MAX);
                time.ok_or_else(|| expected(&format!("{name}, a time of at most 24h, as in \"20s\"")))
            }
        };
        let (spread, drain) =
            (time("spread", &self.spread, former.spread)?, time("timeout", &self.timeout, former.drain)?);
        if spread > drain {
            return Err(expected(&format!("spread ({spread:?}) that is not longer than timeout ({drain:?})")));
        }
        Ok(ShutdownSettings { spread, drain, ..former })
    }
}

impl Reloader {
    /// Does it, or for a drain settles how it is done.
    pub(super) fn change_node(&mut self, change: &NodeChange) -> Outcome {
        match change {
            NodeChange::LogLevel(level) => self.log_level(*level),
            NodeChange::Drain(drain) => self.drain(drain),
        }
    }

    /// From now on the log has this level, until the file says another, or the node starts again.
    fn log_level(&self, level: LogLevel) -> Outcome {
        if !self.level.set(&LogSettings { level, ..self.running.log }) {
            let text = "the level of the log is set by WHARF_LOG, or by the program that embeds this one";
            return Err(refusal(ErrorUri::SET_BY_FILE, text));
        }
        tracing::info!(level = level.name(), "the level of the log is another");
        Ok(Done::Changed(json!({ "changes": [], "level": level.name() })))
    }

    /// Settles how the node goes. It goes when this is answered: [`Reloader::go`].
    fn drain(&mut self, drain: &Drain) -> Outcome {
        if self.current.stopping.get() {
            return Err(not_reloaded(NotReloaded::Stopping));
        }
        let settings = drain.settings(self.current.shutdown.get())?;
        self.current.shutdown.set(settings);
        self.leaving = true;
        let told = |time: Duration| time.as_secs_f64();
        Ok(Done::Changed(
            json!({ "changes": [], "spread_s": told(settings.spread), "timeout_s": told(settings.drain) }),
        ))
    }

    /// Goes, if that was asked for: as after SIGTERM.
    pub(super) async fn go(&self) {
        if !self.leaving {
            return;
        }
        // A question behind the answer: when it is answered, the other one is on its way to whoever asked, before GOODBYE.
        let realm = self.realms.send(Lookup(self.running.rest.admin_realm.to_string())).await.ok().flatten();
        if let Some(handle) = realm {
            let _gone_or_done = handle.realm.send(AskCatalogue).await;
        }
        self.current.asked_to_stop.notify_one();
    }

    /// What the node does: levels, and counters since its start.
    pub(super) fn node(&self) -> Value {
        from_json(figures(self.tally.metrics(), self.running.node.name.as_str(), self.running.realms.len()))
    }
}

fn figures(metrics: &Metrics, name: &str, realms: usize) -> Json {
    let messages = |of: &dyn Fn(MessageKind) -> u64| -> Map<String, Json> {
        let counted = MessageKind::ALL.iter().map(|kind| (kind.name(), of(*kind))).filter(|(_, count)| *count > 0);
        counted.map(|(name, count)| (name.to_owned(), count.into())).collect()
    };
    let refused: Map<String, Json> = Refusal::ALL
        .iter()
        .map(|reason| (reason.name(), metrics.refused(*reason)))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count.into()))
        .collect();
    json!({
        "name": name,
        "version": env!("CARGO_PKG_VERSION"),
        "realms": realms,
        "connections": metrics.connections(),
        "sessions": metrics.sessions(),
        "subscriptions": metrics.subscriptions(),
        "registrations": metrics.registrations(),
        "calls_under_way": metrics.calls_under_way(),
        "calls_queued": metrics.calls_queued(),
        "outbox_overflows": metrics.outbox_overflows(),
        "outbox_dropped": metrics.outbox_dropped(),
        "busy_us": metrics.busy_us(),
        "messages_in": messages(&|kind| metrics.messages_in(kind)),
        "messages_out": messages(&|kind| metrics.messages_out(kind)),
        "refused": refused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(spread: Option<&str>, timeout: Option<&str>) -> Result<(Duration, Duration), String> {
        let drain = Drain { spread: spread.map(str::to_owned), timeout: timeout.map(str::to_owned) };
        let settings = drain.settings(ShutdownSettings::default());
        settings.map(|settings| (settings.spread, settings.drain)).map_err(|refusal| refusal.text)
    }

    #[test]
    fn what_is_not_said_of_a_way_out_is_as_the_file_says_and_spread_is_within_timeout() {
        let of = |spread, drain| Ok((Duration::from_secs(spread), Duration::from_secs(drain)));
        assert_eq!(settled(None, None), of(2, 10));
        assert_eq!(settled(Some("20s"), Some("1m")), of(20, 60));
        assert_eq!(settled(None, Some("2s")), of(2, 2));
        assert!(settled(Some("20s"), None).unwrap_err().contains("not longer than timeout (10s)"));
        for wrong in ["20", "-1s", "25h", "x"] {
            assert!(settled(Some(wrong), None).unwrap_err().contains("as in \"20s\""), "{wrong}");
        }
    }

    #[test]
    fn figures_have_what_was_counted_and_nothing_that_was_not() {
        let metrics = Metrics::new(1);
        let tally = metrics.tally(0);
        tally.message_in(MessageKind::Call);
        tally.add_sessions(2);
        tally.refused(Refusal::Authz);
        let told = figures(&metrics, "n1", 3);
        assert_eq!(told["messages_in"], json!({ "CALL": 1 }));
        assert_eq!((&told["sessions"], &told["realms"], &told["messages_out"]), (&json!(2), &json!(3), &json!({})));
        assert_eq!(told["refused"], json!({ "authz": 1 }));
    }
}
