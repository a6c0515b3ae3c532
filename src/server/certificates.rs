//! TLS of the listeners: read at the start, and seen to while the router runs.

use super::ServerError;
use crate::observe::Tally;
use crate::transport::settings::ListenerSettings;
use crate::transport::tls::{watch, Tls, Watched};
use std::sync::Arc;

/// TLS of each listener, where it has it.
pub(super) type OfListeners = Vec<Option<Arc<Tls>>>;

/// Reads the files of all.
pub(super) fn open(listeners: &[Arc<ListenerSettings>]) -> Result<OfListeners, ServerError> {
    let open = |listener: &Arc<ListenerSettings>| {
        let Some(settings) = listener.tls.clone() else { return Ok(None) };
        match Tls::open(settings, listener.serves_http()) {
            Ok(tls) => Ok(Some(Arc::new(tls))),
            Err(source) => Err(ServerError::Tls { listener: listener.name.clone(), source }),
        }
    };
    listeners.iter().map(open).collect()
}

/// Has changed files read again from now on.
pub(super) fn keep_fresh(listeners: &[Arc<ListenerSettings>], tls: &OfListeners, tally: Tally) {
    let watched = |(listener, tls): (&Arc<ListenerSettings>, &Option<Arc<Tls>>)| {
        Some(Watched { listener: listener.name.clone(), tls: Arc::clone(tls.as_ref()?) })
    };
    let all: Vec<Watched> = listeners.iter().zip(tls).filter_map(watched).collect();
    if all.is_empty() {
        return;
    }
    if let Err(error) = watch(all, tally) {
        tracing::error!(%error, "certificates will not be read again when they change");
    }
}
