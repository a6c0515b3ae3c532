//! What can be asked of the node, and what it is asked with. Pure: nothing here looks at settings.

use super::node::{Drain, NodeChange};
use super::values::to_json;
use crate::actors::admin::{AdminRefusal, Question};
use crate::auth::Secret;
use crate::http::webhook::Wish;
use crate::observe::settings::LogLevel;
use crate::wamp::{Dict, ErrorUri, Value};
use serde_json::{Map, Value as Json};

/// An operation with its arguments.
#[derive(Debug)]
pub(super) enum Operation {
    /// Nothing changes.
    Look(Look),
    /// A new one.
    Create(Vec<String>, Json),
    /// A new one, or another in its place.
    Set(Vec<String>, Json),
    /// Some of its keys; null takes one out.
    Update(Vec<String>, Map<String, Json>),
    /// It goes.
    Delete(Vec<String>),
    /// Users of a group come or go.
    Members(Vec<String>, Members),
    OfUser(User, UserChange),
    /// A new API key.
    KeyNew(String, NewKey),
    Reload,
    /// What authorizers of this realm have said is forgotten.
    Purge(String),
    /// Something is done about a webhook.
    Webhook(String, Wish),
    /// Something becomes of the node as a whole.
    Node(NodeChange),
}

/// What is to become of a user.
#[derive(Debug)]
pub(super) enum UserChange {
    Add(NewUser),
    /// Role or keys.
    Update(Map<String, Json>),
    Delete,
    /// It may log in.
    Enable,
    /// It may not.
    Disable,
    Password(Secret),
}

/// What is only looked at.
#[derive(Debug)]
pub(super) enum Look {
    /// What there is below a table of names.
    List(Vec<String>),
    /// One of them.
    Get(Vec<String>),
    UserList(String),
    UserGet(User),
    KeyList,
    KeyGet(String),
    /// What a reload would change.
    Check,
    /// The same, and what was changed at run time; below this path.
    Diff(Option<String>),
    ConfigGet(Option<String>),
    Explain(Box<Explain>),
    /// The last requests in this realm that were not permitted.
    Denials(String),
    AuditList,
    /// What the node does.
    Node,
    WebhookList,
    /// Of one webhook.
    Webhook(String, Wish),
}

/// Users that come into a group or go from it, by authid.
#[derive(Debug)]
pub(super) enum Members {
    Add(Vec<String>),
    Remove(Vec<String>),
}

/// A user of a realm.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) realm: String,
    pub(super) authid: String,
}

/// What a user that is added has.
#[derive(Debug)]
pub(super) struct NewUser {
    pub(super) role: String,
    pub(super) proof: Proof,
}

/// How a user is to prove who it is.
#[derive(Debug)]
pub(super) enum Proof {
    /// With a password, by wamp-scram.
    Scram(Secret),
    /// With the same, sent as it is.
    Ticket(Secret),
    /// With one of these key pairs.
    Cryptosign(Json),
}

/// What an API key that is made is good for.
#[derive(Debug)]
pub(super) struct NewKey {
    pub(super) realm: String,
    pub(super) authid: String,
    pub(super) role: String,
    /// As in the file, and read like what stands there.
    pub(super) expires: Option<String>,
    pub(super) allow_from: Option<Json>,
}

/// A question about permissions.
#[derive(Debug)]
pub(super) struct Explain {
    pub(super) realm: String,
    pub(super) who: Who,
    pub(super) action: String,
    pub(super) uri: String,
    pub(super) match_policy: String,
    pub(super) disclose: bool,
    pub(super) force: bool,
    pub(super) retain: bool,
}

/// Whose permissions.
#[derive(Debug)]
pub(super) enum Who {
    Role(String),
    /// A user of the configuration.
    User(String),
    /// Any user, with a role.
    UserAs(String, String),
}

pub(super) fn refusal(error: ErrorUri, text: impl Into<String>) -> AdminRefusal {
    AdminRefusal { error, text: text.into(), details: Dict::new() }
}

pub(super) fn expected(what: &str) -> AdminRefusal {
    refusal(ErrorUri::INVALID_ARGUMENT, format!("expected {what}"))
}

/// Reads what is asked.
pub(super) fn read(question: &mut Question) -> Result<Operation, AdminRefusal> {
    let mut arguments = Arguments {
        args: std::mem::take(&mut question.arguments.args).into_iter(),
        kwargs: std::mem::take(&mut question.arguments.kwargs),
    };
    let operation = read_operation(&question.procedure, &mut arguments)?;
    arguments.end()?;
    Ok(operation)
}

fn read_operation(procedure: &str, arguments: &mut Arguments) -> Result<Operation, AdminRefusal> {
    let (group, verb) = procedure.split_once('.').unwrap_or((procedure, ""));
    Ok(match (group, verb) {
        ("realm", "list") => Operation::Look(Look::List(path(&["realms"]))),
        ("template", "list") => Operation::Look(Look::List(path(&["realm_templates"]))),
        ("role" | "group" | "grant" | "source", "list") => {
            Operation::Look(Look::List(path(&["realms", &arguments.text("realm")?, &format!("{group}s")])))
        }
        ("realm" | "template" | "role" | "group" | "grant" | "source", "get") => {
            Operation::Look(Look::Get(arguments.path(group)?))
        }
        ("realm", "create") => {
            let path = arguments.path(group)?;
            Operation::Create(path, Json::Object(arguments.table_or_none("settings")?))
        }
        ("role" | "template" | "group" | "grant" | "source", "set") => {
            Operation::Set(arguments.path(group)?, Json::Object(arguments.table("settings")?))
        }
        ("realm", "update") => Operation::Update(arguments.path(group)?, arguments.table("settings")?),
        ("realm" | "template" | "role" | "group" | "grant" | "source", "delete") => {
            Operation::Delete(arguments.path(group)?)
        }
        ("group", "add_users") => Operation::Members(arguments.path(group)?, Members::Add(arguments.texts("users")?)),
        ("group", "remove_users") => {
            Operation::Members(arguments.path(group)?, Members::Remove(arguments.texts("users")?))
        }
        ("user", "list") => Operation::Look(Look::UserList(arguments.text("realm")?)),
        ("user", "get") => Operation::Look(Look::UserGet(arguments.user()?)),
        ("user", "add") => Operation::OfUser(arguments.user()?, UserChange::Add(arguments.new_user()?)),
        ("user", "update") => Operation::OfUser(arguments.user()?, UserChange::Update(arguments.table("settings")?)),
        ("user", "delete") => Operation::OfUser(arguments.user()?, UserChange::Delete),
        ("user", "enable") => Operation::OfUser(arguments.user()?, UserChange::Enable),
        ("user", "disable") => Operation::OfUser(arguments.user()?, UserChange::Disable),
        ("user", "change_password") => {
            Operation::OfUser(arguments.user()?, UserChange::Password(arguments.secret("password")?))
        }
        ("key", "new") => Operation::KeyNew(arguments.text("name")?, arguments.new_key()?),
        ("key", "list") => Operation::Look(Look::KeyList),
        ("key", "get") => Operation::Look(Look::KeyGet(arguments.text("name")?)),
        ("key", "revoke") => Operation::Delete(path(&["rest", "keys", &arguments.text("name")?])),
        ("config", "reload") => Operation::Reload,
        ("config", "check") => Operation::Look(Look::Check),
        ("config", "diff") => Operation::Look(Look::Diff(arguments.optional_text("path")?)),
        ("config", "get") => Operation::Look(Look::ConfigGet(arguments.optional_text("path")?)),
        ("authz", "explain") => Operation::Look(Look::Explain(Box::new(arguments.explain()?))),
        ("authz", "denials") => Operation::Look(Look::Denials(arguments.text("realm")?)),
        ("authz", "purge") => Operation::Purge(arguments.text("realm")?),
        ("node", "get") => Operation::Look(Look::Node),
        ("node", "log_level") => Operation::Node(NodeChange::LogLevel(arguments.level()?)),
        ("node", "drain") => Operation::Node(NodeChange::Drain(Drain {
            spread: arguments.optional_text("spread")?,
            timeout: arguments.optional_text("timeout")?,
        })),
        ("audit", "list") => Operation::Look(Look::AuditList),
        ("webhook", "list") => Operation::Look(Look::WebhookList),
        ("webhook", "get") => Operation::Look(Look::Webhook(arguments.text("name")?, Wish::Show)),
        ("webhook", "deliveries") => Operation::Look(Look::Webhook(arguments.text("name")?, Wish::Deliveries)),
        ("webhook", "dead_letters") => Operation::Look(Look::Webhook(arguments.text("name")?, Wish::DeadLetters)),
        ("webhook", "send_again") => {
            let name = arguments.text("name")?;
            Operation::Webhook(name, Wish::SendAgain(arguments.optional_text("id")?))
        }
        ("webhook", "switch_on") => Operation::Webhook(arguments.text("name")?, Wish::SwitchOn),
        ("webhook", "switch_off") => Operation::Webhook(arguments.text("name")?, Wish::SwitchOff),
        ("webhook", "test") => Operation::Webhook(arguments.text("name")?, Wish::Test),
        (_, _) => {
            let text = "the node has no such procedure";
            return Err(refusal(ErrorUri::NO_SUCH_PROCEDURE, text));
        }
    })
}

fn path(steps: &[&str]) -> Vec<String> {
    steps.iter().map(|step| (*step).to_owned()).collect()
}

/// Arguments by place, in the order in which they are asked for, or by name.
struct Arguments {
    args: std::vec::IntoIter<Value>,
    kwargs: Dict,
}

impl Arguments {
    /// Null counts as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        let given = match self.kwargs.iter().position(|(key, _)| key == name) {
            Some(place) => Some(self.kwargs.swap_remove(place).1),
            None => self.args.next(),
        };
        given.filter(|value| *value != Value::Null)
    }

    fn optional_text(&mut self, name: &str) -> Result<Option<String>, AdminRefusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(expected(&format!("{name}, a string"))),
        }
    }

    fn text(&mut self, name: &str) -> Result<String, AdminRefusal> {
        let text = self.optional_text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| expected(&format!("{name}, a string that is not empty")))
    }

    fn level(&mut self) -> Result<LogLevel, AdminRefusal> {
        let level = LogLevel::from_name(&self.text("level")?);
        level.ok_or_else(|| expected("level: error, warn, info, debug or trace"))
    }

    fn secret(&mut self, name: &str) -> Result<Secret, AdminRefusal> {
        self.text(name).map(Secret::new)
    }

    /// Whether it is given by name, and not by its place.
    fn is_named(&self, name: &str) -> bool {
        self.kwargs.iter().any(|(key, _)| key == name)
    }

    fn flag(&mut self, name: &str) -> Result<bool, AdminRefusal> {
        match self.is_named(name).then(|| self.take(name)).flatten() {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(expected(&format!("{name}, a bool"))),
        }
    }

    fn table_or_none(&mut self, name: &str) -> Result<Map<String, Json>, AdminRefusal> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(table @ Value::Dict(_)) => match to_json(table) {
                Some(Json::Object(table)) => Ok(table),
                Some(_) | None => Err(expected(&format!("{name} without octets, and with numbers that JSON has"))),
            },
            Some(_) => Err(expected(&format!("{name}, a dict"))),
        }
    }

    fn table(&mut self, name: &str) -> Result<Map<String, Json>, AdminRefusal> {
        let table = self.table_or_none(name)?;
        if table.is_empty() {
            return Err(expected(&format!("{name}, a dict that is not empty")));
        }
        Ok(table)
    }

    /// A list of names that is not empty.
    fn texts(&mut self, name: &str) -> Result<Vec<String>, AdminRefusal> {
        let refused = || expected(&format!("{name}, a list of strings that are not empty"));
        let Some(Value::List(items)) = self.take(name) else { return Err(refused()) };
        let text = |item| match item {
            Value::Text(text) if !text.is_empty() => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Negative(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_)
            | Value::Dict(_) => None,
        };
        let texts: Option<Vec<String>> = items.into_iter().map(text).collect();
        texts.filter(|texts| !texts.is_empty()).ok_or_else(refused)
    }

    /// The path of a realm or template, or of something by its name in a realm.
    fn path(&mut self, group: &str) -> Result<Vec<String>, AdminRefusal> {
        Ok(match group {
            "realm" => path(&["realms", &self.text("realm")?]),
            "template" => path(&["realm_templates", &self.text("template")?]),
            _ => path(&["realms", &self.text("realm")?, &format!("{group}s"), &self.text(group)?]),
        })
    }

    fn user(&mut self) -> Result<User, AdminRefusal> {
        Ok(User { realm: self.text("realm")?, authid: self.text("authid")? })
    }

    fn new_user(&mut self) -> Result<NewUser, AdminRefusal> {
        const EITHER: &str = "either password, a string, or keys, a list of public keys";
        let given = self.take("settings");
        let mut settings = match given {
            None => Self { args: Vec::new().into_iter(), kwargs: std::mem::take(&mut self.kwargs) },
            Some(Value::Dict(kwargs)) => Self { args: Vec::new().into_iter(), kwargs },
            Some(_) => return Err(expected("settings, a dict")),
        };
        let role = settings.text("role")?;
        let method = settings.optional_text("method")?;
        let password = settings.optional_text("password")?.filter(|text| !text.is_empty()).map(Secret::new);
        let proof = match (method.as_deref(), password, settings.take("keys")) {
            (None | Some("scram"), Some(password), None) => Proof::Scram(password),
            (Some("ticket"), Some(password), None) => Proof::Ticket(password),
            (None | Some("cryptosign"), None, Some(keys)) => {
                Proof::Cryptosign(to_json(keys).ok_or_else(|| expected(EITHER))?)
            }
            (None | Some("scram" | "ticket" | "cryptosign"), _, _) => return Err(expected(EITHER)),
            (Some(_), _, _) => return Err(expected("method: scram, ticket or cryptosign")),
        };
        settings.end()?;
        Ok(NewUser { role, proof })
    }

    fn new_key(&mut self) -> Result<NewKey, AdminRefusal> {
        let (realm, authid, role) = (self.text("realm")?, self.text("authid")?, self.text("role")?);
        let expires = self.optional_text("expires")?;
        let allow_from = match self.take("allow_from") {
            None => None,
            Some(list) => {
                let list = to_json(list).filter(Json::is_array);
                Some(list.ok_or_else(|| expected("allow_from, a list of strings"))?)
            }
        };
        Ok(NewKey { realm, authid, role, expires, allow_from })
    }

    fn explain(&mut self) -> Result<Explain, AdminRefusal> {
        let (disclose, force, retain) = (self.flag("disclose")?, self.flag("force")?, self.flag("retain")?);
        let authid = if self.is_named("authid") { self.optional_text("authid")? } else { None };
        let is_role_named = self.is_named("role");
        Ok(Explain {
            disclose,
            force,
            retain,
            realm: self.text("realm")?,
            who: match authid {
                Some(authid) if is_role_named => Who::UserAs(authid, self.text("role")?),
                Some(authid) => Who::User(authid),
                None => Who::Role(self.text("role")?),
            },
            action: self.text("action")?,
            uri: self.text("uri")?,
            match_policy: self.optional_text("match")?.unwrap_or_else(|| "exact".to_owned()),
        })
    }

    /// What nobody asked for is a mistake: it was meant for something.
    fn end(mut self) -> Result<(), AdminRefusal> {
        if self.args.next().is_some() || !self.kwargs.is_empty() {
            return Err(expected("no other arguments"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "operation_tests.rs"]
mod tests;
