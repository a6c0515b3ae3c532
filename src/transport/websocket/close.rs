//! WebSocket close codes: which ones may stand in a frame, and the ones that Wharf sends.

use std::fmt;

/// A close code that may stand in a Close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999.
///
/// 1004, 1005, 1006 and 1015 are reserved for reporting inside a program and never travel.
/// Source: RFC 6455, "Status Codes", and the registry that it opens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CloseCode(u16);

impl CloseCode {
    /// After a GOODBYE.
    pub const NORMAL: Self = Self(1000);
    /// The node stops, or the realm goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// Broken frames, or broken WAMP.
    pub const PROTOCOL: Self = Self(1002);
    /// Text where the subprotocol is binary, or the other way round.
    pub const WRONG_TYPE: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// Slow, silent, flooding, throttled, or not let in.
    pub const POLICY: Self = Self(1008);
    /// A message over the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// Wharf's own fault.
    pub const INTERNAL: Self = Self(1011);
    /// The realm was restarted.
    pub const RESTART: Self = Self(1012);
    /// Overloaded: come back later.
    pub const TRY_LATER: Self = Self(1013);

    /// The code, if it may stand in a Close frame.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::CloseCode;

    /// T5.
    #[test]
    fn only_codes_that_may_travel_are_close_codes() {
        let legal: Vec<u16> = (0..=u16::MAX).filter(|&code| CloseCode::new(code).is_some()).collect();
        let expected: Vec<u16> = [1000, 1001, 1002, 1003].into_iter().chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(legal, expected);
    }
}
