//! Webhooks that go out: what waits, what was given up, and what an administrator does about it. What a webhook answers comes from
//! its own task; nothing is waited for longer than [`PATIENCE`].

use super::operation::refusal;
use super::values::from_json;
use super::{not_found, Done, Outcome};
use crate::actors::admin::AdminRefusal;
use crate::http::webhook::{Order, Webhooks, Wish};
use crate::wamp::{ErrorUri, Value};
use serde_json::{json, Value as Json};
use std::time::Duration;
use tokio::sync::oneshot;

/// For the answer of a task that waits for nobody but a session to be opened.
const PATIENCE: Duration = Duration::from_secs(10);

/// All of them, with what each counts.
pub(super) async fn list(webhooks: &Webhooks) -> Result<Value, AdminRefusal> {
    let mut all = Vec::new();
    for name in webhooks.names() {
        all.push(ask(webhooks, &name, Wish::Show).await?);
    }
    Ok(from_json(Json::Array(all)))
}

/// What is only looked at.
pub(super) async fn look(webhooks: &Webhooks, name: &str, wish: Wish) -> Result<Value, AdminRefusal> {
    ask(webhooks, name, wish).await.map(from_json)
}

/// What changes something: it is audited and told.
pub(super) async fn change(webhooks: &Webhooks, name: &str, wish: Wish) -> Outcome {
    let told = ask(webhooks, name, wish).await?;
    let mut done = Done::Changed(json!({ "changes": [] }));
    if let Json::Object(told) = told {
        done = told.into_iter().fold(done, |done, (key, value)| done.with(&key, value));
    }
    Ok(done)
}

async fn ask(webhooks: &Webhooks, name: &str, wish: Wish) -> Result<Json, AdminRefusal> {
    let orders = webhooks.orders(name).ok_or_else(|| not_found(&["webhooks", "out", name]))?;
    let busy = || refusal(ErrorUri::BUSY, format!("the webhook `{name}` does not answer: try again later"));
    let (answer, answered) = oneshot::channel();
    orders.try_send(Order { wish, answer }).map_err(|_| busy())?;
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    answered.ok().and_then(Result::ok).ok_or_else(busy)
}
