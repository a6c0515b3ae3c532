//! Who asks for events: by a one-time ticket in the query, or as for every other request. Source: section 4.6 of the HTTP design.

use super::topics::{single, Topic};
use super::{realm, Entered};
use crate::actors::connection::Encryption;
use crate::auth::once::Topics;
use crate::auth::Secret;
use crate::authz::Pattern;
use crate::http::problem::{Problem, Statuses};
use crate::http::{api, credential, Place};
use crate::observe::{shown, Refusal};
use crate::wamp::ErrorUri;
use actix_web::HttpRequest;

/// Which topics a ticket is of; without one, or without topics, all of them.
#[derive(Debug)]
pub(super) struct Limit(Option<Topics>);

impl Limit {
    /// Of nothing that a ticket says.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Whether all of these are covered, as the notation of permissions says it.
    ///
    /// # Errors
    /// 403 that names the first one that is not.
    pub(super) fn check(&self, wanted: &[Topic], statuses: &Statuses<'_>) -> Result<(), Problem> {
        let Some(topics) = &self.0 else { return Ok(()) };
        // They were read as patterns before, and read so again.
        let patterns = topics.iter().filter_map(|(policy, text)| Pattern::literal(*policy, text).ok());
        let patterns: Vec<Pattern> = patterns.collect();
        let covers = |topic: &Topic| patterns.iter().any(|pattern| pattern.contains(&topic.uri, topic.policy));
        match wanted.iter().find(|topic| !covers(topic)) {
            None => Ok(()),
            Some(topic) => {
                let text = format!("topic '{}': the one-time ticket is not for it", shown(&topic.uri));
                Err(Problem::router(statuses, ErrorUri::NOT_AUTHORIZED, text).counted(Refusal::Authz))
            }
        }
    }
}

/// Whether the query has a ticket.
pub(super) fn is_shown(request: &HttpRequest) -> bool {
    matches!(single(request.uri().query(), "ticket"), Ok(Some(_)) | Err(_))
}

/// Finds the realm and proves who asks, by the ticket of the query if there is one. It is used up by that.
///
/// # Errors
/// 404 for a realm that is not served here, 400 for two tickets; those of the credential.
pub(super) async fn enter(request: &HttpRequest, place: &Place) -> Result<(Entered, Limit), Problem> {
    let Some(ticket) = single(request.uri().query(), "ticket")?.map(Secret::new) else {
        return Ok((super::enter(request, place).await?, Limit::none()));
    };
    let rest = place.state.rest.load_full();
    let handle = realm(request, place, &rest).await?;
    let encryption: Encryption = request.conn_data().cloned().unwrap_or_default();
    let arrival = api::arrival(request, place, &handle, &encryption);
    let redeemed = credential::redeem(&arrival, &handle.shared, &Statuses(&rest.status), &ticket);
    let (key, identity, topics) = redeemed?;
    Ok((Entered { rest, handle, key, identity }, Limit(topics)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::{MatchPolicy, Uri};
    use std::collections::BTreeMap;

    fn topic(text: &str) -> Topic {
        let pattern = Pattern::parse(text).unwrap();
        Topic { uri: Uri::from(pattern.text()), policy: pattern.policy() }
    }

    /// Section 4.6: `topics`.
    #[test]
    fn a_ticket_of_topics_is_good_for_what_they_cover_and_for_nothing_else() {
        let topics = [(MatchPolicy::Exact, Uri::from("com.a")), (MatchPolicy::Prefix, Uri::from("com.b."))];
        let (limit, status) = (Limit(Some(topics.into_iter().collect())), BTreeMap::new());
        let statuses = Statuses(&status);
        for good in [&["com.a"][..], &["com.b.x", "com.a"], &["com.b.*"], &["com.b.x.*"], &["com.b..y"]] {
            let wanted: Vec<Topic> = good.iter().map(|text| topic(text)).collect();
            assert_eq!(limit.check(&wanted, &statuses), Ok(()), "{good:?}");
        }
        for (bad, named) in [(&["com.a", "com.c"][..], "com.c"), (&["com.*"], "com."), (&["com.a.x"], "com.a.x")] {
            let wanted: Vec<Topic> = bad.iter().map(|text| topic(text)).collect();
            let problem = limit.check(&wanted, &statuses).unwrap_err();
            assert_eq!(problem.status().as_u16(), 403);
            assert!(problem.detail().starts_with(&format!("topic '{named}':")), "{}", problem.detail());
        }
        assert_eq!(Limit(None).check(&[topic("com.c")], &statuses), Ok(()));
    }
}
