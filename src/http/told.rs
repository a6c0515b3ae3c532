//! The head of a request as applications are told it. Pure.

use actix_web::http::header::HeaderMap;
use std::collections::BTreeMap;

/// The lines of a head by their names, as people write those, without the ones that are `left_out` (in lower case). What is no
/// UTF-8 is marked as such.
pub(super) fn lines(headers: &HeaderMap, left_out: &[&str]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !left_out.contains(&name.as_str())) {
        told.entry(spelled(name.as_str())).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    told
}

/// A header's name as people write it: `x-hub-signature` is `X-Hub-Signature`.
fn spelled(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
