//! Messages over a stream: WebSocket's frames or RawSocket's.
//!
//! What was read and not asked for waits here; what was written and not taken waits too, so that a dropped future loses
//! neither.

use super::fault::Broken;
use super::stream::Stream;
use super::MESSAGE_MAX;
use crate::codec::rawsocket::{FrameKind, Header, LengthLimit, HEADER_LEN};
use crate::codec::{decode, encode, Limits};
use crate::transport::websocket::{encode as frames, CloseCode, Decoder, FrameLimits, Item, Role};
use crate::wamp::{Message, Serialization};
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Octets of one read.
const READ: usize = 64 << 10;

/// With so many octets that nobody has read, no more are taken off the stream.
const ARRIVED_MAX: usize = 64 << 20;

/// A connection that carries messages.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    serialization: Serialization,
    frames: Frames,
    read: Vec<u8>,
    arrived: VecDeque<Bytes>,
    arrived_octets: usize,
    /// How the connection ended, to be told when what came before is read.
    closed: Option<Option<(u16, String)>>,
    /// To be written, from `written` on.
    out: Vec<u8>,
    written: usize,
    /// Whether the stream itself may hold something back.
    unflushed: bool,
}

/// What a step is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Until {
    Sent,
    Read,
}

/// What stands around a message.
enum Frames {
    WebSocket(Box<Decoder>),
    RawSocket { received: BytesMut, peer_max: usize },
}

impl Link {
    /// A WebSocket that is open; `early`: what came behind the handshake.
    pub(super) fn websocket(
        stream: Box<dyn Stream>,
        serialization: Serialization,
        early: &[u8],
    ) -> Result<Self, Broken> {
        let limits = FrameLimits { message_max: MESSAGE_MAX, ..FrameLimits::default() };
        let mut link =
            Self::new(stream, serialization, Frames::WebSocket(Box::new(Decoder::new(Role::Client, limits, None))));
        link.take(early)?;
        Ok(link)
    }

    /// A RawSocket that is open; `peer_max`: the longest message that the router takes.
    pub(super) fn rawsocket(stream: Box<dyn Stream>, serialization: Serialization, peer_max: usize) -> Self {
        Self::new(stream, serialization, Frames::RawSocket { received: BytesMut::new(), peer_max })
    }

    fn new(stream: Box<dyn Stream>, serialization: Serialization, frames: Frames) -> Self {
        let (read, arrived, out) = (vec![0; READ], VecDeque::new(), Vec::new());
        Self {
            stream,
            serialization,
            frames,
            read,
            arrived,
            arrived_octets: 0,
            closed: None,
            out,
            written: 0,
            unflushed: false,
        }
    }

    /// Puts a message into the buffer; [`flush`](Self::flush) sends it.
    pub(super) fn write(&mut self, message: &Message) -> Result<(), Broken> {
        let mut octets = Vec::new();
        encode(message, self.serialization, &mut octets)?;
        let length = octets.len();
        match &self.frames {
            Frames::WebSocket(_) => {
                frames::write_message(&mut self.out, Some(mask()), !self.serialization.is_binary(), &octets);
            }
            Frames::RawSocket { peer_max, .. } => {
                if length > *peer_max {
                    return Err(Broken::TooLong { length, max: *peer_max });
                }
                self.out.extend_from_slice(&Header { kind: FrameKind::Message, length }.write()?);
                self.out.extend_from_slice(&octets);
            }
        }
        Ok(())
    }

    /// Sends what is in the buffer; what comes meanwhile waits for [`read`](Self::read). Dropped, it goes on where it was the
    /// next time.
    pub(super) async fn flush(&mut self) -> Result<(), Broken> {
        while self.is_unsent() {
            self.step(Until::Sent).await?;
        }
        Ok(())
    }

    /// The next message; sends what is in the buffer, too. Dropped, it loses nothing.
    pub(super) async fn read(&mut self) -> Result<Message, Broken> {
        loop {
            if let Some(octets) = self.arrived.pop_front() {
                self.arrived_octets -= octets.len();
                return Ok(decode(self.serialization, &octets, &Limits::default())?);
            }
            if let Some(said) = self.closed.take() {
                // The answer to a Close; whoever has gone needs none.
                let _gone = self.flush().await;
                return Err(said.map_or(Broken::Closed, |(code, reason)| Broken::Close { code, reason }));
            }
            self.step(Until::Read).await?;
        }
    }

    fn is_unsent(&self) -> bool {
        self.written < self.out.len() || self.unflushed
    }

    /// Writes and reads whatever the stream takes and gives. Both at once, or two peers that only write would wait for each
    /// other for ever.
    async fn step(&mut self, until: Until) -> Result<(), Broken> {
        let count = poll_fn(|context| self.poll(until, context)).await?;
        let Some(count) = count else { return Ok(()) };
        if count == 0 {
            self.closed.get_or_insert(None);
            return Ok(());
        }
        let read = std::mem::take(&mut self.read);
        let taken = self.take(&read[..count]);
        self.read = read;
        taken
    }

    /// The octets that were read; `None`: all is sent.
    fn poll(&mut self, until: Until, context: &mut Context<'_>) -> Poll<Result<Option<usize>, Broken>> {
        while self.written < self.out.len() {
            match Pin::new(&mut self.stream).poll_write(context, &self.out[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Broken::Closed)),
                Poll::Ready(Ok(taken)) => {
                    self.written += taken;
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => break,
            }
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
            if self.unflushed && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
                self.unflushed = false;
            }
        }
        if until == Until::Sent && !self.is_unsent() {
            return Poll::Ready(Ok(None));
        }
        if self.closed.is_some() || self.arrived_octets > ARRIVED_MAX {
            return Poll::Pending;
        }
        let mut buffer = ReadBuf::new(&mut self.read);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(Some(buffer.filled().len())))
    }

    /// Whether messages have come that nobody has read.
    pub(super) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Ends the connection in order, as far as the other side lets it.
    pub(super) async fn close(mut self) {
        if let Frames::WebSocket(_) = self.frames {
            frames::close(&mut self.out, Some(mask()), CloseCode::NORMAL, "");
        }
        // Whoever has gone already needs no farewell.
        let _gone = self.flush().await;
        let _gone = self.stream.shutdown().await;
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), Broken> {
        match &mut self.frames {
            Frames::WebSocket(decoder) => {
                let mut items = Vec::new();
                let fed = decoder.feed(octets, &mut items);
                for item in items {
                    match item {
                        Item::Message { data, .. } => {
                            self.arrived_octets += data.len();
                            self.arrived.push_back(data);
                        }
                        Item::Ping(payload) => frames::pong(&mut self.out, Some(mask()), &payload),
                        Item::Pong(_) => {}
                        Item::Close(said) => {
                            frames::close_empty(&mut self.out, Some(mask()));
                            self.closed = Some(said.map(|(code, reason)| (code.get(), reason.to_string())));
                        }
                    }
                }
                Ok(fed?)
            }
            Frames::RawSocket { received, .. } => {
                received.extend_from_slice(octets);
                while let Some(octets) = received.first_chunk::<HEADER_LEN>() {
                    let header = Header::parse(*octets, LengthLimit::at_most(MESSAGE_MAX))?;
                    if received.len() < HEADER_LEN + header.length {
                        break;
                    }
                    received.advance(HEADER_LEN);
                    let body = received.split_to(header.length).freeze();
                    match header.kind {
                        FrameKind::Message => {
                            self.arrived_octets += body.len();
                            self.arrived.push_back(body);
                        }
                        FrameKind::Ping => {
                            let answer = Header { kind: FrameKind::Pong, length: body.len() };
                            self.out.extend_from_slice(&answer.write()?);
                            self.out.extend_from_slice(&body);
                        }
                        FrameKind::Pong => {}
                    }
                }
                Ok(())
            }
        }
    }
}

/// RFC 6455 wants one that cannot be guessed for each frame.
fn mask() -> [u8; 4] {
    rand::random()
}
