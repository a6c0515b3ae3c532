//! Cookies of browsers: what one has shown with its upgrade, and what it is given with the answer.
//!
//! Every upgrade is answered with a fresh value, 256 bits from the system's generator. Source: section 11.7 of the reference.

use crate::actors::connection::BrowserCookie;
use crate::auth::{CookieKey, CookieSettings};
use actix_web::http::header::{self, HeaderMap};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;

/// Letters of a value.
const LETTERS: usize = 43;

/// The cookies of one upgrade, and a line of `Set-Cookie` for each.
pub(in crate::transport) fn give(
    headers: &HeaderMap,
    all: &[CookieSettings],
    within_tls: bool,
) -> Vec<(BrowserCookie, String)> {
    let give = |settings: &CookieSettings| {
        let value = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let cookie = BrowserCookie {
            name: settings.name.as_str().into(),
            shown: shown(headers, &settings.name).map(CookieKey::of),
            fresh: CookieKey::of(&value),
        };
        let secure = if within_tls { "; Secure" } else { "" };
        let (name, seconds, same_site) = (&settings.name, settings.max_age.as_secs(), settings.same_site.name());
        (cookie, format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}"))
    };
    all.iter().map(give).collect()
}

/// The only value of this name that could be one of ours. Of two, nobody knows which is the browser's own.
fn shown<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let value = values.next().filter(|value| value.len() == LETTERS);
    value.filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::SameSite;
    use actix_web::http::header::HeaderValue;
    use std::time::Duration;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn a_value_is_taken_if_it_is_the_only_one_and_could_be_ours() {
        let (one, other) = ("a".repeat(43), "b".repeat(43));
        for (lines, expected) in [
            (&[format!("wharf={one}")][..], Some(&one)),
            (&[format!("x=1; wharf={one} ;y=wharf={other}")], Some(&one)),
            (&["x=1".to_owned(), format!("wharf={one}")], Some(&one)),
            (&[format!("wharf={one}; wharf={other}")], None),
            (&[format!("wharf={one}"), format!("wharf={one}")], None),
            (&[format!("Wharf={one}")], None),
            (&["wharf=short".to_owned()], None),
            (&["wharf".to_owned(), ";;=".to_owned()], None),
            (&[], None),
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(shown(&headers(&lines), "wharf"), expected.map(String::as_str), "{lines:?}");
        }
    }

    #[test]
    fn every_upgrade_gives_a_fresh_value_out_of_reach_of_scripts_and_other_sites() {
        let settings = CookieSettings {
            name: "wharf".to_owned(),
            max_age: Duration::from_secs(604_800),
            same_site: SameSite::Strict,
        };
        let line = |within_tls| give(&headers(&[]), std::slice::from_ref(&settings), within_tls).remove(0).1;
        let (first, second) = (line(true), line(true));
        assert_ne!(first, second);
        let (value, rest) = first.strip_prefix("wharf=").unwrap().split_once("; ").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(value).unwrap().len(), 32);
        assert_eq!(rest, "Path=/; Max-Age=604800; HttpOnly; SameSite=Strict; Secure");
        assert!(line(false).ends_with("SameSite=Strict"));
    }
}
