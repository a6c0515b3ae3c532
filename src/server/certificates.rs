//! TLS of the listeners: read at the start and at each reload, and seen to while the router runs.

use super::ServerError;
use crate::observe::Tally;
use crate::transport::settings::ListenerSettings;
use crate::transport::tls::{Fresh, Tls, Watch, Watched};
use std::sync::Arc;
use std::time::SystemTime;

/// TLS of each listener, where it has it.
pub(super) type OfListeners = Vec<Option<Arc<Tls>>>;

/// Files that were read again, for TLS that stays.
pub(super) struct Renewal {
    tls: Arc<Tls>,
    fresh: Fresh,
}

impl Renewal {
    /// They are used from now on.
    pub(super) fn commit(self) {
        self.tls.change_to(self.fresh);
    }
}

/// Reads the files of all.
pub(super) fn open(listeners: &[Arc<ListenerSettings>]) -> Result<OfListeners, ServerError> {
    listeners.iter().map(|listener| open_one(listener)).collect()
}

fn open_one(listener: &ListenerSettings) -> Result<Option<Arc<Tls>>, ServerError> {
    let Some(settings) = listener.tls.clone() else { return Ok(None) };
    let tls = Tls::open(settings, listener.serves_http());
    tls.map(|tls| Some(Arc::new(tls))).map_err(|source| fault(listener, source))
}

fn fault(listener: &ListenerSettings, source: crate::transport::tls::TlsFault) -> ServerError {
    ServerError::Tls { listener: listener.name.clone(), source }
}

/// Reads the files of all: those of TLS that stays as it was are used once that is committed, whether or not they have changed.
pub(super) fn renew(
    former: &[(&ListenerSettings, Option<Arc<Tls>>)],
    listeners: &[Arc<ListenerSettings>],
) -> Result<(OfListeners, Vec<Renewal>), ServerError> {
    let (mut all, mut renewals) = (OfListeners::new(), Vec::new());
    for listener in listeners {
        let same = former.iter().find(|(known, _)| known.name == listener.name).and_then(|(_, tls)| tls.as_ref());
        let stays =
            |tls: &&Arc<Tls>| listener.tls.as_ref().is_some_and(|settings| tls.is_of(settings, listener.serves_http()));
        match same.filter(stays) {
            Some(tls) => {
                let fresh = tls.read_again(SystemTime::now()).map_err(|source| fault(listener, source))?;
                renewals.push(Renewal { tls: Arc::clone(tls), fresh });
                all.push(Some(Arc::clone(tls)));
            }
            None => all.push(open_one(listener)?),
        }
    }
    Ok((all, renewals))
}

/// Has changed files read again from now on.
pub(super) fn keep_fresh(listeners: &[Arc<ListenerSettings>], tls: &OfListeners, tally: Tally) -> Option<Watch> {
    let watched = |(listener, tls): (&Arc<ListenerSettings>, &Option<Arc<Tls>>)| {
        Some(Watched { listener: listener.name.clone(), tls: Arc::clone(tls.as_ref()?) })
    };
    match Watch::start(tally) {
        Ok(watch) => {
            watch.add(listeners.iter().zip(tls).filter_map(watched).collect());
            Some(watch)
        }
        Err(error) => {
            tracing::error!(%error, "certificates will not be read again when they change");
            None
        }
    }
}
