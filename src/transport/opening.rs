//! What comes before it is known what a connection speaks: the header of a proxy, TLS where the listener has it, and the first
//! octets.
//!
//! The caller keeps the time (T1). Nothing is allocated for a peer beyond one read and what its handshake needs.

use super::listener::Acceptor;
use super::mistakes;
use super::permit::{count, Counted, TooMany};
use super::proxy::{self, Header};
use super::settings::{ListenerSettings, ProxyProtocol};
use super::stream::Stream;
use super::tls::Tls;
use super::trusted::is_trusted;
use crate::observe::{address, shown, Refusal, Restraint};
use actix::Addr;
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;

/// What starts a TLS handshake, and neither an HTTP request nor a RawSocket handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What came of a connection's beginning.
pub(super) enum Opened {
    /// It speaks.
    Speaks(Speaks),
    /// It speaks what is not spoken here, and can be told so.
    Mistaken { stream: Stream, sentence: String, refusal: Refusal },
    /// It was refused.
    Refused(Refusal),
    /// It left without a word.
    Gone,
}

/// A connection that speaks.
pub(super) struct Speaks {
    pub(super) stream: Stream,
    /// Its first octets, of which there is one at least.
    pub(super) first: Bytes,
    /// Whose it is.
    pub(super) peer: Option<SocketAddr>,
    /// Its place among those of its client, if a proxy has named one.
    pub(super) counted: Option<Option<Counted>>,
}

/// Where a connection came in.
pub(super) struct Entrance<'a> {
    pub(super) listener: &'a ListenerSettings,
    pub(super) tls: Option<&'a Tls>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) acceptor: &'a Addr<Acceptor>,
    pub(super) lines: &'a Restraint,
}

impl Entrance<'_> {
    /// Finds out whose a connection is and what it speaks.
    pub(super) async fn open(mut self, mut stream: Stream) -> Opened {
        let (first, counted) = match self.announced(&mut stream).await {
            Ok(Some(announced)) => announced,
            Ok(None) => return Opened::Gone,
            Err(refusal) => return Opened::Refused(refusal),
        };
        let is_tls = first.first() == Some(&TLS_HANDSHAKE);
        let peer = self.peer;
        let Some(tls) = self.tls else {
            if is_tls {
                self.note("TLS on a port without it", "");
                let sentence = mistakes::no_tls_here(self.listener);
                return Opened::Mistaken { stream, sentence, refusal: Refusal::Tls };
            }
            return Opened::Speaks(Speaks { stream, first, peer, counted });
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
            Some(first) => Opened::Speaks(Speaks { stream, first, peer, counted }),
            None => Opened::Gone,
        }
    }

    /// Reads a PROXY header, where there may be one; gives the first octets behind it, and the place of the client that it
    /// names. `None` at the end of the connection.
    async fn announced(&mut self, stream: &mut Stream) -> Result<Option<(Bytes, Option<Option<Counted>>)>, Refusal> {
        let is_believed = is_trusted(&self.listener.trusted_proxies, self.peer.map(|peer| peer.ip()));
        let is_required = self.listener.proxy_protocol == ProxyProtocol::Required;
        if is_required && !is_believed {
            self.note("a connection that is not of a trusted proxy", "");
            return Err(Refusal::Proxy);
        }
        if self.listener.proxy_protocol == ProxyProtocol::Off || !is_believed {
            return Ok(octets(stream).await.map(|first| (first, None)));
        }
        let mut read = BytesMut::new();
        let (length, source) = loop {
            let Some(more) = octets(stream).await else { return Ok(None) };
            read.extend_from_slice(&more);
            match proxy::read(&read) {
                Ok(Header::Unfinished) => {}
                Ok(Header::Present { length, source }) => break (length, source),
                Ok(Header::Absent) if is_required => {
                    self.note("a connection without a PROXY header", "");
                    return Err(Refusal::Proxy);
                }
                Ok(Header::Absent) => return Ok(Some((read.freeze(), None))),
                Err(error) => {
                    self.note("a broken PROXY header", &error.to_string());
                    return Err(Refusal::Proxy);
                }
            }
        };
        let rest = read.split_off(length).freeze();
        let counted = match source {
            None => None,
            Some(source) => {
                self.peer = Some(SocketAddr::new(source.ip().to_canonical(), source.port()));
                Some(self.count_client().await?)
            }
        };
        let first = if rest.is_empty() { octets(stream).await } else { Some(rest) };
        Ok(first.map(|first| (first, counted)))
    }

    /// A place for the client that the proxy has named. One that is a proxy itself is not counted.
    async fn count_client(&self) -> Result<Option<Counted>, Refusal> {
        let address = self.peer.map(|peer| peer.ip());
        match address.filter(|_| !is_trusted(&self.listener.trusted_proxies, address)) {
            None => Ok(None),
            Some(address) => count(self.acceptor, address).await.map_err(|TooMany| Refusal::ConnLimit),
        }
    }

    /// One line of the log, with restraint.
    fn note(&self, what: &'static str, error: &str) {
        let Some(suppressed) = self.lines.allow(crate::actors::clock::now()) else { return };
        let (listener, peer) = (&self.listener.name, address(self.peer));
        tracing::info!(%listener, %peer, error = %shown(error), suppressed, "{what}");
    }
}

/// What one read gives; `None` at the end.
async fn octets(stream: &mut Stream) -> Option<Bytes> {
    std::future::poll_fn(|cx| stream.poll_take(cx, Bytes::copy_from_slice)).await.ok().flatten()
}
