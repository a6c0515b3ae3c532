//! `wharf top`: what a running node does, again and again, by `wharf.admin.node.get`. A terminal shows a table, a pipe gets a line
//! of JSON each time.

use super::admin::AdminArguments;
use super::client::failure::Failure;
use super::client::talk::ask_value;
use super::client::time;
use super::client::work::{run, written};
use super::listing::pause;
use super::Exit;
use crate::wamp::{Dict, Value};
use clap::Args;
use std::time::{Duration, Instant};

/// What is there now, as the node tells it.
const LEVELS: [&str; 7] =
    ["realms", "connections", "sessions", "subscriptions", "registrations", "calls_under_way", "calls_queued"];

/// What is counted, as it is told: the table that it is in, and its name there. Without a name all of the table, without a table
/// what the node counts itself.
const RATES: [(&str, &str, &str); 9] = [
    ("calls_per_second", "messages_in", "CALL"),
    ("results_per_second", "messages_out", "RESULT"),
    ("errors_per_second", "messages_out", "ERROR"),
    ("publishes_per_second", "messages_in", "PUBLISH"),
    ("events_per_second", "messages_out", "EVENT"),
    ("logins_per_second", "messages_out", "WELCOME"),
    ("aborts_per_second", "messages_out", "ABORT"),
    ("refusals_per_second", "refused", ""),
    ("dropped_per_second", "", "outbox_dropped"),
];

/// `wharf top`.
#[derive(Args, Debug)]
pub(super) struct TopArguments {
    /// How long it waits before it looks again.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1s")]
    every: Duration,
    /// Stops after so many looks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    #[command(flatten)]
    admin: AdminArguments,
}

/// Shows it until it is stopped.
pub(super) fn top(arguments: &TopArguments) -> Exit {
    let output = &arguments.admin.output;
    run(output, async {
        let mut session = arguments.admin.join().await?;
        let mut last = None;
        let mut looks = 0;
        loop {
            let figures = ask_value(&mut session, "wharf.admin.node.get", Vec::new(), Dict::new()).await?;
            let seen = (Instant::now(), figures);
            let told = told(&seen.1, last.as_ref().map(|(at, former): &(Instant, Value)| (former, seen.0 - *at)));
            written(if output.is_for_eyes() { output.repaint(told) } else { output.line(told) })?;
            last = Some(seen);
            looks += 1;
            if arguments.count.is_some_and(|count| looks >= count) {
                break;
            }
            pause(&mut session, arguments.every).await?;
        }
        session.leave().await;
        Ok::<_, Failure>(())
    })
}

/// Levels, and how much more was counted each second since the time before; the first time nothing is known of that.
fn told(figures: &Value, former: Option<(&Value, Duration)>) -> Value {
    let level = |name: &&str| ((*name).to_owned(), figures.get(name).cloned().unwrap_or_default());
    let mut told: Dict = vec![level(&"name")];
    told.extend(LEVELS.iter().map(level));
    let rate = |table: &str, name: &str| {
        let (former, time) = former.filter(|(_, time)| !time.is_zero())?;
        // A node that has started again counts from nothing.
        let more = counted(figures, table, name).saturating_sub(counted(former, table, name));
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
        let more = more as f64;
        Some(Value::Float((more / time.as_secs_f64() * 10.0).round() / 10.0))
    };
    told.extend(RATES.map(|(shown, table, name)| (shown.to_owned(), rate(table, name).unwrap_or_default())));
    Value::Dict(told)
}

/// A counter; one that is absent has never moved.
fn counted(figures: &Value, table: &str, name: &str) -> u64 {
    let table = if table.is_empty() { Some(figures) } else { figures.get(table) };
    let number = |value: &Value| if let Value::Unsigned(number) = value { *number } else { 0 };
    match table {
        Some(table) if name.is_empty() => table.as_dict().unwrap_or_default().iter().map(|(_, v)| number(v)).sum(),
        Some(table) => table.get(name).map_or(0, number),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::arguments::json;
    use super::super::client::output::compact;
    use super::*;

    #[test]
    fn a_rate_is_what_was_counted_since_the_last_look_by_its_time() {
        let first = json(r#"{"name":"n1","sessions":2,"messages_in":{"CALL":10},"refused":{"authz":1}}"#).unwrap();
        let second = json(
            r#"{"name":"n1","sessions":3,"outbox_dropped":4,"messages_in":{"CALL":25,"PUBLISH":1},"refused":{"authz":1,"uri":2}}"#,
        )
        .unwrap();
        let shown = told(&first, None);
        assert_eq!(shown.get("sessions"), Some(&2_u64.into()));
        assert_eq!(shown.get("calls_per_second"), Some(&Value::Null));
        let shown = told(&second, Some((&first, Duration::from_secs(2))));
        for (name, rate) in [("calls", 7.5), ("publishes", 0.5), ("refusals", 1.0), ("dropped", 2.0), ("events", 0.0)] {
            assert_eq!(shown.get(&format!("{name}_per_second")), Some(&Value::Float(rate)), "{}", compact(&shown));
        }
        let shown = told(&first, Some((&second, Duration::from_secs(1))));
        assert_eq!(shown.get("calls_per_second"), Some(&Value::Float(0.0)));
    }
}
