//! The opening handshakes of a client: RFC 6455, section 4.1, and RawSocket's four octets.

use super::fault::{Broken, Unreachable};
use super::stream::Stream;
use super::MESSAGE_MAX;
use crate::codec::rawsocket::{handshake, read_reply, LengthLimit};
use crate::wamp::Serialization;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ring::digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A head that is longer is no answer to an upgrade.
const HEAD_MAX: usize = 16 << 10;

/// What RFC 6455 has a server append to the key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Upgrades a stream to WebSocket. Gives what came behind the answer: it belongs to the first frames.
///
/// # Errors
/// [`Unreachable`].
pub(super) async fn websocket(
    stream: &mut Box<dyn Stream>,
    host: &str,
    path: &str,
    serialization: Serialization,
) -> Result<Vec<u8>, Unreachable> {
    let key = STANDARD.encode(rand::random::<[u8; 16]>());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: wamp.2.{}\r\n\r\n",
        serialization.name()
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut octets = Vec::new();
    let end = loop {
        if let Some(end) = memchr::memmem::find(&octets, b"\r\n\r\n") {
            break end + 4;
        }
        if octets.len() >= HEAD_MAX {
            return Err(Unreachable::Upgrade("a head of more than 16 KiB".to_owned()));
        }
        if stream.read_buf(&mut octets).await? == 0 {
            return Err(Broken::Closed.into());
        }
    };
    check(&octets[..end], &key, serialization)?;
    Ok(octets.split_off(end))
}

/// Whether a head is the answer to an upgrade with this key.
fn check(head: &[u8], key: &str, serialization: Serialization) -> Result<(), Unreachable> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let refused = || Unreachable::Upgrade(status.to_owned());
    if !status.starts_with("HTTP/1.1 101") {
        return Err(refused());
    }
    let headers: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    let header = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map_or("", |(_, value)| *value)
    };
    let accept = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes());
    let is_upgraded = header("upgrade").eq_ignore_ascii_case("websocket");
    if !is_upgraded || header("sec-websocket-accept") != STANDARD.encode(accept) {
        return Err(refused());
    }
    // Nothing was offered that would change the frames.
    if !header("sec-websocket-extensions").is_empty() {
        return Err(refused());
    }
    if header("sec-websocket-protocol") == format!("wamp.2.{}", serialization.name()) {
        Ok(())
    } else {
        Err(Unreachable::Subprotocol(serialization))
    }
}

/// Opens RawSocket: the longest message that the router takes, in octets.
///
/// # Errors
/// [`Unreachable`].
pub(super) async fn rawsocket(
    stream: &mut Box<dyn Stream>,
    serialization: Serialization,
) -> Result<usize, Unreachable> {
    stream.write_all(&handshake(serialization, LengthLimit::at_most(MESSAGE_MAX))).await?;
    stream.flush().await?;
    let mut reply = [0; 4];
    match stream.read_exact(&mut reply).await {
        Ok(_) => Ok(read_reply(reply, serialization)?.octets()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(Broken::Closed.into()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the answer of RFC 6455, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    fn checked(lines: &[&str]) -> Result<(), Unreachable> {
        check(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes(), KEY, Serialization::Json)
    }

    #[test]
    fn an_upgrade_is_what_rfc_6455_says() {
        let accept = format!("sec-websocket-accept: {ACCEPT}");
        let lines = ["HTTP/1.1 101 Switching", "Upgrade: WebSocket", "Sec-WebSocket-Protocol: wamp.2.json", &accept];
        assert!(checked(&lines).is_ok());
        for missing in 0..lines.len() {
            let mut fewer = lines.to_vec();
            fewer.remove(missing);
            assert!(checked(&fewer).is_err(), "without {}", lines[missing]);
        }
        let other = ["Sec-WebSocket-Protocol: wamp.2.cbor"];
        assert!(matches!(
            checked(&[&lines[..2], &other, &lines[3..]].concat()),
            Err(Unreachable::Subprotocol(Serialization::Json))
        ));
        let deflated = [&lines[..], &["Sec-WebSocket-Extensions: permessage-deflate"]].concat();
        assert!(checked(&deflated).is_err());
    }

    #[test]
    fn what_a_server_says_otherwise_is_shown_escaped() {
        let Err(fault) = checked(&["HTTP/1.1 404 Not\u{1b}[31m Found"]) else { panic!("it is no upgrade") };
        assert_eq!(
            fault.to_string(),
            "the server answered HTTP/1.1 404 Not\\u{1b}[31m Found: expected 101 with Upgrade: websocket and the subprotocol that was asked for"
        );
    }
}
