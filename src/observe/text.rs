//! Peer-made text on its way into logs and error texts: escaped, and cut at 120 characters (section 1 of the limits).

use std::net::SocketAddr;

/// The longest peer-made text that is shown, in characters.
const SHOWN_MAX: usize = 120;

/// Escapes and cuts. Nothing is formatted that will be cut away.
pub fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// Where a peer is. A port of 0 is unknown: a proxy has named the address alone.
pub fn address(peer: Option<SocketAddr>) -> String {
    match peer {
        None => "unix".to_owned(),
        Some(peer) if peer.port() == 0 => peer.ip().to_string(),
        Some(peer) => peer.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{address, shown};

    #[test]
    fn an_address_without_a_port_is_shown_without_one() {
        let shown = |text: &str| address(Some(text.parse().unwrap()));
        assert_eq!(shown("192.0.2.1:5"), "192.0.2.1:5");
        assert_eq!(shown("[2001:db8::1]:0"), "2001:db8::1");
        assert_eq!(address(None), "unix");
    }

    /// Section 13 of the limits.
    #[test]
    fn peer_text_is_escaped_and_cut_at_120_characters() {
        assert_eq!(shown("a\n\u{1b}[31mb"), "a\\n\\u{1b}[31mb");
        assert_eq!(shown(&"x".repeat(200)).len(), 123);
    }
}
