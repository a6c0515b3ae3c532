//! Which certificate a client is shown: by the host name that it asks for (SNI) and the signatures that it knows.

use super::files::Pair;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The certificates of one listener.
#[derive(Debug)]
pub(super) struct Choice {
    /// The first is for clients that ask for nothing, or for what is not there.
    pairs: Vec<Pair>,
}

impl Choice {
    pub(super) fn new(pairs: Vec<Pair>) -> Self {
        Self { pairs }
    }

    /// The pairs for a host, the best first: those that name it, those that cover it by a star, and the first one.
    fn in_order<'a>(&'a self, host: Option<&'a str>) -> impl Iterator<Item = &'a Pair> {
        let host = host.map(|host| host.trim_end_matches('.').to_ascii_lowercase());
        let parent = host.as_deref().and_then(|host| host.split_once('.')).map(|(_, parent)| format!("*.{parent}"));
        let named = |name: Option<String>| {
            self.pairs.iter().filter(move |pair| name.as_ref().is_some_and(|name| pair.hosts.contains(name)))
        };
        named(host).chain(named(parent)).chain(self.pairs.first())
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let known = hello.signature_schemes();
        let mut pairs = self.in_order(hello.server_name()).peekable();
        let best = pairs.peek().copied();
        // An RSA and an ECDSA certificate may be for the same host.
        let fit = pairs.find(|pair| pair.key.key.choose_scheme(known).is_some());
        fit.or(best).map(|pair| Arc::clone(&pair.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tls::test_files::pair;

    fn chosen(choice: &Choice, host: Option<&str>) -> usize {
        let best = choice.in_order(host).next().unwrap();
        choice.pairs.iter().position(|pair| std::ptr::eq(pair, best)).unwrap()
    }

    #[test]
    fn the_certificate_that_names_the_host_comes_before_a_star_and_before_the_first() {
        let names: [&[&str]; 4] = [&["first.example"], &["*.example"], &["b.example", "c.example"], &["*.a.example"]];
        let choice = Choice::new(names.iter().map(|names| pair(names)).collect());
        for (host, expected) in [
            (None, 0),
            (Some("first.example"), 0),
            (Some("b.example"), 2),
            (Some("B.Example."), 2),
            (Some("c.example"), 2),
            (Some("x.example"), 1),
            (Some("x.a.example"), 3),
            (Some("a.example"), 1),
            (Some("x.y.example"), 0),
            (Some("example"), 0),
            (Some("elsewhere"), 0),
        ] {
            assert_eq!(chosen(&choice, host), expected, "{host:?}");
        }
    }
}
