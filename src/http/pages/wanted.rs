//! What a request's path names below the folder. A path is decoded once and taken apart before any file is looked at, so that
//! nothing in it can climb. Pure. Source: section 14 of the HTTP design.

use crate::http::settings::routes::decoded;

/// What is asked for, as names from the folder on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) names: Vec<String>,
    /// Whether the path ends with a slash, as that of a folder does.
    pub(super) is_folder: bool,
}

/// Why a path names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unnamed {
    /// It would climb, holds NUL, or is not UTF-8: 400.
    Unlawful,
    /// A dot file, an empty name, or a slash within one: 404.
    Nothing,
}

/// The rest of a path that is below `base`, which is `/` or has no slash at its end; `None`: it is elsewhere.
pub(super) fn below<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    let rest = path.strip_prefix(base.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// Takes the rest of a path apart.
///
/// # Errors
/// [`Unnamed`].
pub(super) fn wanted(rest: &str) -> Result<Wanted, Unnamed> {
    let Some(rest) = rest.strip_prefix('/') else { return Ok(Wanted { names: Vec::new(), is_folder: false }) };
    let mut names = Vec::new();
    let mut fault = None;
    let count = rest.split('/').count();
    for (number, part) in rest.split('/').enumerate() {
        let name = decoded(part).filter(|name| name != ".." && !name.contains('\0')).ok_or(Unnamed::Unlawful)?;
        if name.is_empty() && number + 1 == count {
            break;
        }
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
            fault = Some(Unnamed::Nothing);
        }
        names.push(name);
    }
    match fault {
        Some(fault) => Err(fault),
        None => Ok(Wanted { names, is_folder: rest.is_empty() || rest.ends_with('/') }),
    }
}

/// Whether a name tells the content of its file, as `app.3f9c2b1d.js` does: eight or more hexadecimal digits between two dots, of
/// which some are letters and some are not, since a date is no hash.
pub(super) fn is_hashed(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    let is_hash = |part: &&str| {
        part.len() >= 8
            && part.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
            && part.bytes().any(|c| c.is_ascii_digit())
            && part.bytes().any(|c| c.is_ascii_alphabetic())
    };
    parts.len() >= 3 && parts.get(1..parts.len() - 1).is_some_and(|inner| inner.iter().any(is_hash))
}

/// Whether a coding is accepted, by its own weight or by that of all others.
pub(super) fn accepts<'a>(lines: impl Iterator<Item = &'a str>, coding: &str) -> bool {
    let mut star = None;
    for item in lines.flat_map(|line| line.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weights = parts.filter_map(|parameter| parameter.split_once('='));
        let is_refused = weights
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .any(|(_, q)| q.trim().parse().is_ok_and(|q: f32| q <= 0.0));
        if name.eq_ignore_ascii_case(coding) {
            return !is_refused;
        }
        if name == "*" {
            star = Some(!is_refused);
        }
    }
    star.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(rest: &str) -> Result<(String, bool), Unnamed> {
        wanted(rest).map(|wanted| (wanted.names.join("|"), wanted.is_folder))
    }

    /// Section 14.
    #[test]
    fn a_path_is_decoded_once_and_what_climbs_is_unlawful() {
        for (rest, expected) in [
            ("", ("", false)),
            ("/", ("", true)),
            ("/a", ("a", false)),
            ("/a/b.txt", ("a|b.txt", false)),
            ("/a%20%C3%BC/", ("a ü", true)),
            ("/%252e%252e", ("%2e%2e", false)),
            ("/a..b", ("a..b", false)),
        ] {
            assert_eq!(names(rest), Ok((expected.0.to_owned(), expected.1)), "{rest}");
        }
        for rest in ["/..", "/a/../b", "/%2e%2e/a", "/.%2E", "/a%00b", "/%ff", "/%", "/.git/../a"] {
            assert_eq!(names(rest), Err(Unnamed::Unlawful), "{rest}");
        }
        for rest in ["/.git/config", "/a/.env", "/.", "//a", "/a//", "/a%2fb", "/a%5Cb", "/%2e"] {
            assert_eq!(names(rest), Err(Unnamed::Nothing), "{rest}");
        }
    }

    #[test]
    fn only_whole_segments_are_below_a_path() {
        for (base, path, rest) in [
            ("/", "/", Some("/")),
            ("/", "/a", Some("/a")),
            ("/app", "/app", Some("")),
            ("/app", "/app/x", Some("/x")),
            ("/app", "/apple", None),
            ("/app", "/", None),
        ] {
            assert_eq!(below(base, path), rest, "{base} {path}");
        }
    }

    /// Section 14.
    #[test]
    fn a_hash_is_hexadecimal_and_stands_between_dots() {
        for name in ["app.3f9c2b1d.js", "a.b.0123456789abcdef.css.map", "x.3f9c2b1d4.min.js"] {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "app.js",
            "3f9c2b1d.js",
            "app.3f9c2b1",
            "app.20240101.js",
            "app.deadbeef.js",
            "app.3F9C2B1D.js",
            "report-3f9c2b1d.pdf",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn a_coding_is_accepted_by_its_weight_or_by_that_of_all_others() {
        for (line, expected) in [
            ("br, gzip", true),
            ("gzip, BR;q=0.1", true),
            ("gzip", false),
            ("br;q=0, *", false),
            ("*;q=0.5", true),
            ("*;q=0", false),
            ("", false),
        ] {
            assert_eq!(accepts([line].into_iter(), "br"), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_name_that_comes_out_can_leave_its_folder(rest in "(/(\\.|%2e|%2F|%5c|%00|a|/){0,6}){0,4}") {
            if let Ok(wanted) = wanted(&rest) {
                for name in wanted.names {
                    prop_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']), "{name}");
                }
            }
        }
    }
}
