//! The kinds of values: how each is written in a file, which of them are lawful, and what a mistake is told.

mod address;
mod choice;
mod collection;
mod moment;
mod quantity;
mod route;
mod secret;
mod wamp;
mod web;

pub(super) use address::{Bind, Binds, HttpPath, Mode, Origin};
pub(super) use choice::{choice, read_word};
pub(super) use collection::{AutoOr, Items, Named, NamedEntry, NoneOr};
pub(super) use moment::Moment;
pub use quantity::duration;
pub(super) use quantity::{Count, Level, Percent, Rate, Size, Status, Time};
pub(super) use route::{GoodStatus, RoutePath, RouteValue};
pub(super) use secret::SecretPlace;
pub(super) use wamp::{ListPattern, ProcedureUri, RealmUri, TopicUri};
pub(super) use web::{TargetUrl, WebUrl};
