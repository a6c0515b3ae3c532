//! Stand-in: the limits of the routing room.

mod limits;

pub use limits::RealmLimits;
