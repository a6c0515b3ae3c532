//! The opening handshake: is this an upgrade, from where, and which subprotocol? The only file that names
//! `actix-web-actors`.
//!
//! A handshake without a WAMP subprotocol is never completed; each refusal is one line of text that names what is
//! supported. Source: T8 and T9 of the limits, section 7.1 of the reference.

use super::super::settings::{ListenerSettings, WebSocketSettings};
use super::connection::Agreed;
use super::{cookies, deflate, ticket};
use crate::actors::connection::{covers_origin, Encryption};
use crate::actors::logins::Logins;
use crate::observe::{shown, Refusal, Tally};
use crate::wamp::Serialization;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::StatusCode;
use actix_web::{web, HttpRequest, HttpResponse};
use actix_web_actors::ws::{self, HandshakeError};
use base64::Engine;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// What a handler of the HTTP side needs to know of its listener.
#[derive(Clone, Debug)]
pub struct Here {
    /// The listener.
    pub listener: Arc<ListenerSettings>,
    /// Its thread's counters.
    pub tally: Tally,
    /// Whether the listener is gone: a connection that is kept alive has had its last request.
    pub closed: Rc<Cell<bool>>,
    /// What is known of browsers.
    pub logins: Logins,
}

/// Answers a request on one of the listener's WebSocket paths: 101 with what was agreed in its extensions, or a refusal.
pub(crate) async fn upgrade(request: HttpRequest, here: web::Data<Here>) -> HttpResponse {
    let agreed = agree(&request, &here.listener).and_then(|(agreed, response)| {
        // Last, so that no ticket is used up by a request that is refused anyway.
        let vouched = ticket::take(request.query_string(), request.headers(), &here.logins)?;
        Ok((Agreed { vouched: vouched.map(Box::new), ..agreed }, response))
    });
    match agreed {
        Ok((agreed, mut response)) => {
            for cookie in &agreed.cookies {
                if let Some(shown) = &cookie.shown {
                    here.logins.renew_cookie(shown, cookie.fresh);
                }
            }
            let mut response = response.finish();
            response.extensions_mut().insert(agreed);
            response
        }
        Err(refused) => {
            here.tally.refused(refused.refusal);
            tracing::debug!(reason = refused.refusal.name(), text = %shown(&refused.text), "upgrade refused");
            let mut response = HttpResponse::build(refused.status);
            if refused.status == StatusCode::UPGRADE_REQUIRED {
                response
                    .insert_header((header::UPGRADE, "websocket"))
                    .insert_header((header::SEC_WEBSOCKET_VERSION, "13"));
            }
            response.content_type("text/plain; charset=utf-8").body(refused.text)
        }
    }
}

/// Why there is no upgrade.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) refusal: Refusal,
    pub(super) text: String,
}

fn agree(
    request: &HttpRequest,
    listener: &ListenerSettings,
) -> Result<(Agreed, actix_web::HttpResponseBuilder), Refused> {
    let settings = &listener.websocket;
    let refuse = |status, refusal, text| Refused { status, refusal, text };
    let mut response = ws::handshake(request).map_err(|error| broken(&error, settings))?;
    check_version_and_key(request.headers(), settings)?;
    let encryption = request.conn_data().cloned().unwrap_or_default();
    if !origin_allowed(request.headers(), &settings.allowed_origins, &encryption) {
        let text = "this origin may not open a WebSocket here: add it to websocket.allowed_origins\n".to_owned();
        return Err(refuse(StatusCode::FORBIDDEN, Refusal::Origin, text));
    }
    let offered = tokens(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL);
    let Some((name, serialization, batched)) = offered.iter().find_map(|name| supported(settings, name)) else {
        let text = if offered.is_empty() {
            format!("no WebSocket subprotocol was asked for; {}\n", list(settings))
        } else {
            format!("none of the subprotocols asked for is known here; {}\n", list(settings))
        };
        return Err(refuse(StatusCode::BAD_REQUEST, Refusal::Subprotocol, text));
    };
    response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, name));
    let offers = tokens(request.headers(), &header::SEC_WEBSOCKET_EXTENSIONS).join(",");
    let extension = settings.compression.then(|| deflate::negotiate(&offers)).flatten();
    if let Some(extension) = extension {
        response.insert_header((header::SEC_WEBSOCKET_EXTENSIONS, extension));
    }
    let mut cookies = Vec::new();
    for (cookie, line) in cookies::give(request.headers(), &settings.cookies, encryption.tls) {
        response.append_header((header::SET_COOKIE, line));
        cookies.push(cookie);
    }
    let agreed = Agreed { serialization, batched, compressed: extension.is_some(), cookies, vouched: None };
    Ok((agreed, response))
}

/// The library takes versions 7 and 8 and any key; RFC 6455 does not.
fn check_version_and_key(headers: &HeaderMap, settings: &WebSocketSettings) -> Result<(), Refused> {
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(broken(&HandshakeError::UnsupportedVersion, settings));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(|key| base64::engine::general_purpose::STANDARD.decode(key));
    match key {
        Some(Ok(key)) if key.len() == 16 => Ok(()),
        Some(_) | None => Err(broken(&HandshakeError::BadWebsocketKey, settings)),
    }
}

fn broken(error: &HandshakeError, settings: &WebSocketSettings) -> Refused {
    let status = match error {
        HandshakeError::UnsupportedVersion | HandshakeError::NoVersionHeader | HandshakeError::NoWebsocketUpgrade => {
            StatusCode::UPGRADE_REQUIRED
        }
        HandshakeError::GetMethodRequired | HandshakeError::NoConnectionUpgrade | HandshakeError::BadWebsocketKey => {
            StatusCode::BAD_REQUEST
        }
    };
    let text = format!("this is a WebSocket endpoint, version 13: {error}; {}\n", list(settings));
    Refused { status, refusal: Refusal::WsProtocol, text }
}

/// The comma-separated values of all header lines with this name, in order.
fn tokens(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    headers
        .get_all(name)
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|token| token.trim().to_owned())
        .filter(|token| !token.is_empty())
        .collect()
}

fn supported(settings: &WebSocketSettings, name: &str) -> Option<(&'static str, Serialization, bool)> {
    subprotocols(settings).find(|(supported, _, _)| *supported == name)
}

fn subprotocols(settings: &WebSocketSettings) -> impl Iterator<Item = (&'static str, Serialization, bool)> + '_ {
    let names = |serialization| match serialization {
        Serialization::Json => ("wamp.2.json", "wamp.2.json.batched"),
        Serialization::MessagePack => ("wamp.2.msgpack", "wamp.2.msgpack.batched"),
        Serialization::Cbor => ("wamp.2.cbor", "wamp.2.cbor.batched"),
    };
    settings.serializers.iter().flat_map(move |&serialization| {
        let (plain, batched) = names(serialization);
        let batched = settings.batched.then_some((batched, serialization, true));
        std::iter::once((plain, serialization, false)).chain(batched)
    })
}

fn list(settings: &WebSocketSettings) -> String {
    let names: Vec<_> = subprotocols(settings).map(|(name, _, _)| name).collect();
    format!("supported subprotocols: {}", names.join(", "))
}

/// The same host, or no Origin at all, is allowed; others must be listed, exactly or with `*` for the port (T8).
pub(in crate::transport) fn origin_allowed(headers: &HeaderMap, allowed: &[String], encryption: &Encryption) -> bool {
    let mut lines = headers.get_all(header::ORIGIN);
    let Some(origin) = lines.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), lines.next()) else { return false };
    if allowed.iter().any(|listed| covers_origin(listed, origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| encryption.is_own_origin(origin, host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn request() -> TestRequest {
        TestRequest::get()
            .insert_header((header::CONNECTION, "keep-alive, Upgrade"))
            .insert_header((header::UPGRADE, "WebSocket"))
            .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
            .insert_header((header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="))
            .insert_header((header::HOST, "example.com:8080"))
    }

    fn outcome(request: TestRequest) -> Result<Agreed, (u16, String)> {
        agree(&request.to_http_request(), &ListenerSettings::default())
            .map(|(agreed, _)| agreed)
            .map_err(|refused| (refused.status.as_u16(), refused.text))
    }

    fn offering(protocols: &str) -> TestRequest {
        request().insert_header((header::SEC_WEBSOCKET_PROTOCOL, protocols))
    }

    /// R109, D56.
    #[test]
    fn the_first_known_subprotocol_in_the_clients_order_is_chosen() {
        let agreed = outcome(offering("wamp.3.yaml, wamp.2.cbor.batched, wamp.2.json")).unwrap();
        assert_eq!((agreed.serialization, agreed.batched), (Serialization::Cbor, true));
        let several = request()
            .append_header((header::SEC_WEBSOCKET_PROTOCOL, "soap"))
            .append_header((header::SEC_WEBSOCKET_PROTOCOL, "wamp.2.msgpack"));
        assert_eq!(outcome(several).unwrap().serialization, Serialization::MessagePack);
    }

    /// R109, T9, U23.
    #[test]
    fn no_subprotocol_in_common_is_refused_with_the_list_of_those_supported() {
        for request in [request(), offering("soap"), offering("wamp.2.ubjson, wamp.2.flatbuffers")] {
            let (status, text) = outcome(request).unwrap_err();
            assert_eq!(status, 400);
            assert!(text.contains("wamp.2.json, wamp.2.json.batched, wamp.2.msgpack"), "{text}");
        }
    }

    /// T5: RFC 6455 as written.
    #[test]
    fn only_version_13_and_a_key_of_16_octets_are_taken() {
        let version = offering("wamp.2.json").insert_header((header::SEC_WEBSOCKET_VERSION, "8"));
        assert_eq!(outcome(version).unwrap_err().0, 426);
        let key = offering("wamp.2.json").insert_header((header::SEC_WEBSOCKET_KEY, "c2hvcnQ="));
        assert_eq!(outcome(key).unwrap_err().0, 400);
    }

    fn allowed(origins: &[&str], listed: &[&str], within_tls: bool) -> bool {
        let listed: Vec<String> = listed.iter().map(|origin| (*origin).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, header::HeaderValue::from_static("example.com:8080"));
        for origin in origins {
            headers.append(header::ORIGIN, header::HeaderValue::from_str(origin).unwrap());
        }
        origin_allowed(&headers, &listed, &Encryption { tls: within_tls, certificate: None })
    }

    /// T8.
    #[test]
    fn foreign_origins_are_refused_unless_listed() {
        let listed = ["https://shop.example", "http://localhost:*"];
        for good in [
            "http://example.com:8080",
            "https://example.com:8080",
            "http://EXAMPLE.com:8080",
            "https://shop.example",
            "HTTPS://Shop.example",
            "http://localhost:3000",
            "http://localhost",
        ] {
            assert!(allowed(&[good], &listed, false), "{good}");
        }
        for bad in [
            "https://evil.example",
            "null",
            "",
            "example.com:8080",
            "http://example.com:9090",
            "http://example.com",
            "http://example.com.evil:8080",
            "ftp://example.com:8080",
            "https://shop.example:444",
            "https://shop.example.evil",
            "http://shop.example",
            "http://localhost.evil:80",
            "http://localhost:x",
            "http://localhost:",
        ] {
            assert!(!allowed(&[bad], &listed, false), "{bad}");
        }
        assert!(allowed(&[], &[], false), "no browser");
        // Two origins are no browser's, and nobody knows which to believe.
        assert!(!allowed(&["https://shop.example", "https://evil.example"], &listed, false));
        assert!(!allowed(&["http://example.com:8080", "http://example.com:8080"], &listed, false));
    }

    /// T8.
    #[test]
    fn every_origin_is_allowed_only_where_a_star_is_written_out() {
        for origin in ["https://evil.example", "null", "http://example.com:9090"] {
            assert!(allowed(&[origin], &["*"], false), "{origin}");
            assert!(!allowed(&[origin], &["http://*"], false), "{origin}");
        }
    }

    /// T8: a page without TLS may be anybody's who is on the way.
    #[test]
    fn within_tls_a_page_without_it_is_foreign() {
        assert!(allowed(&["https://example.com:8080"], &[], true));
        assert!(!allowed(&["http://example.com:8080"], &[], true));
        assert!(allowed(&["http://example.com:8080"], &["http://example.com:8080"], true));
    }

    /// A scheme's own port may be left out of either.
    #[test]
    fn the_port_of_the_scheme_makes_no_difference() {
        for (host, origin, expected) in [
            ("example.com", "https://example.com:443", true),
            ("example.com:443", "https://example.com", true),
            ("example.com:80", "http://example.com", true),
            ("example.com:80", "https://example.com", false),
            ("example.com", "http://example.com:443", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, header::HeaderValue::from_static(host));
            headers.insert(header::ORIGIN, header::HeaderValue::from_static(origin));
            assert_eq!(origin_allowed(&headers, &[], &Encryption::default()), expected, "{host} {origin}");
        }
    }
}
