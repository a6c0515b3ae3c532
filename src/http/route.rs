//! The paths of the REST bridge: which endpoint, in which realm, for which URI.
//!
//! Segments are percent-decoded once, as UTF-8; a plus is a plus. Source: section 2 of the HTTP design.

use super::body::Endpoint;

/// What a path names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    /// The realm's configured name, or its URI.
    pub(super) realm: String,
    /// The procedure or topic, if the path has it.
    pub(super) uri: Option<String>,
}

/// Why a path names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoRoute {
    /// There is no such path.
    NotFound,
    /// A segment is not UTF-8 once it is decoded.
    NotText,
}

/// Reads a path. `default` is the realm of paths that name none.
///
/// # Errors
/// [`NoRoute`].
pub(super) fn route(path: &str, default: Option<&str>) -> Result<Route, NoRoute> {
    let path = path.strip_prefix("/api/v1/").ok_or(NoRoute::NotFound)?;
    let segments: Vec<&str> = path.split('/').collect();
    let (realm, rest) = match (segments.as_slice(), default) {
        (["realms", realm, rest @ ..], _) => (decoded(realm)?, rest),
        (rest, Some(default)) => (default.to_owned(), rest),
        (_, None) => return Err(NoRoute::NotFound),
    };
    let (endpoint, uri) = match rest {
        [endpoint] => (*endpoint, None),
        // An empty last segment is a trailing slash, which is another path.
        [endpoint, uri] if !uri.is_empty() => (*endpoint, Some(decoded(uri)?)),
        _ => return Err(NoRoute::NotFound),
    };
    let endpoint = match endpoint {
        "call" => Endpoint::Call,
        "publish" => Endpoint::Publish,
        "batch" if uri.is_none() => Endpoint::Batch,
        _ => return Err(NoRoute::NotFound),
    };
    Ok(Route { endpoint, realm, uri })
}

/// A segment without its percent signs.
///
/// # Errors
/// It is not UTF-8.
pub(super) fn decoded(segment: &str) -> Result<String, NoRoute> {
    let mut octets = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digit = |octet: Option<u8>| octet.and_then(|octet| char::from(octet).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            // Two hexadecimal digits fit one octet.
            (Some(high), Some(low)) => octets.push((high * 16 + low) as u8),
            (_, _) => return Err(NoRoute::NotText),
        }
    }
    String::from_utf8(octets).map_err(|_| NoRoute::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(realm: &str, uri: Option<&str>) -> Result<Route, NoRoute> {
        Ok(Route { endpoint: Endpoint::Call, realm: realm.to_owned(), uri: uri.map(ToOwned::to_owned) })
    }

    /// Section 2.
    #[test]
    fn the_realm_may_be_left_out_where_the_listener_has_one() {
        assert_eq!(route("/api/v1/call/com.a", Some("r")), call("r", Some("com.a")));
        assert_eq!(route("/api/v1/call", Some("r")), call("r", None));
        assert_eq!(route("/api/v1/call/com.a", None), Err(NoRoute::NotFound));
        assert_eq!(route("/api/v1/realms/x/call/com.a", Some("r")), call("x", Some("com.a")));
    }

    /// Section 2.
    #[test]
    fn segments_are_decoded_once_and_a_plus_is_a_plus() {
        assert_eq!(route("/api/v1/realms/com%2Ea/call/x+y%2520%C3%BC", None), call("com.a", Some("x+y%20ü")));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(route(&format!("/api/v1/call/{bad}"), Some("r")), Err(NoRoute::NotText), "{bad}");
        }
    }

    /// Section 4.
    #[test]
    fn a_trailing_slash_is_not_the_same_path() {
        for path in [
            "/api/v1/call/",
            "/api/v1/call/com.a/",
            "/api/v1/realms/r/call/",
            "/api/v1",
            "/api/v1/",
            "/api/v1/batch/com.a",
        ] {
            assert_eq!(route(path, Some("r")), Err(NoRoute::NotFound), "{path}");
        }
    }
}
