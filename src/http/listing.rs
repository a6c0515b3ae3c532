//! `GET R/procedures`, `R/procedures/{uri}` and `R/topics`: what whoever asks may use. What may not be used cannot be told from
//! what is not there: it ends no page, and what no rule allows is not even looked at. Source: section 4.4 of the HTTP design.

use super::admin::{after, check_query, limit, page, query, Order, Query, PAGE_PARAMETERS};
use super::api;
use super::body::bad;
use super::near;
use super::negotiate;
use super::problem::{Problem, Statuses};
use super::reading::Asked;
use super::sessions::Caller;
use super::settings::RestSettings;
use super::streams::{below_realm, realm};
use super::Place;
use crate::actors::listing::{Asker, ListedProcedure, ListedTopic};
use crate::authz::Pattern;
use crate::observe::shown;
use crate::wamp::{ErrorUri, MatchPolicy, Uri};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{json, Value};

/// A URI stands in a list once for each way to compare it.
const ORDER: Order = Order::Names(&["uri", "match"]);

const PARAMETERS: &[&str] = &["prefix", PAGE_PARAMETERS[0], PAGE_PARAMETERS[1]];

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum List {
    Procedures,
    /// The procedure that the path names.
    Procedure,
    Topics,
}

impl List {
    /// Which one a path below a realm names.
    pub(super) fn of(path: &str) -> Option<Self> {
        match path {
            "procedures" => Some(Self::Procedures),
            "topics" => Some(Self::Topics),
            _ => {
                let procedure = path.strip_prefix("procedures/")?;
                (!procedure.is_empty() && !procedure.contains('/')).then_some(Self::Procedure)
            }
        }
    }

    /// Its name in the counters.
    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::Procedures | Self::Procedure => "procedures",
            Self::Topics => "topics",
        }
    }

    /// Answers a request.
    ///
    /// # Errors
    /// 404 for a realm that is not served here, and for a procedure that the caller would not reach; those of the credential;
    /// 406; 400 for a query that is not understood.
    pub(super) async fn answer(self, request: &HttpRequest, place: &Place) -> Asked {
        let rest = place.state.rest.load_full();
        let handle = realm(request, place, &rest).await?;
        let caller = api::identify(request, place, handle, &Statuses(&rest.status)).await?;
        negotiate::check_accept(request.headers())?;
        let query = query(request.uri().query())?;
        let lists = Lists { asker: Asker::new(&caller.handle, &caller.identity), caller: &caller, rest: &rest };
        let answer = match self {
            Self::Procedures => lists.procedures(&query).await?,
            Self::Topics => lists.topics(&query).await?,
            Self::Procedure => {
                check_query(&query, &[])?;
                let (_, segments) = below_realm(request.uri().path())?;
                lists.procedure(segments.last().map_or("", String::as_str)).await?
            }
        };
        Ok(HttpResponse::Ok().content_type(negotiate::JSON).body(answer.to_string()))
    }
}

/// The part of a list that is asked for.
struct Window<'a> {
    prefix: &'a str,
    after: Option<(Uri, MatchPolicy)>,
    /// One more than the page holds, which tells whether there are more.
    items: usize,
}

impl<'a> Window<'a> {
    /// # Errors
    /// 400.
    fn of(query: &'a Query) -> Result<Self, Problem> {
        check_query(query, PARAMETERS)?;
        let prefix = query.iter().find(|(name, _)| name == "prefix").map_or("", |(_, prefix)| prefix.as_str());
        let after = match after(query, ORDER)? {
            None => None,
            Some(after) => Some(name(&after).ok_or_else(|| bad("this cursor is not one of this list's"))?),
        };
        Ok(Self { prefix, after, items: limit(query)?.saturating_add(1) })
    }
}

/// The name that a cursor is about.
fn name(after: &[Value]) -> Option<(Uri, MatchPolicy)> {
    let [uri, policy] = after else { return None };
    let policy = MatchPolicy::from_wire(policy.as_str()?)?;
    Some((Uri::from(uri.as_str()?), policy))
}

/// What one caller is told.
struct Lists<'a> {
    asker: Asker,
    caller: &'a Caller,
    rest: &'a RestSettings,
}

impl Lists<'_> {
    async fn procedures(&self, query: &Query) -> Result<Value, Problem> {
        let Window { prefix, after, items } = Window::of(query)?;
        let told = self.asker.procedures(prefix, after, items).await.map_err(|_| self.restarted())?;
        page(told.iter().map(of_procedure).collect(), ORDER, query)
    }

    async fn topics(&self, query: &Query) -> Result<Value, Problem> {
        let Window { prefix, after, items } = Window::of(query)?;
        let told = self.asker.topics(prefix, after, items).await.map_err(|_| self.restarted())?;
        page(told.iter().map(of_topic).collect(), ORDER, query)
    }

    async fn procedure(&self, text: &str) -> Result<Value, Problem> {
        let pattern = Pattern::literal(MatchPolicy::Exact, text);
        pattern.map_err(|fault| bad(format!("procedure \"{}\": {fault}", shown(text))))?;
        let procedure = Uri::from(text);
        let Some(reached) = self.asker.reached(&procedure).await.map_err(|_| self.restarted())? else {
            let text = format!("there is no procedure '{}' that you may call", shown(&procedure));
            let problem = Problem::router(&Statuses(&self.rest.status), ErrorUri::NO_SUCH_PROCEDURE, text);
            return near::explained(Err(problem), self.caller, Some(procedure)).await;
        };
        Ok(of_procedure(&reached))
    }

    fn restarted(&self) -> Problem {
        Problem::router(&Statuses(&self.rest.status), ErrorUri::REALM_RESTARTED, "the realm is being started again")
    }
}

fn of_procedure(listed: &ListedProcedure) -> Value {
    json!({
        "uri": listed.uri.as_ref().map(Uri::as_str),
        "match": listed.policy.as_str(),
        "invoke": listed.invoke.as_str(),
        "summary": listed.summary,
    })
}

fn of_topic(listed: &ListedTopic) -> Value {
    json!({
        "uri": listed.uri.as_str(),
        "match": listed.policy.as_str(),
        "subscribed": listed.is_subscribed,
        "history": listed.has_history,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_by_its_path_and_a_procedure_by_one_segment() {
        assert_eq!(List::of("procedures"), Some(List::Procedures));
        assert_eq!(List::of("procedures/com.a%2Fb"), Some(List::Procedure));
        assert_eq!(List::of("topics"), Some(List::Topics));
        for path in ["procedures/", "procedures/a/b", "topics/", "topics/a", "procedure", ""] {
            assert_eq!(List::of(path), None, "{path}");
        }
    }

    #[test]
    fn a_cursor_is_a_uri_and_how_it_is_compared() {
        assert_eq!(name(&[json!("com.a"), json!("prefix")]), Some((Uri::from("com.a"), MatchPolicy::Prefix)));
        assert_eq!(name(&[json!("com.a"), json!("odd")]), None);
        assert_eq!(name(&[json!("com.a")]), None);
    }
}
