//! What may be called in a realm, for the HTTP side: gathered once and shared until a registration or a description changes.

use super::realm::RealmActor;
use crate::wamp::{Uri, Value};
use actix::{Handler, Message};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Procedures of one catalogue.
const PROCEDURES_MAX: usize = 2000;

/// The exact procedures of a realm, whoever may call them, each with its description if there is one.
#[derive(Debug)]
pub struct Catalogue {
    /// By URI.
    pub procedures: BTreeMap<Uri, Option<Value>>,
    /// Whether these are all.
    pub is_whole: bool,
    version: u64,
}

/// The last catalogue that was asked for.
#[derive(Default)]
pub(super) struct LastCatalogue(Option<Arc<Catalogue>>);

/// What may be called here? One for each description that is asked for over HTTP.
#[derive(Debug, Message)]
#[rtype(result = "Arc<Catalogue>")]
pub(crate) struct AskCatalogue;

impl Handler<AskCatalogue> for RealmActor {
    type Result = Arc<Catalogue>;

    fn handle(&mut self, _: AskCatalogue, _: &mut Self::Context) -> Self::Result {
        let version = self.realm.procedures_version();
        if let Some(last) = self.catalogue.0.as_ref().filter(|last| last.version == version) {
            return Arc::clone(last);
        }
        let (procedures, is_whole) = self.realm.exact_procedures(PROCEDURES_MAX);
        let catalogue = Arc::new(Catalogue { procedures, is_whole, version });
        self.catalogue.0 = Some(Arc::clone(&catalogue));
        catalogue
    }
}
