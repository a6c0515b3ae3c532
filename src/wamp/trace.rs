//! Trace context: which trace a request belongs to, as its caller or publisher says. Read strictly, kept small, handed on.
//!
//! What does not follow the recommendation is ignored as it asks for, and never fails a request. Source: W3C Recommendation
//! "Trace Context", sections "Traceparent Header" and "Tracestate Header".

use std::sync::Arc;

/// The key of a `traceparent` in Options and Details.
pub const TRACEPARENT: &str = "_traceparent";

/// The key of a `tracestate` in Options and Details.
pub const TRACESTATE: &str = "_tracestate";

/// Characters of a `traceparent` of version 00.
const PARENT_LENGTH: usize = 55;

/// The most members of a `tracestate`; one with more is no `tracestate`.
const MEMBERS_MAX: usize = 32;

/// Characters of a `tracestate` that are handed on: as many as the recommendation asks for.
const STATE_MAX: usize = 512;

/// Members with more characters are the first that go where it is too long.
const LARGE_MEMBER: usize = 128;

/// A trace, and where in it a request stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceContext {
    parent: Box<str>,
    state: Option<Box<str>>,
}

impl TraceContext {
    /// Reads what was said of a trace. `None`: nothing that is well-formed. A bad `tracestate` is ignored alone.
    ///
    /// A `traceparent` of a later version is taken by what version 00 knows of it, and goes on as one.
    pub fn read(parent: &str, state: Option<&str>) -> Option<Arc<Self>> {
        let parent = read_parent(parent)?;
        Some(Arc::new(Self { parent, state: state.and_then(read_state) }))
    }

    /// `traceparent`: 55 characters of ASCII.
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// `tracestate`: 1 to 512 visible characters of ASCII and spaces.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }

    /// Octets that it keeps in memory, about.
    pub fn octets(&self) -> usize {
        size_of::<Self>() + self.parent.len() + self.state.as_ref().map_or(0, |state| state.len())
    }
}

fn read_parent(text: &str) -> Option<Box<str>> {
    let (known, rest) = text.split_at_checked(PARENT_LENGTH)?;
    let mut parts = known.split('-');
    let mut digits = |length| parts.next().filter(|part| part.len() == length && part.bytes().all(is_lower_hex));
    let (version, trace, span, flags) = (digits(2)?, digits(32)?, digits(16)?, digits(2)?);
    let is_nothing = |id: &str| id.bytes().all(|digit| digit == b'0');
    if version == "ff" || is_nothing(trace) || is_nothing(span) {
        return None;
    }
    if version == "00" {
        return rest.is_empty().then(|| known.into());
    }
    if !(rest.is_empty() || rest.starts_with('-')) {
        return None;
    }
    // Of the flags of a later version only the first is known to mean the same.
    let is_sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    Some(format!("00-{trace}-{span}-0{}", u8::from(is_sampled)).into())
}

fn is_lower_hex(octet: u8) -> bool {
    octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet)
}

fn read_state(text: &str) -> Option<Box<str>> {
    let mut members: Vec<&str> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        if members.len() == MEMBERS_MAX || !is_member(member) {
            return None;
        }
        members.push(member);
    }
    cut(&mut members);
    (!members.is_empty()).then(|| members.join(",").into())
}

/// Leaves as many whole members as fit: large ones go first, and then the last ones.
fn cut(members: &mut Vec<&str>) {
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>().saturating_sub(1);
    while length(members) > STATE_MAX {
        let large = members.iter().rposition(|member| member.len() > LARGE_MEMBER);
        members.remove(large.unwrap_or(members.len() - 1));
    }
}

/// `key=value`.
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_value = |octet: u8| matches!(octet, b' '..=b'~') && octet != b',' && octet != b'=';
    is_key(key) && (1..=256).contains(&value.len()) && value.bytes().all(is_value)
}

/// A vendor's name; or that of a tenant, `@`, and that of its system.
fn is_key(key: &str) -> bool {
    let is_inner =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || matches!(octet, b'_' | b'-' | b'*' | b'/');
    let is_word = |word: &str, most: usize| (1..=most).contains(&word.len()) && word.bytes().all(is_inner);
    let is_name =
        |word: &str, most: usize| is_word(word, most) && word.starts_with(|first: char| first.is_ascii_lowercase());
    match key.split_once('@') {
        None => is_name(key, 256),
        // A tenant may begin with a digit, too.
        Some((tenant, system)) => {
            is_word(tenant, 241)
                && tenant.starts_with(|first: char| first.is_ascii_alphanumeric())
                && is_name(system, 14)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parent(text: &str) -> Option<String> {
        TraceContext::read(text, None).map(|context| context.parent().to_owned())
    }

    fn state(text: &str) -> Option<String> {
        let context = TraceContext::read(&format!("00-{TRACE}-{SPAN}-01"), Some(text)).unwrap();
        context.state().map(ToOwned::to_owned)
    }

    #[test]
    fn a_traceparent_of_version_00_goes_on_as_it_came_and_a_malformed_one_is_ignored() {
        for flags in ["00", "01", "03", "ff"] {
            let good = format!("00-{TRACE}-{SPAN}-{flags}");
            assert_eq!(parent(&good), Some(good.clone()));
        }
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-010"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{SPAN}-{TRACE}-01"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{}-{SPAN}-01", TRACE.replace('0', ".")),
            // An umlaut where the 55th octet ends.
            format!("00-{TRACE}-{SPAN}-0ü"),
        ] {
            assert_eq!(parent(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_traceparent_of_a_later_version_is_taken_by_what_is_known_of_it() {
        let as_known = |flags: &str| Some(format!("00-{TRACE}-{SPAN}-{flags}"));
        assert_eq!(parent(&format!("01-{TRACE}-{SPAN}-01")), as_known("01"));
        assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-fe-what-is-to-come")), as_known("00"));
        assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-03-")), as_known("01"));
        assert_eq!(parent(&format!("cc-{TRACE}-{SPAN}-01.")), None);
    }

    #[test]
    fn a_tracestate_is_a_list_of_at_most_32_members_and_a_malformed_one_is_ignored_alone() {
        assert_eq!(
            state("rojo=00f067aa0ba902b7 , \t,congo=t61 rc,a1@s=x").unwrap(),
            "rojo=00f067aa0ba902b7,congo=t61 rc,a1@s=x"
        );
        let members = |count: usize| (0..count).map(|nth| format!("a{nth}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&members(32)), Some(members(32)));
        let long = "x".repeat(257);
        for bad in [
            "a", "a=", "=a", "A=1", "1=1", "a=b=c", "a@=1", "a@1=1", "@a=1", "a@b@c=1", "a b=1", "a=\u{e4}", "a=\t1\t2",
        ] {
            assert_eq!(state(bad), None, "{bad}");
            assert_eq!(state(&format!("good=1,{bad}")), None, "{bad}");
        }
        for bad in [members(33), format!("{long}=1"), format!("a={long}"), format!("{}@a=1", &long[..242])] {
            assert_eq!(state(&bad), None, "{bad}");
        }
        assert_eq!(state(" , "), None);
    }

    #[test]
    fn of_a_tracestate_that_is_too_long_the_large_members_go_first_and_then_the_last() {
        let member = |name: &str, length: usize| format!("{name}={}", "x".repeat(length - 2));
        let all = [member("a", 200), member("b", 100), member("c", 129), member("d", 100), member("e", 128)];
        assert_eq!(state(&all.join(",")).unwrap(), [&*all[1], &*all[3], &*all[4]].join(","));
        let all: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| member(name, 128)).into();
        assert_eq!(state(&all.join(",")).unwrap(), all[..3].join(","));
        let fits = [member("a", 128), member("b", 128), member("c", 128), member("d", 125)].join(",");
        assert_eq!((fits.len(), state(&fits)), (512, Some(fits.clone())));
    }

    proptest! {
        #[test]
        fn what_is_handed_on_is_small_and_is_read_as_itself(parent in ".{0,80}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?",
            state in "[ -~]{0,700}|([a-z0-9@]{1,9}=[a-z =]{0,150} ?,){0,40}") {
            if let Some(context) = TraceContext::read(&parent, Some(&state)) {
                prop_assert!(context.parent().len() == 55 && context.trace_id().len() == 32);
                prop_assert!(context.state().is_none_or(|state| (1..=512).contains(&state.len())));
                let again = TraceContext::read(context.parent(), context.state());
                prop_assert_eq!(again, Some(context));
            }
        }
    }
}
