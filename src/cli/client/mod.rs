//! What the commands of the client share: where to connect and as whom, arguments, output, failures.

pub(super) mod arguments;
pub(super) mod connection;
pub(super) mod contexts;
pub(super) mod exec;
pub(super) mod failure;
pub(super) mod near;
pub(super) mod output;
pub(super) mod retry;
pub(super) mod secret;
pub(super) mod talk;
pub(super) mod template;
mod times;
pub(super) mod work;

use crate::config::duration;
use std::time::Duration;

/// A time, as clap reads it.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "expected a time such as 250ms, 20s, 10m or 1h".to_owned())
}
