//! Which topics a request wants: the parameters `topic`, `match`, `retained` of a query. Pure.
//! Source: section 10.1 of the HTTP design, section 6.2 of the configuration's.

use crate::authz::Pattern;
use crate::http::body::{bad, unexpected};
use crate::http::problem::Problem;
use crate::http::route::decoded;
use crate::observe::shown;
use crate::wamp::{MatchPolicy, Uri};
use std::time::Duration;

/// Topics of one request.
const TOPICS_MAX: usize = 100;

/// One topic or pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Topic {
    pub(super) uri: Uri,
    pub(super) policy: MatchPolicy,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Wanted {
    /// At least one, each once.
    pub(super) topics: Vec<Topic>,
    /// Retained events first.
    pub(super) retained: bool,
}

impl Wanted {
    /// Reads a query.
    ///
    /// # Errors
    /// 400 with what was expected and what came.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        Self::of(parameters(query)?, &["topic", "match", "retained", "last_event_id", "ticket"])
    }

    /// The same of parameters, of which all but these are unknown.
    fn of(parameters: Vec<(String, String)>, known: &[&str]) -> Result<Self, Problem> {
        let (mut wanted, mut texts, mut literal) = (Self::default(), Vec::new(), None);
        let mut has_retained = false;
        for (name, value) in parameters {
            let twice = || bad(format!("the parameter \"{name}\" stands twice in the query"));
            match name.as_str() {
                "topic" => texts.push(value),
                "match" if literal.is_some() => return Err(twice()),
                "match" => literal = Some(policy(&value)?),
                "retained" if has_retained => return Err(twice()),
                "retained" => {
                    has_retained = true;
                    wanted.retained = flag("retained", &value)?;
                }
                // Looked at by whoever asks for them.
                "last_event_id" | "ticket" if known.contains(&name.as_str()) => {}
                _ => return Err(unexpected(&name, known)),
            }
        }
        if texts.len() > TOPICS_MAX {
            return Err(bad(format!("a request has at most {TOPICS_MAX} parameters \"topic\", got {}", texts.len())));
        }
        for text in texts {
            let topic = topic(&text, literal)?;
            if !wanted.topics.contains(&topic) {
                wanted.topics.push(topic);
            }
        }
        if wanted.topics.is_empty() {
            return Err(bad("a parameter \"topic\" is needed in the query, such as topic=com.shop.*"));
        }
        Ok(wanted)
    }
}

/// What a poll asks for: the parameters `cursor` and `wait` beside those of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Polled {
    pub(super) wanted: Wanted,
    pub(super) cursor: Option<String>,
    /// How long the answer may wait for events, in whole seconds.
    pub(super) wait: Option<Duration>,
}

impl Polled {
    /// Reads a query.
    ///
    /// # Errors
    /// 400 with what was expected and what came.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let (mut cursor, mut wait, mut others) = (None, None, Vec::new());
        for (name, value) in parameters(query)? {
            let place = match name.as_str() {
                "cursor" => &mut cursor,
                "wait" => &mut wait,
                _ => {
                    others.push((name, value));
                    continue;
                }
            };
            if place.replace(value).is_some() {
                return Err(bad(format!("the parameter \"{name}\" stands twice in the query")));
            }
        }
        let seconds = |text: String| {
            let seconds = text.parse().map(|seconds: u32| Duration::from_secs(seconds.into()));
            seconds.map_err(|_| bad(format!("wait must be a number of seconds, got \"{}\"", shown(&text))))
        };
        let wanted = Wanted::of(others, &["topic", "match", "retained", "cursor", "wait", "ticket"])?;
        Ok(Self { wanted, cursor, wait: wait.map(seconds).transpose()? })
    }
}

/// The parameters of a query in their order. Names and values are percent-decoded; a plus is a plus.
///
/// # Errors
/// 400 for what is not UTF-8.
pub(super) fn parameters(query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (decoded(name), decoded(value)) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                (_, _) => Err(bad("the query is not UTF-8 once it is percent-decoded")),
            }
        })
        .collect()
}

/// The only value of a parameter.
///
/// # Errors
/// 400: it stands there twice, or the query is not UTF-8.
pub(super) fn single(query: Option<&str>, name: &str) -> Result<Option<String>, Problem> {
    if !query.is_some_and(|query| query.contains(name)) {
        return Ok(None);
    }
    let mut values = parameters(query)?.into_iter().filter(|(found, _)| found == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(bad(format!("the parameter \"{name}\" stands twice in the query"))),
    }
}

/// A topic in the notation of permissions, or literally under `policy`.
///
/// # Errors
/// 400.
fn topic(text: &str, policy: Option<MatchPolicy>) -> Result<Topic, Problem> {
    let pattern = match policy {
        Some(policy) => Pattern::literal(policy, text),
        None => Pattern::parse(text),
    };
    let pattern = pattern.map_err(|fault| bad(format!("topic \"{}\": {fault}", shown(text))))?;
    Ok(Topic { uri: Uri::from(pattern.text()), policy: pattern.policy() })
}

/// # Errors
/// 400.
pub(super) fn policy(text: &str) -> Result<MatchPolicy, Problem> {
    match text {
        "exact" => Ok(MatchPolicy::Exact),
        "prefix" => Ok(MatchPolicy::Prefix),
        "wildcard" => Ok(MatchPolicy::Wildcard),
        _ => Err(bad(format!("match must be exact, prefix or wildcard, got \"{}\"", shown(text)))),
    }
}

/// # Errors
/// 400.
pub(super) fn flag(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(bad(format!("{name} must be 1 or 0, got \"{}\"", shown(text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn topics(query: &str) -> Result<Vec<(String, MatchPolicy)>, u16> {
        let wanted = Wanted::read(Some(query)).map_err(|problem| problem.status().as_u16())?;
        Ok(wanted.topics.iter().map(|topic| (topic.uri.as_str().to_owned(), topic.policy)).collect())
    }

    fn one(text: &str, policy: MatchPolicy) -> Result<Vec<(String, MatchPolicy)>, u16> {
        Ok(vec![(text.to_owned(), policy)])
    }

    /// Section 6.2 of the configuration's page.
    #[test]
    fn a_topic_is_a_pattern_in_the_notation_of_permissions() {
        assert_eq!(topics("topic=com.a"), one("com.a", MatchPolicy::Exact));
        assert_eq!(topics("topic=com.a.*"), one("com.a.", MatchPolicy::Prefix));
        assert_eq!(topics("topic=*"), one("", MatchPolicy::Prefix));
        assert_eq!(topics("topic=com..status"), one("com..status", MatchPolicy::Wildcard));
        assert_eq!(topics("topic=com.%2A.status"), one("com..status", MatchPolicy::Wildcard));
        assert_eq!(topics("topic=com.a&topic=com.a"), one("com.a", MatchPolicy::Exact));
    }

    #[test]
    fn with_match_a_topic_is_literal() {
        assert_eq!(topics("match=prefix&topic=com.a"), one("com.a", MatchPolicy::Prefix));
        assert_eq!(topics("topic=com..b&match=wildcard"), one("com..b", MatchPolicy::Wildcard));
        assert_eq!(topics("topic=com.a.*&match=exact"), one("com.a.*", MatchPolicy::Exact));
    }

    #[test]
    fn a_query_that_is_not_understood_is_400() {
        let many = vec!["topic=a"; TOPICS_MAX + 1].join("&");
        for bad in [
            "",
            "topic=",
            "topic=a*b*",
            "topic=%ff",
            "match=exact",
            "topic=a&match=fuzzy",
            "topic=a&match=exact&match=exact",
            "topic=a&retained=yes",
            "topic=a&topics=b",
            "topic=a&wait=1",
            &many,
        ] {
            assert_eq!(topics(bad), Err(400), "{bad}");
        }
        assert!(Wanted::read(Some("topic=a&retained=1")).unwrap().retained);
    }

    /// Section 10.2.
    #[test]
    fn a_poll_has_a_cursor_and_a_time_beside_its_topics() {
        let polled = Polled::read(Some("topic=a&cursor=c&wait=25")).unwrap();
        assert_eq!((polled.cursor.as_deref(), polled.wait), (Some("c"), Some(Duration::from_secs(25))));
        assert_eq!(Polled::read(Some("topic=a")).unwrap().wait, None);
        for bad in ["cursor=c", "topic=a&wait=-1", "topic=a&wait=1.5", "topic=a&wait=", "topic=a&cursor=c&cursor=c"] {
            assert!(Polled::read(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_parameter_that_may_stand_once_is_found_or_refused() {
        let find = |query| single(Some(query), "ticket").map_err(|problem| problem.status().as_u16());
        assert_eq!(find("topic=a&ticket=b"), Ok(Some("b".to_owned())));
        assert_eq!((find("tickets=b&topic=ticket"), single(None, "ticket").ok().flatten()), (Ok(None), None));
        assert_eq!(find("ticket=a&ticket=a"), Err(400));
        assert!(Wanted::read(Some("topic=a&ticket=b&last_event_id=c")).is_ok());
        assert!(Polled::read(Some("topic=a&ticket=b")).is_ok());
        assert!(Polled::read(Some("topic=a&last_event_id=c")).is_err());
    }

    proptest! {
        #[test]
        fn no_query_makes_reading_panic(text in "\\PC{0,60}|[a-z=&%.*0-9]{0,60}") {
            let _lawful = Wanted::read(Some(&text)).is_ok() && Polled::read(Some(&text)).is_ok();
        }
    }
}
