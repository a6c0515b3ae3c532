//! Addresses that the router asks over HTTP: that nobody on the way reads along, and who is trusted.

use super::Resolver;
use crate::auth::WebAddress;
use crate::config::error::Code;
use crate::config::read::Placed;
use crate::config::values::WebUrl;
use crate::transport::tls::authorities_of;
use std::path::Path;
use std::sync::Arc;

impl Resolver<'_> {
    /// The address at `at`, with the authorities of `ca`. `None` after a mistake, which is noted.
    pub(super) fn web_address<T>(
        &mut self,
        at: &Placed<T>,
        url: &WebUrl,
        ca: &Placed<Option<String>>,
    ) -> Option<Arc<WebAddress>> {
        let address = url.address.clone();
        if !address.is_encrypted() && !address.is_loopback() {
            let message = "what is asked here goes over the network unencrypted";
            let hint = "expected https://, or an address of this host";
            if self.file.node.dev.value {
                self.warn(Code::InsecureListener, at, message, hint);
            } else {
                self.error(Code::InsecureListener, at, message, hint);
            }
        }
        self.trusting(address, ca)
    }

    /// The address, with the only authorities that are trusted there.
    pub(super) fn trusting(&mut self, address: WebAddress, ca: &Placed<Option<String>>) -> Option<Arc<WebAddress>> {
        let Some(path) = &ca.value else { return Some(Arc::new(address)) };
        if !address.is_encrypted() {
            self.error(Code::Exclusive, ca, "`ca` means nothing without https://", "remove it");
        }
        match authorities_of(&self.beside(ca, Path::new(path))) {
            Ok(authorities) => Some(Arc::new(address.trusting(authorities.into()))),
            Err(fault) => {
                self.error(Code::TlsFiles, ca, fault.to_string(), "");
                None
            }
        }
    }
}
