//! Three truths beside each other: what holds, what the files say now, and what was changed at run time.

use super::operation::expected;
use super::values::from_json;
use super::{changes, not_reloaded};
use crate::actors::admin::AdminRefusal;
use crate::config::{self, Difference, Layer};
use crate::server::reload::{NotReloaded, Reloader};
use crate::wamp::Value;
use serde_json::json;
use std::sync::Arc;

impl Reloader {
    /// What a reload would change.
    pub(super) async fn check(&self) -> Result<Vec<Difference>, AdminRefusal> {
        let read = self.read(Layer::Known(self.running.managed.clone())).await;
        read.map(|reloaded| reloaded.differences).map_err(not_reloaded)
    }

    /// The same, and what differs from the files because it was changed at run time; at `path`, or everywhere.
    pub(super) async fn diff(&self, path: Option<&str>) -> Result<Value, AdminRefusal> {
        let path = path.map_or(Some(Vec::new()), config::path_steps);
        let path = path.ok_or_else(|| expected("path, as in \"realms.shop\""))?;
        let mut to_come = self.check().await?;
        let (options, running) = (self.options.clone(), Arc::clone(&self.running));
        let read = tokio::task::spawn_blocking(move || config::made_at_run_time(&options, &running)).await;
        let read = read.map_err(|error| not_reloaded(NotReloaded::Failed(error.to_string())))?;
        let mut made = read.map_err(|errors| not_reloaded(NotReloaded::Refused(errors)))?;
        to_come.retain(|difference| difference.is_at(&path));
        made.retain(|difference| difference.is_at(&path));
        Ok(from_json(json!({ "changes": changes(&to_come), "managed": changes(&made) })))
    }
}
