//! How short of memory the node is. Written by the one who measures, read by every session; and what the owners of sessions are
//! asked then.
//!
//! Source: section 4 of the limits.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

/// The levels. At `Soft` nothing new is let in and outboxes are halved; at `Hard` the largest outboxes are cut besides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Level {
    /// Enough.
    #[default]
    Normal,
    /// Above the high-water mark.
    Soft,
    /// Above the critical mark.
    Hard,
}

/// The level, shared by all threads. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Pressure(Arc<AtomicU8>);

impl Pressure {
    /// The level now.
    pub fn level(&self) -> Level {
        match self.0.load(Ordering::Relaxed) {
            0 => Level::Normal,
            1 => Level::Soft,
            _ => Level::Hard,
        }
    }

    /// Sets it.
    pub fn set(&self, level: Level) {
        self.0.store(level as u8, Ordering::Relaxed);
    }

    /// Whether nothing new is let in.
    pub fn is_high(&self) -> bool {
        self.level() > Level::Normal
    }
}

/// How much waits in the largest outbox of the sessions that one has, in octets.
#[derive(Clone, Copy, Debug, actix::Message)]
#[rtype(result = "usize")]
pub struct LargestOutbox;

/// Cut the session with the largest outbox: the node is short of memory.
#[derive(Clone, Copy, Debug, actix::Message)]
#[rtype(result = "()")]
pub struct CutLargest;

/// The marks of memory, in percent of what there is. A level is left five points below where it was entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Marks {
    /// Where `Soft` begins.
    pub soft: u8,
    /// Where `Hard` begins.
    pub hard: u8,
}

/// How far below its mark a level is left.
const HYSTERESIS: u64 = 5;

impl Marks {
    /// The level that follows `was` when `used` of `limit` octets are in use.
    pub fn level(self, was: Level, used: u64, limit: u64) -> Level {
        let percent = used.saturating_mul(100) / limit.max(1);
        let (soft, hard) = (u64::from(self.soft), u64::from(self.hard));
        let entered = if percent >= hard {
            Level::Hard
        } else if percent >= soft {
            Level::Soft
        } else {
            Level::Normal
        };
        let kept = if was == Level::Hard && percent + HYSTERESIS >= hard {
            Level::Hard
        } else if was >= Level::Soft && percent + HYSTERESIS >= soft {
            Level::Soft
        } else {
            Level::Normal
        };
        entered.max(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3: enters at 70 and 85, leaves at 65 and 80.
    #[test]
    fn a_level_is_left_five_points_below_where_it_is_entered() {
        let marks = Marks { soft: 70, hard: 85 };
        let mut level = Level::Normal;
        let mut at = |percent| {
            level = marks.level(level, percent, 100);
            level
        };
        assert_eq!(at(69), Level::Normal);
        assert_eq!(at(70), Level::Soft);
        assert_eq!(at(66), Level::Soft);
        assert_eq!(at(84), Level::Soft);
        assert_eq!(at(85), Level::Hard);
        assert_eq!(at(81), Level::Hard);
        assert_eq!(at(79), Level::Soft);
        assert_eq!(at(64), Level::Normal);
        assert_eq!(at(99), Level::Hard);
        assert_eq!(at(10), Level::Normal);
    }
}
