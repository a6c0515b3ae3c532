//! What whoever called a procedure that is not there may have meant: a router that is a Wharf is asked.

use super::failure::Failure;
use super::talk;
use crate::client::Session;
use crate::wamp::{Dict, ErrorUri, Value};
use std::time::Duration;

/// How long the router may take for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers that are shown.
const SHOWN_MAX: usize = 3;

/// A call of this procedure has failed so. Where that is for want of the procedure, with what may have been meant.
pub(in crate::cli) async fn explained(session: &mut Session, procedure: &str, failure: Failure) -> Failure {
    if failure.uri() != Some(ErrorUri::NO_SUCH_PROCEDURE.as_str()) {
        return failure;
    }
    let asked = talk::ask_value(session, "wharf.registration.near", vec![Value::from(procedure)], Dict::new());
    // Other routers have nothing of the kind, and a role may lack the right to ask: nothing is said then.
    let Ok(Ok(Value::List(found))) = tokio::time::timeout(PATIENCE, asked).await else { return failure };
    let texts = found.iter().filter_map(Value::as_text).take(SHOWN_MAX).map(ToOwned::to_owned);
    failure.meaning(texts.collect())
}
