//! What is looked at before any service sees a request: the size of its head, and in dev mode its Host.
//! Source: T3 of the limits; section 8.1 of the HTTP design.

use super::problem::Problem;
use super::Listener;
use crate::observe::{shown, Refusal};
use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::StatusCode;
use std::net::IpAddr;

/// The longest URL, in octets.
const URL_MAX: usize = 8 << 10;

/// What surrounds a header's name and value on its line: a colon, a space, and the line's end.
const LINE_EXTRA: usize = 4;

/// Checks a head.
///
/// # Errors
/// 431, 414, 421.
pub(super) fn check(head: &RequestHead, listener: &Listener) -> Result<(), Problem> {
    let url = head.uri.path_and_query().map_or(0, |url| url.as_str().len());
    let (mut lines, mut octets) = (0, head.method.as_str().len() + url + "  HTTP/1.1\r\n\r\n".len());
    for (name, value) in head.headers.iter() {
        lines += 1;
        octets += name.as_str().len() + value.len() + LINE_EXTRA;
    }
    if lines > listener.header_lines_max || octets > listener.header_bytes_max {
        let (lines, octets) = (listener.header_lines_max, listener.header_bytes_max);
        let text = format!("a request's head has at most {lines} lines and {octets} octets");
        let problem = Problem::http(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text);
        return Err(problem.counted(Refusal::HeaderLimit).closing());
    }
    if url > URL_MAX {
        return Err(Problem::http(StatusCode::URI_TOO_LONG, format!("a URL has at most {URL_MAX} octets")));
    }
    if listener.loopback_host_only && !asks_loopback(head) {
        let host = head.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let text = format!("dev mode answers only for loopback hosts such as localhost, not for {}", shown(host));
        return Err(Problem::http(StatusCode::MISDIRECTED_REQUEST, text));
    }
    Ok(())
}

/// A name that leads to us from another place may be a browser's that was misled (DNS rebinding).
fn asks_loopback(head: &RequestHead) -> bool {
    let host: HeaderName = header::HOST;
    let header = head.headers().get(host).and_then(|host| host.to_str().ok());
    let in_target = head.uri.authority().map(|authority| authority.as_str());
    header.is_some_and(is_loopback) && in_target.is_none_or(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    /// Section 8.1: the loopback Host rule.
    #[test]
    fn only_loopback_names_and_addresses_are_loopback() {
        for good in
            ["localhost", "LOCALHOST:8080", "app.localhost:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]"]
        {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "10.0.0.1", "[fe80::1]:80", "", "127.0.0.1.evil.example"]
        {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
