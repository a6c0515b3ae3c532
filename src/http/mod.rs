//! HTTP in, WAMP inside: the REST bridge, health and metrics.
//!
//! Every HTTP caller is a session of its realm, under the same permissions as everybody else. Faults of a request never end a
//! shared session.

mod health;
pub mod settings;

use crate::actors::realms::RealmsActor;
use crate::observe::Metrics;
use actix::Addr;
use actix_web::web;
use settings::RestSettings;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Whether the node takes new work.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What all handlers share.
#[derive(Clone)]
pub struct HttpState {
    /// The settings of the REST bridge.
    pub rest: RestSettings,
    /// The registry of realms.
    pub realms: Addr<RealmsActor>,
    /// The node's counters.
    pub metrics: Arc<Metrics>,
    /// Whether the node takes new work.
    pub readiness: Readiness,
}

impl HttpState {
    /// Everything that handlers share.
    pub fn new(rest: RestSettings, realms: Addr<RealmsActor>, metrics: Arc<Metrics>, readiness: Readiness) -> Self {
        Self { rest, realms, metrics, readiness }
    }
}

/// Which services of this room a listener has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Served {
    /// The REST bridge.
    pub rest: bool,
    /// `/metrics`.
    pub metrics: bool,
    /// `/livez`, `/readyz`, `/healthz`.
    pub health: bool,
}

/// Adds the services of one listener to its application.
pub fn configure(services: &mut web::ServiceConfig, served: Served, state: &HttpState) {
    services.app_data(web::Data::new(state.clone()));
    if served.health {
        health::configure(services);
    }
}
