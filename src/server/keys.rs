//! The keys of tokens: files are read again when they change, one thread for all realms; addresses are fetched by `outward`.

use crate::actors::settings::RealmSettings;
use crate::auth::{JwtKeySource, JwtKeyring, JwtSettings};
use crate::config::keys::{read, KeysFileFault};
use crate::config::Settings;
use crate::observe::{shown, Tally};
use crate::outward::{KeyKeeping, Outward};
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

/// What tokens are checked with, by realm and template.
fn of_tokens(settings: &Settings) -> impl Iterator<Item = (&str, &JwtSettings)> {
    let realms = settings.realms.iter().chain(settings.templates.iter().map(|template| &template.settings));
    realms.filter_map(|realm| Some((&*realm.name, realm.auth.jwt.as_deref()?)))
}

/// New settings begin with the keys that were fetched for the former ones: nobody waits for them again.
pub(super) fn take_over(former: &Settings, new: &Settings) {
    for (_, jwt) in of_tokens(new).filter(|(_, jwt)| matches!(jwt.source, JwtKeySource::Address(_))) {
        if let Some((_, known)) = of_tokens(former).find(|(_, known)| known.source == jwt.source) {
            jwt.keys.replace((*known.keys.keys()).clone());
        }
    }
}

/// Has the keys at addresses fetched from now on: at the start, and after each reload.
pub(super) fn fetch(settings: &Settings, outward: &Outward, tally: &Tally) {
    let all = of_tokens(settings).filter_map(|(realm, jwt)| match &jwt.source {
        JwtKeySource::Address(address) => {
            Some(KeyKeeping { realm: realm.to_owned(), address: address.clone(), keys: jwt.keys.clone() })
        }
        JwtKeySource::Given | JwtKeySource::Pem(_) | JwtKeySource::Jwks(_) => None,
    });
    outward.keep_keys(all.collect(), tally.clone());
}

/// The file as it is; `None`: there is none to look at.
fn stamps(source: &JwtKeySource) -> Option<Stamps> {
    match source {
        JwtKeySource::Given | JwtKeySource::Address(_) => None,
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
