//! Numbers with and without units: counts, times, sizes, rates, shares.

use crate::config::error::Code;
use crate::config::read::{Key, Reader, Written};
use crate::config::tree::{Content, Node};
use crate::wamp::id::ID_MAX;
use schemars::{json_schema, Schema, SchemaGenerator};
use std::time::Duration;

/// A whole number from 1 to 2^32-1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Count(pub(in crate::config) u32);

impl Count {
    /// From a default of a room, whose counts all fit.
    pub(in crate::config) fn of(count: usize) -> Self {
        Self(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// As a number of things in memory.
    pub(in crate::config) fn size(self) -> usize {
        self.0 as usize
    }
}

impl Key for Count {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::Integer(number) = node.value else {
            reader.wrong_type(node, "a whole number");
            return None;
        };
        if let Some(count) = u32::try_from(number).ok().filter(|count| *count > 0) {
            return Some(Self(count));
        }
        out_of_range(node, reader, &number.to_string(), "1 to 4294967295");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u32::MAX })
    }
}

/// A trust level: a whole number from 0 on, the lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Level(pub(in crate::config) u64);

impl Key for Level {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::Integer(number) = node.value else {
            reader.wrong_type(node, "a whole number");
            return None;
        };
        if let Some(level) = u64::try_from(number).ok().filter(|level| *level <= ID_MAX) {
            return Some(Self(level));
        }
        out_of_range(node, reader, &number.to_string(), "0 to 9007199254740992");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": ID_MAX })
    }
}

/// An HTTP status of an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Status(pub(in crate::config) u16);

impl Key for Status {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Content::Integer(number) = node.value else {
            reader.wrong_type(node, "an HTTP status such as 404");
            return None;
        };
        if let Some(status) = u16::try_from(number).ok().filter(|status| (400..=599).contains(status)) {
            return Some(Self(status));
        }
        out_of_range(node, reader, &number.to_string(), "400 to 599");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(self.0.into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 400, "maximum": 599 })
    }
}

/// A time, at least `MIN` milliseconds and at most ten years.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Time<const MIN: u64>(pub(in crate::config) Duration);

const TIME_UNITS: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const TIME_MAX: u64 = 3650 * 86_400_000;

impl<const MIN: u64> Key for Time<MIN> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "a time such as \"250ms\", \"20s\", \"10m\", \"1h\" or \"7d\"";
        let text = reader.text(node, expected)?;
        let Some(milliseconds) = number_with_unit(text, TIME_UNITS) else {
            reader.error(Code::Malformed, node.place, format!("\"{text}\" is no time"), format!("expected {expected}"));
            return None;
        };
        if (MIN..=TIME_MAX).contains(&milliseconds) {
            return Some(Self(Duration::from_millis(milliseconds)));
        }
        out_of_range(node, reader, &format!("\"{text}\""), &format!("\"{}\" to \"3650d\"", time_text(MIN)));
        None
    }

    fn written(&self) -> Written {
        Written::Inline(time_text(u64::try_from(self.0.as_millis()).unwrap_or(TIME_MAX)).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" })
    }
}

/// A time as it is written in a configuration; `None` if it is none, or above ten years.
pub fn duration(text: &str) -> Option<Duration> {
    let milliseconds = number_with_unit(text, TIME_UNITS).filter(|milliseconds| *milliseconds <= TIME_MAX)?;
    Some(Duration::from_millis(milliseconds))
}

fn time_text(milliseconds: u64) -> String {
    // Days and hours are left to people: 24h is not always meant as a day.
    let shown = TIME_UNITS.iter().filter(|(unit, _)| *unit != "d");
    with_unit(milliseconds, "0s", shown)
}

/// A number of octets from `MIN` to `MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Size<const MIN: u64, const MAX: u64>(pub(in crate::config) u64);

const SIZE_UNITS: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl<const MIN: u64, const MAX: u64> Size<MIN, MAX> {
    /// From a default of a room.
    pub(in crate::config) fn of(octets: usize) -> Self {
        Self(octets as u64)
    }

    /// As a number of octets in memory.
    pub(in crate::config) fn octets(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Key for Size<MIN, MAX> {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "a size such as \"64KiB\", \"4MiB\" or \"2GiB\"";
        let text = reader.text(node, expected)?;
        let Some(octets) = number_with_unit(text, SIZE_UNITS) else {
            reader.error(Code::Malformed, node.place, format!("\"{text}\" is no size"), format!("expected {expected}"));
            return None;
        };
        if (MIN..=MAX).contains(&octets) {
            return Some(Self(octets));
        }
        let range = format!("\"{}\" to \"{}\"", size_text(MIN), size_text(MAX));
        out_of_range(node, reader, &format!("\"{text}\""), &range);
        None
    }

    fn written(&self) -> Written {
        Written::Inline(size_text(self.0).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)$" })
    }
}

fn size_text(octets: u64) -> String {
    with_unit(octets, "0B", SIZE_UNITS.iter())
}

/// So many per second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Rate(pub(in crate::config) u32);

impl Key for Rate {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "a rate such as \"50/s\" or \"600/m\"";
        let text = reader.text(node, expected)?;
        let parts = text.split_once('/').and_then(|(count, unit)| {
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                _ => return None,
            };
            Some((digits(count)?, seconds))
        });
        let Some((count, seconds)) = parts else {
            reader.error(Code::Malformed, node.place, format!("\"{text}\" is no rate"), format!("expected {expected}"));
            return None;
        };
        let whole = (count % seconds == 0).then_some(count / seconds).and_then(|rate| u32::try_from(rate).ok());
        if let Some(rate) = whole.filter(|rate| *rate > 0) {
            return Some(Self(rate));
        }
        out_of_range(node, reader, &format!("\"{text}\""), "a whole number per second, at least 1");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(format!("{}/s", self.0).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+/(s|m)$" })
    }
}

/// A share, from 1 % to 100 %.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Percent(pub(in crate::config) u8);

impl Key for Percent {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let expected = "a share such as \"70%\"";
        let text = reader.text(node, expected)?;
        let Some(share) = text.strip_suffix('%').and_then(digits) else {
            reader.error(
                Code::Malformed,
                node.place,
                format!("\"{text}\" is no share"),
                format!("expected {expected}"),
            );
            return None;
        };
        if let Some(share) = u8::try_from(share).ok().filter(|share| (1..=100).contains(share)) {
            return Some(Self(share));
        }
        out_of_range(node, reader, &format!("\"{text}\""), "\"1%\" to \"100%\"");
        None
    }

    fn written(&self) -> Written {
        Written::Inline(format!("{}%", self.0).into())
    }

    fn schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,3}%$" })
    }
}

fn out_of_range(node: &Node, reader: &mut Reader, got: &str, range: &str) {
    let name = reader.key_name().to_owned();
    reader.error(
        Code::OutOfRange,
        node.place,
        format!("{got} is out of range for `{name}`"),
        format!("expected {range}"),
    );
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    Some(digits(number)?.saturating_mul(*factor))
}

/// With the largest unit that leaves a whole number.
fn with_unit<'a>(number: u64, zero: &str, units: impl DoubleEndedIterator<Item = &'a (&'a str, u64)>) -> String {
    if number == 0 {
        return zero.to_owned();
    }
    let mut fitting = units.rev().filter(|(_, factor)| number.is_multiple_of(*factor));
    fitting.next().map_or_else(|| number.to_string(), |(unit, factor)| format!("{}{unit}", number / factor))
}
