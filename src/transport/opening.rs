//! What comes before it is known what a connection speaks: TLS where the listener has it, and the first octets.
//!
//! The caller keeps the time (T1). Nothing is allocated for a peer beyond one read and what its handshake needs.

use super::mistakes;
use super::settings::ListenerSettings;
use super::stream::Stream;
use super::tls::Tls;
use crate::observe::{shown, Refusal, Restraint};
use bytes::Bytes;
use std::net::SocketAddr;

/// What starts a TLS handshake, and neither an HTTP request nor a RawSocket handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What came of a connection's beginning.
pub(super) enum Opened {
    /// It speaks; these are its first octets, of which there is one at least.
    Speaks { stream: Stream, first: Bytes },
    /// It speaks what is not spoken here, and can be told so.
    Mistaken { stream: Stream, sentence: String, refusal: Refusal },
    /// It was refused.
    Refused(Refusal),
    /// It left without a word.
    Gone,
}

/// Where a connection came in.
pub(super) struct Entrance<'a> {
    pub(super) listener: &'a ListenerSettings,
    pub(super) tls: Option<&'a Tls>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) lines: &'a Restraint,
}

impl Entrance<'_> {
    /// Finds out what a connection speaks.
    pub(super) async fn open(&self, mut stream: Stream) -> Opened {
        let Some(first) = octets(&mut stream).await else { return Opened::Gone };
        let is_tls = first.first() == Some(&TLS_HANDSHAKE);
        let Some(tls) = self.tls else {
            if is_tls {
                self.note("TLS on a port without it", "");
                let sentence = mistakes::no_tls_here(self.listener);
                return Opened::Mistaken { stream, sentence, refusal: Refusal::Tls };
            }
            return Opened::Speaks { stream, first };
        };
        if !is_tls {
            self.note("no TLS on a port with it", "");
            return Opened::Mistaken { stream, sentence: mistakes::tls_here(self.listener), refusal: Refusal::Tls };
        }
        stream.put_back(first);
        let mut stream = match stream.secure(tls).await {
            Ok(stream) => stream,
            Err(error) => {
                self.note("a TLS handshake failed", &error.to_string());
                return Opened::Refused(Refusal::Tls);
            }
        };
        match octets(&mut stream).await {
            Some(first) => Opened::Speaks { stream, first },
            None => Opened::Gone,
        }
    }

    /// One line of the log, with restraint.
    fn note(&self, what: &'static str, error: &str) {
        let Some(suppressed) = self.lines.allow(crate::actors::clock::now()) else { return };
        let (listener, peer) = (&self.listener.name, self.peer.map(|peer| peer.to_string()));
        let peer = peer.as_deref().unwrap_or("unix");
        tracing::info!(%listener, peer, error = %shown(error), suppressed, "{what}");
    }
}

/// What one read gives; `None` at the end.
async fn octets(stream: &mut Stream) -> Option<Bytes> {
    std::future::poll_fn(|cx| stream.poll_take(cx, Bytes::copy_from_slice)).await.ok().flatten()
}
