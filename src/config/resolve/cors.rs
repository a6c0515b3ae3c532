//! `[rest.cors]`.

use super::{Code, Resolver};
use crate::http::settings::CorsSettings;

impl Resolver<'_> {
    /// Credentials go only to origins that are named.
    pub(super) fn cors(&mut self) -> CorsSettings {
        let cors = &self.file.rest.cors;
        let origins: Vec<String> = cors.origins.values().into_iter().map(|origin| origin.0).collect();
        if cors.credentials.value && origins.iter().any(|origin| origin == "*") {
            let message = "`credentials` and the origin \"*\" exclude each other";
            self.error(Code::OutOfRange, &cors.credentials, message, "name the origins");
        }
        CorsSettings { origins, credentials: cors.credentials.value, max_age: cors.max_age.0 }
    }
}
