//! The name of one request: the client's own where it is harmless, else a UUID that sorts by time.

use super::problem::in_path;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Where the client says it.
const IN: HeaderName = HeaderName::from_static("x-request-id");

/// Where we say it.
pub(super) const OUT: HeaderName = HeaderName::from_static("wharf-request-id");

/// The longest one that is taken from a client.
const LENGTH_MAX: usize = 128;

/// The name of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RequestName(String);

impl RequestName {
    /// The client's `X-Request-Id`, if it is 1 to 128 visible ASCII characters, else a new UUID v7.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let named = headers.get(IN).and_then(|name| name.to_str().ok());
        let named =
            named.filter(|name| (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic()));
        Self(named.map_or_else(drawn, ToOwned::to_owned))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a header's value.
    pub(super) fn header(&self) -> HeaderValue {
        // Visible ASCII always is one.
        HeaderValue::from_str(&self.0).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }

    /// As a URI, for the problem's `instance`.
    pub(super) fn instance(&self) -> String {
        match Uuid::try_parse(&self.0) {
            Ok(uuid) => format!("urn:uuid:{}", uuid.hyphenated()),
            Err(_) => format!("urn:request:{}", in_path(&self.0)),
        }
    }
}

/// A UUID v7. Its random part comes from the thread's own generator: `Uuid::now_v7` asks the kernel each time.
fn drawn() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Milliseconds since 1970 have 48 bits until the year 10889.
    uuid::Builder::from_unix_timestamp_millis(since.as_millis() as u64, &rand::random()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> RequestName {
        let mut headers = HeaderMap::new();
        headers.insert(IN, HeaderValue::from_str(name).unwrap());
        RequestName::of(&headers)
    }

    #[test]
    fn a_short_visible_name_is_taken_and_any_other_is_replaced_by_a_uuid() {
        assert_eq!(of("req-1").as_str(), "req-1");
        for bad in ["", "a b", &"x".repeat(129)] {
            assert!(Uuid::try_parse(of(bad).as_str()).is_ok(), "{bad}");
        }
        assert_eq!(of(&"x".repeat(128)).as_str().len(), 128);
    }
}
