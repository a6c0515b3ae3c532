//! What is looked at before the signature and after it: the head of a request, GitHub's signature, and from where it comes. Pure.
//! Source: section 1.2 of the page about Crossbar.

use super::rejection::Rejection;
use super::signature::is_of_github;
use crate::actors::connection::Encryption;
use crate::http::settings::crossbar::{CrossbarKind, CrossbarSection, Difference};
use crate::observe::shown;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::Method;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Checks 1 to 3: method, type and charset.
///
/// # Errors
/// [`Rejection`].
pub(super) fn head(section: &CrossbarSection, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
    if *method != Method::POST && *method != Method::PUT {
        return Err(Rejection::Method(shown(method.as_str())));
    }
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    let mut parts = kind.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let wants_json = !matches!(section.kind, CrossbarKind::Webhook(_));
    if wants_json && essence != "application/json" {
        return Err(Rejection::ContentType(shown(essence)));
    }
    let mut names = BTreeSet::new();
    for parameter in parts.filter(|part| part.contains('=')) {
        let mut sides = parameter.split('=').map(str::trim);
        let (Some(name), Some(value), None) = (sides.next(), sides.next(), sides.next()) else {
            return Err(Rejection::Encoding);
        };
        if !names.insert(name) || (name == "charset" && value != "utf-8" && value != "utf8") {
            return Err(Rejection::Encoding);
        }
    }
    Ok(())
}

/// Check 6: GitHub's signature of a webhook.
///
/// # Errors
/// [`Rejection::Hub`].
pub(super) fn hub(section: &CrossbarSection, headers: &HeaderMap, body: &[u8]) -> Result<(), Rejection> {
    let CrossbarKind::Webhook(hook) = &section.kind else { return Ok(()) };
    let Some(secret) = &hook.github_secret else { return Ok(()) };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let newer = header("x-hub-signature-256").filter(|_| !section.is_exact(Difference::HubSha256));
    if is_of_github(secret, header("x-hub-signature"), newer, body) {
        Ok(())
    } else {
        Err(Rejection::Hub)
    }
}

/// Checks 10 and 11, and that no page from elsewhere acts where nothing is signed (X5). `peer` is `None` on a Unix socket.
///
/// # Errors
/// [`Rejection`].
pub(super) fn origin(
    section: &CrossbarSection,
    peer: Option<IpAddr>,
    encryption: &Encryption,
    headers: &HeaderMap,
) -> Result<(), Rejection> {
    if !section.require_ip.is_empty() && !section.require_ip.iter().any(|range| range.covers(peer)) {
        return Err(Rejection::Address);
    }
    if section.require_tls && !encryption.tls {
        return Err(Rejection::NotTls);
    }
    let Some(origin) = headers.get(header::ORIGIN).filter(|_| !section.is_signed()) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // A browser sends simple requests without asking first, and this would be one.
    let is_own = origin.to_str().ok().zip(host).is_some_and(|(origin, host)| encryption.is_own_origin(origin, host));
    if is_own {
        Ok(())
    } else {
        Err(Rejection::Origin)
    }
}
