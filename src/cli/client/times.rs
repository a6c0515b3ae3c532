//! Times for eyes: in the zone of this machine. What goes into a pipe stays as it came, in UTC.

use crate::wamp::Value;
use jiff::tz::TimeZone;
use jiff::Timestamp;

/// The members that are times wherever a router or node tells one. Nothing else is touched: a payload may hold what it likes.
const TIMES: [&str; 6] = ["created", "time", "expires", "since", "due", "at"];

/// The same with its times in this zone, at any depth. What is no time of RFC 3339 stays as it is.
pub(super) fn local(value: Value, zone: &TimeZone) -> Value {
    match value {
        Value::List(items) => Value::List(items.into_iter().map(|item| local(item, zone)).collect()),
        Value::Dict(members) => {
            let shown = |(name, value): (String, Value)| {
                let value = if TIMES.contains(&name.as_str()) { of_time(value, zone) } else { local(value, zone) };
                (name, value)
            };
            Value::Dict(members.into_iter().map(shown).collect())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Unsigned(_)
        | Value::Negative(_)
        | Value::Float(_)
        | Value::Text(_)
        | Value::Bytes(_) => value,
    }
}

fn of_time(value: Value, zone: &TimeZone) -> Value {
    if let Value::Text(text) = value {
        Value::Text(shifted(text, zone))
    } else {
        local(value, zone)
    }
}

fn shifted(text: String, zone: &TimeZone) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string(),
        Err(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::json;
    use super::super::output::compact;
    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_of_the_machine_with_its_offset_and_nothing_else_is_touched() {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let shown = |text: &str| compact(&local(json(text).unwrap(), &zone));
        let text = r#"[{"created":"2026-07-01T12:00:00.25Z","id":"2026-07-01T12:00:00Z"}]"#;
        assert_eq!(shown(text), r#"[{"created":"2026-07-01T08:00:00.25-04:00","id":"2026-07-01T12:00:00Z"}]"#);
        assert_eq!(
            shown(r#"{"last":{"at":"2026-01-01T00:00:00Z"}}"#),
            r#"{"last":{"at":"2025-12-31T19:00:00-05:00"}}"#
        );
        for same in [r#"{"time":"noon"}"#, r#"{"time":7}"#, r#"{"time":"2026-07-01"}"#] {
            assert_eq!(shown(same), same);
        }
    }
}
