//! WAMP over RawSocket: the 4-octet handshake, and length-prefixed frames, on TCP and Unix sockets.
//!
//! A buffer grows with the octets received, never with the length announced. Source: section 7.3 of the reference, R1 and
//! R2 of the limits.

use super::permit::Permit;
use super::settings::{ListenerSettings, RawSocketPing};
use super::stream::Stream;
use crate::actors::connection::{Arrival, Connection, Fault, Pings};
use crate::codec::rawsocket::{self, FrameType, Handshake, Header};
use crate::observe::Refusal;
use crate::session::CloseCode;
use crate::wamp::{Dict, Serialization};
use bytes::{Buf, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Agents that are known to answer PING, as prefixes. Grows by interop tests, never by guess.
const PING_AGENTS: &[&str] = &["wharf"];

/// One RawSocket connection.
pub(crate) struct RawSocketConnection {
    stream: Stream,
    serialization: Serialization,
    peer_message_max: usize,
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
    let mut request = [0; rawsocket::HANDSHAKE_LEN];
    stream.read_exact(&mut request).await.map_err(|_| Refusal::RawSocket)?;
    let serializers = &settings.rawsocket.serializers;
    match rawsocket::handshake(request, settings.message_max, serializers) {
        Handshake::Accept { serialization, peer_message_max, reply } => {
            stream.write_all(&reply).await.map_err(|_| Refusal::RawSocket)?;
            Ok(RawSocketConnection {
                stream,
                serialization,
                peer_message_max,
                buffer: BytesMut::new(),
                welcomed: false,
                settings,
                peer,
                permit,
                ended: false,
            })
        }
        Handshake::Refuse { reply } => {
            let _lost_or_not = stream.write_all(&reply).await;
            let _lost_or_not = stream.shutdown().await;
            Err(Refusal::RawSocket)
        }
        Handshake::Close => Err(Refusal::RawSocket),
    }
}

impl RawSocketConnection {
    fn message_max(&self) -> usize {
        if self.welcomed {
            // What was announced in the handshake, a power of two.
            rawsocket::announced(self.settings.message_max)
        } else {
            self.settings.message_before_welcome_max
        }
    }

    fn take_frames(&mut self, arrivals: &mut Vec<Arrival>) -> Result<(), Fault> {
        loop {
            let Some(octets) = self.buffer.first_chunk::<{ rawsocket::HEADER_LEN }>() else { break };
            let header = Header::read(*octets).map_err(|error| self.fault(Refusal::RawSocket, error.to_string(), CloseCode::PROTOCOL))?;
            let max = self.message_max();
            if header.len > max {
                let text = format!("a frame of {} octets is over the limit of {max}", header.len);
                return Err(self.fault(Refusal::MessageTooBig, text, CloseCode::TOO_BIG));
            }
            if self.buffer.len() < rawsocket::HEADER_LEN + header.len {
                break;
            }
            self.buffer.advance(rawsocket::HEADER_LEN);
            let body = self.buffer.split_to(header.len).freeze();
            arrivals.push(match header.frame_type {
                FrameType::Message => Arrival::Message(body),
                FrameType::Ping => Arrival::Ping(body),
                FrameType::Pong => Arrival::Pong,
            });
        }
        if self.buffer.is_empty() {
            // An idle connection holds no buffer.
            self.buffer = BytesMut::new();
        }
        Ok(())
    }

    fn fault(&self, refusal: Refusal, text: String, code: CloseCode) -> Fault {
        Fault { code, refusal, text, abort: self.welcomed && refusal == Refusal::RawSocket }
    }
}

impl Connection for RawSocketConnection {
    fn serialization(&self) -> Serialization {
        self.serialization
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut Vec<Arrival>) -> Poll<Result<(), Fault>> {
        if self.ended {
            return Poll::Pending;
        }
        let Self { stream, buffer, .. } = self;
        match stream.poll_take(cx, |octets| buffer.extend_from_slice(octets)) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(Some(()))) => {}
            Poll::Ready(Ok(None) | Err(_)) => {
                self.ended = true;
                arrivals.push(Arrival::Closed(None));
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

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_close(cx)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_drain(cx)
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; rawsocket::HEADER_LEN]);
        start
    }

    fn finish(&self, out: &mut Vec<u8>, start: usize) {
        let len = out.len() - start - rawsocket::HEADER_LEN;
        let header = Header { frame_type: FrameType::Message, len }.octets();
        if let Some(place) = out.get_mut(start..start + rawsocket::HEADER_LEN) {
            place.copy_from_slice(&header);
        }
    }

    fn ping(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Header { frame_type: FrameType::Ping, len: 0 }.octets());
    }

    fn pong(&self, out: &mut Vec<u8>, data: &[u8]) {
        out.extend_from_slice(&Header { frame_type: FrameType::Pong, len: data.len() }.octets());
        out.extend_from_slice(data);
    }

    fn close(&self, _: &mut Vec<u8>, _: CloseCode) {
        // RawSocket has no closing handshake: the connection ends.
    }

    fn newest_ping_only(&self) -> bool {
        false
    }

    fn peer_message_max(&self) -> usize {
        self.peer_message_max
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
        super::details("rawsocket", self.serialization, self.peer)
    }
}
