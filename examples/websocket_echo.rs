//! An echo server over Wharf's frame codec, for WebSocket test suites: `cargo run --example websocket_echo -- 127.0.0.1:9002`.
//!
//! Speaks the opening handshake without a subprotocol, permessage-deflate where it is offered, and sends every message
//! back as it came. `scripts/websocket-suite.sh` runs it. No WAMP, and not for a public address: it has no timeouts.

use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wharf::transport::websocket::{deflate, encode, CloseCode, Compressor, Decoder, Deflate, FrameLimits, Item, Role};

/// The suite's largest message has 16 MiB; its finest one has 64 octets per fragment.
const LIMITS: FrameLimits = FrameLimits { message_max: 32 << 20, fragments_max: 1 << 20 };
const HEAD_OCTETS_MAX: usize = 16 << 10;
const READ_OCTETS: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".to_owned());
    let listener = TcpListener::bind(&address).await?;
    eprintln!("echo on ws://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = serve(socket).await {
                eprintln!("connection lost: {error}");
            }
        });
    }
}

async fn serve(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut input = Vec::with_capacity(READ_OCTETS);
    let Some(head) = read_head(&mut socket, &mut input).await? else { return Ok(()) };
    let Some(key) = header(&head, "sec-websocket-key").next() else {
        return socket
            .write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nthis is a WebSocket endpoint\n")
            .await;
    };
    let accept = actix_http::ws::hash_key(key.as_bytes());
    let offers: Vec<_> = header(&head, "sec-websocket-extensions").collect();
    let extension = deflate::negotiate(&offers.join(","));
    socket.write_all(&answer(&accept, extension)).await?;

    let mut echo = Echo::new(extension.is_some());
    let mut output = Vec::new();
    loop {
        let open = echo.take(&input, &mut output);
        socket.write_all(&output).await?;
        output.clear();
        if !open {
            return close(socket).await;
        }
        input.clear();
        if socket.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// One connection's frames: octets in, octets out.
struct Echo {
    decoder: Decoder,
    compressor: Option<Compressor>,
    items: Vec<Item>,
}

impl Echo {
    fn new(compressed: bool) -> Self {
        let deflate = compressed.then(Deflate::new);
        let decoder = Decoder::new(Role::Server, LIMITS, deflate);
        Self { decoder, compressor: compressed.then(Compressor::new), items: Vec::new() }
    }

    /// Appends the answers to `input`. Gives back whether the connection goes on.
    fn take(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let fed = self.decoder.feed(input, &mut self.items);
        for item in self.items.drain(..) {
            match item {
                Item::Message { text, data } => match &mut self.compressor {
                    Some(compressor) => encode::write_message_deflated(output, None, text, &data, compressor),
                    None => encode::write_message(output, None, text, &data),
                },
                Item::Ping(data) => encode::pong(output, None, &data),
                Item::Pong(_) => {}
                Item::Close(Some((code, reason))) => encode::close(output, None, code, &reason),
                Item::Close(None) => encode::close_empty(output, None),
            }
        }
        if let Err(fault) = fed {
            let code: CloseCode = fault.close_code();
            encode::close(output, None, code, &fault.to_string());
        }
        !self.decoder.is_closed()
    }
}

/// Reads until the empty line; what follows it stays in `input`. `None`: the peer went away.
async fn read_head(socket: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Option<String>> {
    loop {
        if let Some(end) = input.windows(4).position(|octets| octets == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(input.get(..end).unwrap_or_default()).into_owned();
            input.drain(..end + 4);
            return Ok(Some(head));
        }
        if input.len() > HEAD_OCTETS_MAX || socket.read_buf(input).await? == 0 {
            return Ok(None);
        }
    }
}

/// The values of the header lines with this name, given in lower case.
fn header<'a>(head: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn answer(accept: &[u8], extension: Option<&str>) -> Vec<u8> {
    let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_vec();
    if let Some(extension) = extension {
        answer.extend_from_slice(format!("Sec-WebSocket-Extensions: {extension}\r\n").as_bytes());
    }
    answer.extend_from_slice(b"Sec-WebSocket-Accept: ");
    answer.extend_from_slice(accept);
    answer.extend_from_slice(b"\r\n\r\n");
    answer
}

/// Ends our direction and takes the rest of the peer's, so that the kernel does not answer it with a reset that would
/// overtake our Close.
async fn close(mut socket: TcpStream) -> io::Result<()> {
    socket.shutdown().await?;
    let mut rest = Vec::with_capacity(READ_OCTETS);
    while socket.read_buf(&mut rest).await? > 0 {
        rest.clear();
    }
    Ok(())
}
