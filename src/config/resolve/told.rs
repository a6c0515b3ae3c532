//! What is told of procedures: a summary, and the schemas of their bodies, which are read here once, so that a mistake is found
//! before anything starts.

use super::Resolver;
use crate::actors::told::ProcedureTold;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::shape::{Procedure, Realm};
use crate::http::settings::json_schema;
use crate::routing::UriTable;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Octets of a schema. A description over WAMP has as many.
const OCTETS_MAX: u64 = 64 << 10;

impl Resolver<'_> {
    /// By URI; of several that fit a procedure the most specific one of which anything is told decides.
    pub(super) fn told(&mut self, realm: &Realm) -> Arc<UriTable<ProcedureTold>> {
        let mut entries = Vec::new();
        for (name, entry) in realm.procedures.iter() {
            let Procedure { summary, request_schema, response_schema, .. } = &entry.value.value;
            let told = ProcedureTold {
                summary: summary.value.clone(),
                request_schema: self.schema(request_schema),
                response_schema: self.schema(response_schema),
            };
            if told == ProcedureTold::default() {
                continue;
            }
            // What is wrong with the name was noted with the rules of the procedure.
            if let Ok(pattern) = crate::authz::Pattern::parse(name) {
                entries.push((pattern.policy(), crate::wamp::Uri::from(pattern.text()), told));
            }
        }
        Arc::new(UriTable::new(entries))
    }

    /// The text of a file that holds a JSON Schema; `None` without one, and after a mistake, which is noted.
    fn schema(&mut self, at: &Placed<Option<String>>) -> Option<Arc<str>> {
        let named = at.value.as_deref()?;
        if self.sources.is_managed(at.place) {
            // It is shown to whoever asks: a name of a file that was not meant for that would give it away.
            let hint = "set it in the configuration file";
            self.error(Code::Exclusive, at, "a schema is not named at run time", hint);
            return None;
        }
        let path = Path::new(named);
        let octets = match read(&self.beside(at, path)) {
            Ok(octets) => octets,
            Err(error) => {
                let message = format!("the file {} cannot be read", path.display());
                self.error(Code::Unreadable, at, message, error.to_string());
                return None;
            }
        };
        let checked =
            if octets.len() as u64 > OCTETS_MAX { Err("expected at most 64 KiB".to_owned()) } else { parse(&octets) };
        match checked {
            Ok(text) => Some(text),
            Err(wrong) => {
                self.error(Code::Malformed, at, format!("the file {} is no JSON Schema", path.display()), wrong);
                None
            }
        }
    }
}

/// One octet more than may be.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(OCTETS_MAX + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

fn parse(octets: &[u8]) -> Result<Arc<str>, String> {
    let schema: serde_json::Value = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    json_schema::check(&schema)?;
    Ok(schema.to_string().into())
}
