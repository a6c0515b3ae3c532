//! WAMP over RawSocket: the 4-octet handshake, and length-prefixed frames, on TCP and Unix sockets.
//!
//! A buffer grows with the octets received, never with the length announced. Source: section 7.3 of the reference, R1 and
//! R2 of the limits.

use super::permit::Permit;
use super::settings::{ListenerSettings, RawSocketPing};
use super::stream::Stream;
use crate::actors::connection::{Arrival, Connection, Fault, Pings};
use crate::auth::Certificate;
use crate::codec::rawsocket::{self, FrameKind, Handshake, Header, HeaderError, LengthLimit, HEADER_LEN};
use crate::observe::Refusal;
use crate::session::CloseCode;
use crate::wamp::{Dict, Serialization};
use bytes::{Buf, BytesMut};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Agents that are known to answer PING, as prefixes. Grows by interop tests, never by guess.
const PING_AGENTS: &[&str] = &["wharf"];

/// One RawSocket connection.
pub(crate) struct RawSocketConnection {
    stream: Stream,
    serialization: Serialization,
    peer_limit: LengthLimit,
    buffer: BytesMut,
    welcomed: bool,
    settings: Arc<ListenerSettings>,
    peer: Option<SocketAddr>,
    permit: Permit,
    ended: bool,
}

/// Reads the peer's handshake and answers it. `None`: it was refused, or is lost.
pub(crate) async fn open(
    mut stream: Stream,
    settings: Arc<ListenerSettings>,
    peer: Option<SocketAddr>,
    permit: Permit,
) -> Result<RawSocketConnection, Refusal> {
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.map_err(|_| Refusal::RawSocket)?;
    let own = LengthLimit::at_most(settings.message_max);
    let mut answer = rawsocket::accept(request, own);
    if let Handshake::Accept { serialization, .. } = answer {
        if !settings.rawsocket.serializers.contains(&serialization) {
            answer = Handshake::Refuse(rawsocket::Refusal::Serializer);
        }
    }
    match answer {
        Handshake::Accept { serialization, peer_limit, reply } => {
            stream.write_all(&reply).await.map_err(|_| Refusal::RawSocket)?;
            stream.flush().await.map_err(|_| Refusal::RawSocket)?;
            Ok(RawSocketConnection {
                stream,
                serialization,
                peer_limit,
                buffer: BytesMut::new(),
                welcomed: false,
                settings,
                peer,
                permit,
                ended: false,
            })
        }
        Handshake::Refuse(refusal) => {
            let _lost_or_not = stream.write_all(&refusal.reply()).await;
            let _lost_or_not = stream.shutdown().await;
            Err(Refusal::RawSocket)
        }
        Handshake::Close => Err(Refusal::RawSocket),
    }
}

impl RawSocketConnection {
    /// What was announced in the handshake, a power of two; less before WELCOME.
    fn limit(&self) -> LengthLimit {
        let octets = if self.welcomed { self.settings.message_max } else { self.settings.message_before_welcome_max };
        LengthLimit::at_most(octets)
    }

    fn take_frames(&mut self, arrivals: &mut VecDeque<Arrival>) -> Result<(), Fault> {
        while let Some(octets) = self.buffer.first_chunk::<HEADER_LEN>() {
            let header = Header::parse(*octets, self.limit()).map_err(|error| self.fault(&error))?;
            if self.buffer.len() < HEADER_LEN + header.length {
                break;
            }
            self.buffer.advance(HEADER_LEN);
            let body = self.buffer.split_to(header.length).freeze();
            arrivals.push_back(match header.kind {
                FrameKind::Message => Arrival::Message(body),
                FrameKind::Ping => Arrival::Ping(body),
                FrameKind::Pong => Arrival::Pong,
            });
        }
        if self.buffer.is_empty() {
            // An idle connection holds no buffer.
            self.buffer = BytesMut::new();
        }
        Ok(())
    }

    fn fault(&self, error: &HeaderError) -> Fault {
        let (code, refusal, abort) = match error {
            HeaderError::Reserved(_) => (CloseCode::PROTOCOL, Refusal::RawSocket, self.welcomed),
            HeaderError::TooLong { .. } => (CloseCode::TOO_BIG, Refusal::MessageTooBig, false),
        };
        Fault { code, refusal, text: error.to_string(), abort }
    }
}

fn control(out: &mut Vec<u8>, kind: FrameKind, body: &[u8]) {
    if let Ok(header) = (Header { kind, length: body.len() }).write() {
        out.extend_from_slice(&header);
        out.extend_from_slice(body);
    }
}

impl Connection for RawSocketConnection {
    fn serialization(&self) -> Serialization {
        self.serialization
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>> {
        if self.ended {
            return Poll::Pending;
        }
        let Self { stream, buffer, .. } = self;
        match stream.poll_take(cx, |octets| buffer.extend_from_slice(octets)) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(Some(()))) => {}
            Poll::Ready(Ok(None) | Err(_)) => {
                self.ended = true;
                arrivals.push_back(Arrival::Closed(None));
                return Poll::Ready(Ok(()));
            }
        }
        let taken = self.take_frames(arrivals);
        self.ended = taken.is_err();
        Poll::Ready(taken)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write_octets(cx, octets)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_flush_octets(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_drain(cx)
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_LEN]);
        start
    }

    fn finish(&self, out: &mut Vec<u8>, start: usize) {
        let length = out.len() - start - HEADER_LEN;
        // A longer message was refused before it came here: no peer takes more than 2^24 octets.
        let header = Header { kind: FrameKind::Message, length }.write();
        if let (Ok(header), Some(place)) = (header, out.get_mut(start..start + HEADER_LEN)) {
            place.copy_from_slice(&header);
        }
    }

    fn ping(&self, out: &mut Vec<u8>) {
        control(out, FrameKind::Ping, b"");
    }

    fn pong(&self, out: &mut Vec<u8>, data: &[u8]) {
        control(out, FrameKind::Pong, data);
    }

    fn newest_ping_only(&self) -> bool {
        false
    }

    fn peer_message_max(&self) -> usize {
        self.peer_limit.octets()
    }

    fn welcomed(&mut self) {
        self.permit.welcomed();
        self.welcomed = true;
    }

    fn pings(&self) -> Pings {
        match self.settings.rawsocket.ping {
            RawSocketPing::On => Pings::Always,
            RawSocketPing::Auto => Pings::IfKnown,
            RawSocketPing::Off => Pings::Never,
        }
    }

    fn knows_agent(&self, agent: &str) -> bool {
        let named = self.settings.rawsocket.ping_agents.iter().map(String::as_str);
        PING_AGENTS.iter().copied().chain(named).any(|known| agent.starts_with(known))
    }

    fn details(&self) -> Dict {
        super::details("rawsocket", self.serialization, self.peer, &self.stream)
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }

    fn tls_peer(&self) -> Option<&Arc<Certificate>> {
        self.stream.certificate()
    }

    fn channel_binding(&self) -> Option<[u8; 32]> {
        self.stream.channel_binding()
    }
}
