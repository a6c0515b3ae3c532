//! Files with the keys of tokens: read again when they change, one thread for all realms.

use crate::actors::settings::RealmSettings;
use crate::auth::{JwtKeySource, JwtKeyring};
use crate::config::keys::{read, KeysFileFault};
use crate::observe::shown;
use crate::transport::tls::{Known, Outcome, Stamps, LOOK};

/// The keys of one realm, with the file that they are of.
struct Watching {
    realm: String,
    source: JwtKeySource,
    keys: JwtKeyring,
    known: Known,
}

/// Has changed files read again from now on, until nobody uses what was read from them: at the start, and after each reload,
/// which has read them anew.
pub(super) fn keep_fresh<'a>(realms: impl Iterator<Item = &'a RealmSettings>) {
    let watching = realms.filter_map(|realm| {
        let jwt = realm.auth.jwt.as_ref()?;
        let (source, keys) = (jwt.source.clone(), jwt.keys.clone());
        let known = Known::new(stamps(&source)?);
        // It may have changed since the configuration was read.
        let fresh = read(&source).map(|read| keys.replace(read));
        note(&realm.name, fresh.err());
        Some(Watching { realm: realm.name.clone(), source, keys, known })
    });
    let mut all: Vec<_> = watching.collect();
    if all.is_empty() {
        return;
    }
    let body = move || {
        while !all.is_empty() {
            std::thread::sleep(LOOK);
            all.retain_mut(Watching::look);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("token-keys".to_owned()).spawn(body) {
        tracing::error!(%error, "keys of tokens will not be read again when they change");
    }
}

/// The file as it is; `None`: there is none to look at.
fn stamps(source: &JwtKeySource) -> Option<Stamps> {
    match source {
        JwtKeySource::Given => None,
        JwtKeySource::Pem(path) | JwtKeySource::Jwks(path) => Some(Stamps::of_files(std::iter::once(path.as_path()))),
    }
}

fn note(realm: &str, fault: Option<KeysFileFault>) {
    if let Some(fault) = fault {
        tracing::error!(realm = %shown(realm), %fault, "keys of tokens changed and cannot be used: the old ones stay");
    }
}

impl Watching {
    /// Whether somebody still uses the keys.
    fn look(&mut self) -> bool {
        let Some(stamps) = stamps(&self.source).filter(|_| self.keys.is_shared()) else { return false };
        match self.known.look(stamps, || read(&self.source).map(|keys| self.keys.replace(keys))) {
            Outcome::Same | Outcome::Waiting => {}
            Outcome::Changed => tracing::info!(realm = %shown(&self.realm), "keys of tokens were read again"),
            Outcome::Failed(fault) => note(&self.realm, Some(fault)),
        }
        true
    }
}
