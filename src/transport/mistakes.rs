//! Peers that speak the wrong thing to a port are told the right one: one sentence, in HTTP, which is what such a peer or the
//! person behind it can read.
//!
//! Nothing of what the peer said is repeated. Source: section 4 of the newcomer's page.

use super::settings::{Bind, ListenerSettings, Service};
use super::stream::Stream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// The answer is read in this time, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is said to a peer that speaks TLS where there is none.
pub(super) fn no_tls_here(here: &ListenerSettings) -> String {
    let plain = if here.serves_http() { "use ws:// or http:// here" } else { "use plain RawSocket here" };
    format!("this port speaks no TLS: {plain}")
}

/// What is said to a peer that speaks no TLS where nothing else is spoken.
pub(super) fn tls_here(here: &ListenerSettings) -> String {
    let secured = if here.serves_http() { "use wss:// or https:// here" } else { "use RawSocket over TLS here" };
    format!("this port speaks TLS: {secured}")
}

/// What is said to a peer that begins with `first`; `None` if that may be right here.
pub(super) fn sentence(first: u8, here: &ListenerSettings, all: &[Arc<ListenerSettings>]) -> Option<String> {
    if here.serves_http() || !first.is_ascii_alphabetic() {
        return None;
    }
    let ports: Vec<String> = all
        .iter()
        .filter(|listener| listener.serve.contains(&Service::WebSocket))
        .flat_map(|listener| &listener.binds)
        .filter_map(tcp_port)
        .map(|port| port.to_string())
        .collect();
    let elsewhere = match ports.first() {
        Some(port) => format!("WebSocket is on port {port}"),
        None => "WebSocket and HTTP have a listener of their own".to_owned(),
    };
    Some(format!("this port speaks WAMP over RawSocket only: {elsewhere}"))
}

/// The port, where it is known before it is opened.
fn tcp_port(bind: &Bind) -> Option<u16> {
    match bind {
        Bind::Tcp(address) => Some(address.port()).filter(|port| *port != 0),
        Bind::Unix { .. } => None,
    }
}

/// Says it and hangs up.
pub(super) async fn answer(mut stream: Stream, sentence: &str) {
    let length = sentence.len() + 1;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{sentence}\n"
    );
    let said = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What is unread when a socket closes makes the kernel reset it, and the answer is lost.
        std::future::poll_fn(|cx| stream.poll_drain(cx)).await;
        Ok::<(), std::io::Error>(())
    };
    let until: Instant = crate::actors::clock::now() + LAST_WORDS;
    let _lost_or_not = tokio::time::timeout_at(until.into(), said).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(serve: &[Service], address: &str) -> Arc<ListenerSettings> {
        let binds = vec![Bind::Tcp(address.parse().unwrap())];
        Arc::new(ListenerSettings { serve: serve.to_vec(), binds, ..ListenerSettings::default() })
    }

    /// Section 4 of the newcomer's page.
    #[test]
    fn the_sentence_names_the_right_port() {
        let raw = listener(&[Service::RawSocket], "127.0.0.1:8081");
        let main = listener(&[Service::WebSocket, Service::RawSocket], "127.0.0.1:8080");
        let all = [Arc::clone(&raw), Arc::clone(&main)];
        let said = sentence(b'G', &raw, &all).unwrap();
        assert_eq!(said, "this port speaks WAMP over RawSocket only: WebSocket is on port 8080");
        assert!(sentence(b'G', &raw, &all[..1]).unwrap().ends_with("have a listener of their own"));
        assert_eq!(sentence(b'G', &main, &all), None);
        assert_eq!(sentence(0x7F, &raw, &all), None);
        assert!(no_tls_here(&main).contains("ws://"));
        assert!(no_tls_here(&raw).contains("plain RawSocket"));
        assert!(tls_here(&main).contains("wss://"));
        assert!(tls_here(&raw).contains("over TLS"));
    }
}
