//! One WebSocket connection as a session actor sees it: frames in, frames out, on a socket of our own.

use super::super::permit::Permit;
use super::super::settings::ListenerSettings;
use super::super::stream::Stream;
use super::close;
use super::deflate::{Compressor, Deflate};
use super::encode::{self, Start};
use super::frame::{Decoder, FrameFault, FrameLimits, Item, Role};
use crate::actors::connection::{Arrival, BrowserCookie, Connection, Fault, Pings};
use crate::auth::once::Vouched;
use crate::auth::Certificate;
use crate::codec::batched::Batched;
use crate::observe::Refusal;
use crate::session::CloseCode;
use crate::wamp::{Dict, Serialization};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

thread_local! {
    /// A compressor is large: one for all the connections of a thread.
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new());
}

/// Messages of one batch: more than a lawful one of 1 MiB has use for.
const BATCH_MESSAGES_MAX: usize = 1 << 16;

/// What the opening handshake agreed on.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) serialization: Serialization,
    pub(crate) batched: bool,
    pub(crate) compressed: bool,
    pub(crate) cookies: Vec<BrowserCookie>,
    /// Whom a one-time ticket lets in that came with the upgrade. Few do, and this is kept as long as the connection.
    pub(crate) vouched: Option<Box<Vouched>>,
}

/// One WebSocket connection.
pub(crate) struct WebSocketConnection {
    stream: Stream,
    decoder: Decoder,
    items: Vec<Item>,
    agreed: Agreed,
    batched: Option<Batched>,
    settings: Arc<ListenerSettings>,
    peer: Option<SocketAddr>,
    permit: Permit,
    ended: bool,
    /// Of the upgrade, until WELCOME.
    headers: Vec<(String, String)>,
}

impl WebSocketConnection {
    /// With the headers of the upgrade.
    #[must_use]
    pub(crate) fn with_headers(mut self, headers: Vec<(String, String)>) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) fn new(
        stream: Stream,
        agreed: Agreed,
        settings: Arc<ListenerSettings>,
        peer: Option<SocketAddr>,
        permit: Permit,
    ) -> Self {
        let limits = FrameLimits {
            message_max: settings.message_before_welcome_max,
            fragments_max: settings.websocket.fragments_max,
        };
        let batched = agreed.batched.then(|| Batched::new(agreed.serialization, BATCH_MESSAGES_MAX));
        let deflate = agreed.compressed.then(Deflate::new);
        Self {
            stream,
            decoder: Decoder::new(Role::Server, limits, deflate).leave_whole_texts_to_the_reader(),
            items: Vec::new(),
            agreed,
            batched,
            settings,
            peer,
            permit,
            ended: false,
            headers: Vec::new(),
        }
    }

    fn arrive(&mut self, item: Item, arrivals: &mut VecDeque<Arrival>) -> Result<(), Fault> {
        match item {
            Item::Message { text, .. } if text == self.agreed.serialization.is_binary() => {
                let (got, due) = if text { ("text", "binary") } else { ("binary", "text") };
                // T5a.
                return Err(Fault {
                    code: CloseCode::WRONG_KIND,
                    refusal: Refusal::Protocol,
                    text: format!("{} messages are {due}, got {got}", self.agreed.serialization.name()),
                    abort: true,
                });
            }
            Item::Message { data, .. } => match &mut self.batched {
                None => arrivals.push_back(Arrival::Message(data)),
                Some(batched) => {
                    let messages = batched.split(&data).map_err(|error| Fault {
                        code: CloseCode::PROTOCOL,
                        refusal: Refusal::Decode,
                        text: error.to_string(),
                        abort: true,
                    })?;
                    arrivals.extend(messages.into_iter().map(Arrival::Message));
                }
            },
            Item::Ping(data) => arrivals.push_back(Arrival::Ping(data)),
            Item::Pong(_) => arrivals.push_back(Arrival::Pong),
            Item::Close(said) => {
                self.ended = true;
                arrivals.push_back(Arrival::Closed(said.map(|(code, _)| code.get())));
            }
        }
        Ok(())
    }
}

fn fault(frame: FrameFault) -> Fault {
    let refusal = match frame.refused_as() {
        "message_too_big" => Refusal::MessageTooBig,
        "deflate_bomb" => Refusal::DeflateBomb,
        _ => Refusal::WsProtocol,
    };
    Fault { code: CloseCode(frame.close_code().get()), refusal, text: frame.to_string(), abort: false }
}

impl Connection for WebSocketConnection {
    fn serialization(&self) -> Serialization {
        self.agreed.serialization
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>> {
        if self.ended {
            return Poll::Pending;
        }
        let Self { stream, decoder, items, .. } = self;
        let fed = match stream.poll_take(cx, |octets| decoder.feed(octets, items)) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(Some(fed))) => fed,
            Poll::Ready(Ok(None) | Err(_)) => {
                self.ended = true;
                arrivals.push_back(Arrival::Closed(None));
                return Poll::Ready(Ok(()));
            }
        };
        let mut items = std::mem::take(&mut self.items);
        for item in items.drain(..) {
            if let Err(fault) = self.arrive(item, arrivals) {
                self.ended = true;
                return Poll::Ready(Err(fault));
            }
        }
        self.items = items;
        Poll::Ready(fed.map_err(|frame| {
            self.ended = true;
            fault(frame)
        }))
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
        let start = encode::begin(out).into_offset();
        if let Some(batched) = &self.batched {
            batched.begin(out);
        }
        start
    }

    fn finish(&self, out: &mut Vec<u8>, start: usize) {
        let text = !self.agreed.serialization.is_binary();
        if let Some(batched) = &self.batched {
            let prefix = if text { 0 } else { batched.overhead() };
            batched.end(Start::message_offset(start) + prefix, out);
        }
        let start = Start::from_offset(start);
        if self.agreed.compressed {
            COMPRESSOR.with_borrow_mut(|compressor| encode::finish_deflated(out, start, text, compressor));
        } else {
            encode::finish(out, start, text);
        }
    }

    fn ping(&self, out: &mut Vec<u8>) {
        encode::ping(out, None, b"");
    }

    fn pong(&self, out: &mut Vec<u8>, data: &[u8]) {
        encode::pong(out, None, data);
    }

    fn close(&self, out: &mut Vec<u8>, code: CloseCode) {
        match close::CloseCode::new(code.0) {
            Some(code) => encode::close(out, None, code, ""),
            None => encode::close_empty(out, None),
        }
    }

    fn peer_message_max(&self) -> usize {
        // WebSocket peers announce none: what may come in from others may go out to them.
        self.settings.message_max.saturating_add(1 << 16)
    }

    fn welcomed(&mut self) {
        self.permit.welcomed();
        self.headers = Vec::new();
        self.decoder.set_message_max(self.settings.message_max);
    }

    fn pings(&self) -> Pings {
        Pings::Always
    }

    fn knows_agent(&self, _: &str) -> bool {
        true
    }

    fn http_headers(&self) -> &[(String, String)] {
        &self.headers
    }

    fn details(&self) -> Dict {
        super::super::details("websocket", self.agreed.serialization, self.peer, &self.stream)
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }

    fn cookies(&self) -> &[BrowserCookie] {
        &self.agreed.cookies
    }

    fn take_vouched(&mut self) -> Option<Vouched> {
        self.agreed.vouched.take().map(|vouched| *vouched)
    }

    fn tls_peer(&self) -> Option<&Arc<Certificate>> {
        self.stream.certificate()
    }

    fn channel_binding(&self) -> Option<[u8; 32]> {
        self.stream.channel_binding()
    }
}

impl Drop for WebSocketConnection {
    /// A session that panics is closed as our fault (limits, section 11).
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut frame = Vec::new();
            encode::close(&mut frame, None, close::CloseCode::INTERNAL, "");
            let _best_effort = self.stream.try_write(&frame);
        }
    }
}
