//! The time of day, for what is shown to people and for the filters of event history.
//!
//! Deadlines never use it: a jump of this clock changes nothing but what is shown. Nothing here reads a clock.

use std::fmt;
use time::format_description::well_known::Rfc3339;
use time::OffsetDateTime;

/// Microseconds since 1970-01-01T00:00:00Z, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct WallTime(pub i64);

impl WallTime {
    /// The instant that an RFC 3339 text names; `None` if it names none. What is finer than a microsecond is cut.
    pub fn parse(text: &str) -> Option<Self> {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanos.div_euclid(1000)).ok().map(Self)
    }

    /// This instant and `time` on.
    #[must_use]
    pub fn plus(self, time: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This instant less `time`.
    #[must_use]
    pub fn minus(self, time: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for WallTime {
    /// RFC 3339, in UTC, with microseconds: `2026-11-23T06:40:33.000001Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000);
        // Years beyond 9999 have no RFC 3339 form.
        let Ok(at) = at else { return f.write_str("9999-12-31T23:59:59.999999Z") };
        let (date, clock) = (at.date(), at.time());
        let (hour, minute, second, micros) = clock.as_hms_micro();
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R98, section 8.7: what is written reads back.
    #[test]
    fn a_time_is_written_as_rfc_3339_and_reads_back() {
        let time = WallTime(1_795_416_033_000_001);
        assert_eq!(time.to_string(), "2026-11-23T06:40:33.000001Z");
        assert_eq!(WallTime::parse(&time.to_string()), Some(time));
        assert_eq!(WallTime::parse("2026-11-23T07:40:33.0000015+01:00"), Some(time));
        assert_eq!(WallTime::parse("1969-12-31T23:59:59.999999Z"), Some(WallTime(-1)));
        for wrong in ["", "yesterday", "2026-11-23", "2026-13-01T00:00:00Z"] {
            assert_eq!(WallTime::parse(wrong), None, "{wrong}");
        }
    }
}
