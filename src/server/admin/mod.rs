//! The administration of the node at run time: answers `wharf.admin.*`, one question at a time.
//!
//! Whoever asks may: the realm has checked it, by the permissions of the caller's role. Whatever is changed is a change of
//! configuration, and goes the way of a reload (`docs/decisions/0017`). No answer, event, log line or audit entry holds a
//! secret or what verifies one.

mod audit;
mod denials;
mod diff;
mod keys;
mod members;
mod node;
mod operation;
mod users;
mod values;
mod webhooks;

pub(super) use audit::Audit;
pub(super) use users::role_of;

use super::explained::{self, Subject};
use super::reload::{Candidate, NotReloaded, Reloader};
use crate::actors::admin::{AdminRefusal, Asked, Question, Reply};
use crate::actors::realm::RealmHandle;
use crate::actors::realms::Lookup;
use crate::actors::settings::RealmSettings;
use crate::authz::Action;
use crate::config::managed::{written_path, ManagedError};
use crate::config::{self, ConfigErrors, Difference, Managed, Settings};
use crate::session::Question as Request;
use crate::wamp::{ErrorUri, MatchPolicy, Uri, Value};
use operation::{expected, refusal, Explain, Look, Operation, Who};
use serde_json::{json, Value as Json};
use values::from_json;

/// Changes that an answer or event tells one by one.
const TOLD_MAX: usize = 200;

/// What an operation came to.
enum Done {
    /// Nothing was changed.
    Told(Value),
    /// This was.
    Changed(Json),
}

impl Done {
    /// With one more thing that is told to whoever asked, and to nobody else.
    fn with(self, key: &str, value: Json) -> Self {
        match self {
            Self::Changed(Json::Object(mut told)) => {
                told.insert(key.to_owned(), value);
                Self::Changed(Json::Object(told))
            }
            done @ (Self::Told(_) | Self::Changed(_)) => done,
        }
    }
}

type Outcome = Result<Done, AdminRefusal>;

impl Reloader {
    /// Answers a question.
    pub(super) async fn administer(&mut self, asked: Asked) {
        let (mut question, reply) = asked.split();
        let mut target = String::new();
        let outcome = match operation::read(&mut question) {
            Ok(operation) => self.carry_out(operation, &mut target).await,
            Err(refusal) => Err(refusal),
        };
        let answer = match outcome {
            Ok(Done::Told(value)) => Reply { outcome: Ok(value), change: None },
            Ok(Done::Changed(told)) => {
                self.audit.note(&question, &target, None);
                let event = event(&question, &target, &told);
                Reply { outcome: Ok(from_json(told)), change: Some(from_json(event)) }
            }
            Err(refusal) => {
                self.audit.note(&question, &target, Some(&refusal));
                Reply { outcome: Err(refusal), change: None }
            }
        };
        reply(answer);
        self.go().await;
    }

    /// `target` becomes what it is about.
    async fn carry_out(&mut self, operation: Operation, target: &mut String) -> Outcome {
        let settings = &*self.running;
        match operation {
            Operation::Look(look) => self.look(look).await.map(Done::Told),
            Operation::Purge(realm) => {
                let open = self.open_realm(&realm).await?;
                *target = written_path(&["realms", &realm]);
                open.shared.purge_verdicts();
                Ok(Done::Changed(json!({ "changes": [] })))
            }
            Operation::Webhook(name, wish) => {
                *target = written_path(&["webhooks", "out", &name]);
                webhooks::change(&self.webhooks, &name, wish).await
            }
            Operation::Node(change) => {
                *target = change.target().to_owned();
                self.change_node(&change)
            }
            Operation::Reload => {
                let differences = self.reload().await.map_err(not_reloaded)?;
                Ok(Done::Changed(json!({ "changes": changes(&differences) })))
            }
            Operation::Create(path, value) => {
                *target = written_path(&steps(&path));
                if config::effective(settings, &steps(&path)).is_some() {
                    return Err(refusal(ErrorUri::ALREADY_EXISTS, format!("`{target}` is there already")));
                }
                let candidate = with(settings, vec![(path, Some(value))])?;
                self.change(candidate).await
            }
            Operation::Set(path, value) => {
                *target = written_path(&steps(&path));
                is_realm_there(settings, &path)?;
                let is_new = config::effective(settings, &steps(&path)).is_none();
                let candidate = with(settings, vec![(path, Some(value))])?;
                self.change(candidate).await.map(|done| done.with("created", is_new.into()))
            }
            Operation::Update(path, keys) => {
                *target = written_path(&steps(&path));
                get(settings, &steps(&path))?;
                let below =
                    |(key, value)| ([path.clone(), vec![key]].concat(), Some(value).filter(|v: &Json| !v.is_null()));
                let candidate = with(settings, keys.into_iter().map(below).collect())?;
                self.change(candidate).await
            }
            Operation::Members(path, change) => {
                *target = written_path(&steps(&path));
                self.change(with(settings, vec![members::change(settings, path, change)?])?).await
            }
            Operation::Delete(path) => {
                *target = written_path(&steps(&path));
                is_managed(settings, &path)?;
                let candidate = with(settings, vec![(path, None)])?;
                self.change(candidate).await
            }
            Operation::KeyNew(name, new) => {
                *target = written_path(&["rest", "keys", &name]);
                let (key, changes) = keys::make(settings, &name, new)?;
                let candidate = with(settings, changes)?;
                // Nobody is told it a second time.
                self.change(candidate).await.map(|done| done.with("key", key.expose().into()))
            }
            Operation::OfUser(user, change) => {
                *target = user.told();
                let candidate = with(settings, users::changes(settings, &user, change).await?)?;
                self.change(candidate).await
            }
        }
    }

    /// What is only looked at.
    async fn look(&self, look: Look) -> Result<Value, AdminRefusal> {
        let settings = &*self.running;
        match look {
            Look::List(path) => list(settings, &steps(&path)),
            Look::Get(path) => get(settings, &steps(&path)),
            Look::UserList(realm) => users::list(settings, &realm),
            Look::UserGet(user) => users::get(settings, &user),
            Look::ConfigGet(path) => config_at(settings, path.as_deref()),
            Look::Explain(question) => explain(settings, *question),
            Look::Denials(realm) => Ok(denials::list(&self.open_realm(&realm).await?)),
            Look::Node => Ok(self.node()),
            Look::WebhookList => webhooks::list(&self.webhooks).await,
            Look::Webhook(name, wish) => webhooks::look(&self.webhooks, &name, wish).await,
            Look::AuditList => Ok(self.audit.list()),
            Look::KeyList => keys::list(settings),
            Look::KeyGet(name) => keys::get(settings, &name),
            Look::Diff(path) => self.diff(path.as_deref()).await,
            Look::Check => Ok(from_json(json!({ "changes": changes(&self.check().await?) }))),
        }
    }

    /// A realm of the configuration, as it is open.
    async fn open_realm(&self, name: &str) -> Result<RealmHandle, AdminRefusal> {
        let realm = realm_of(&self.running, name)?;
        let found = self.realms.send(Lookup(realm.name.clone())).await.ok().flatten();
        found.ok_or_else(|| not_found(&["realms", name]))
    }

    /// In force, and on disk if there is a folder for it, when this is done.
    async fn change(&mut self, candidate: Candidate) -> Outcome {
        let differences = self.change_over(Some(candidate)).await.map_err(not_reloaded)?;
        let durable = self.running.node.data_dir.is_some();
        Ok(Done::Changed(json!({ "changes": changes(&differences), "durable": durable })))
    }
}

/// A key, and what is put there; nothing: it is taken out.
type Change = (Vec<String>, Option<Json>);

fn steps(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}

/// What would be, with these changes.
fn with(settings: &Settings, changes: Vec<Change>) -> Result<Candidate, AdminRefusal> {
    let mut managed: Managed = settings.managed.clone();
    let mut changed = Vec::new();
    for (path, value) in changes {
        let steps = steps(&path);
        let done = match value {
            Some(value) => managed.set(&steps, value),
            None => {
                is_managed(settings, &path)?;
                managed.unset(&steps)
            }
        };
        done.map_err(not_managed)?;
        changed.push(path);
    }
    Ok((managed, changed))
}

fn not_managed(error: ManagedError) -> AdminRefusal {
    let kind = match &error {
        ManagedError::NotThere(_) => ErrorUri::NOT_FOUND,
        ManagedError::TooLarge { .. } => ErrorUri::LIMIT_EXCEEDED,
        ManagedError::NotManaged(_) | ManagedError::NoTable(_) | ManagedError::TooDeep { .. } => {
            ErrorUri::INVALID_ARGUMENT
        }
    };
    refusal(kind, error.to_string())
}

fn not_found(path: &[&str]) -> AdminRefusal {
    refusal(ErrorUri::NOT_FOUND, format!("there is no `{}`", written_path(path)))
}

/// What is to be taken out must have been made at run time.
fn is_managed(settings: &Settings, path: &[String]) -> Result<(), AdminRefusal> {
    let path = steps(path);
    if settings.managed.at(&path).is_some() {
        return Ok(());
    }
    config::effective(settings, &path).ok_or_else(|| not_found(&path))?;
    Err(set_by_file(&path))
}

fn set_by_file(path: &[&str]) -> AdminRefusal {
    let text = format!("`{}` is not from run time: take it out of the file, and reload", written_path(path));
    refusal(ErrorUri::SET_BY_FILE, text)
}

/// A role's realm must be there: a slip of the pen makes no realm.
fn is_realm_there(settings: &Settings, path: &[String]) -> Result<(), AdminRefusal> {
    match path {
        [table, realm, _, ..] => get(settings, &[table, realm]).map(|_| ()),
        [] | [_] | [_, _] => Ok(()),
    }
}

/// Names, and whether something of each was made at run time.
fn list(settings: &Settings, path: &[&str]) -> Result<Value, AdminRefusal> {
    let found = config::effective(settings, path);
    let Some(Json::Object(found)) = found else { return Err(not_found(path.get(..2).unwrap_or(path))) };
    let named = |name: &String| {
        let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        json!({ "name": name, "managed": settings.managed.at(&path).is_some() })
    };
    Ok(from_json(Json::Array(found.keys().map(named).collect())))
}

/// What holds, and whether something of it was made at run time.
fn get(settings: &Settings, path: &[&str]) -> Result<Value, AdminRefusal> {
    let found = config::effective(settings, path).ok_or_else(|| not_found(path))?;
    let managed = settings.managed.at(path).is_some();
    let name = path.last().copied().unwrap_or_default();
    Ok(from_json(json!({ "name": name, "managed": managed, "settings": found })))
}

fn config_at(settings: &Settings, path: Option<&str>) -> Result<Value, AdminRefusal> {
    let path = path.map_or(Some(Vec::new()), config::path_steps);
    let path = path.ok_or_else(|| expected("path, as in \"realms.shop\""))?;
    config::effective(settings, &steps(&path)).map(from_json).ok_or_else(|| not_found(&steps(&path)))
}

/// A realm of the configuration, by its name or its URI.
fn realm_of<'a>(settings: &'a Settings, name: &str) -> Result<&'a RealmSettings, AdminRefusal> {
    let is_it = |realm: &&RealmSettings| realm.name == name || realm.uri.as_str() == name;
    settings.realms.iter().find(is_it).ok_or_else(|| not_found(&["realms", name]))
}

fn explain(settings: &Settings, asked: Explain) -> Result<Value, AdminRefusal> {
    let action = match asked.action.as_str() {
        "call" => Action::Call,
        "register" => Action::Register,
        "publish" => Action::Publish,
        "subscribe" => Action::Subscribe,
        _ => return Err(expected("action: call, register, publish or subscribe")),
    };
    let policy = MatchPolicy::from_wire(&asked.match_policy);
    let match_policy = policy.ok_or_else(|| expected("match: exact, prefix or wildcard"))?;
    if matches!(action, Action::Call | Action::Publish) && match_policy != MatchPolicy::Exact {
        return Err(expected("match only for register and subscribe"));
    }
    let realm = realm_of(settings, &asked.realm)?;
    let (role, authid) = match asked.who {
        Who::Role(role) => (role, None),
        Who::User(authid) => (users::role_of(settings, &realm.name, &authid)?, Some(authid)),
        Who::UserAs(authid, role) => (role, Some(authid)),
    };
    let subject = Subject::new(realm, &role, authid.as_deref());
    let subject = subject.ok_or_else(|| not_found(&["realms", &realm.name, "roles", &role]))?;
    let (disclose, force, retain) = (asked.disclose, asked.force, asked.retain);
    let request = Request { action, uri: Uri::from(asked.uri), match_policy, disclose, force, retain };
    Ok(from_json(explained::object(&subject, &request, &subject.rules.explain(&request))))
}

fn changes(differences: &[Difference]) -> Json {
    let told = differences.iter().take(TOLD_MAX);
    told.map(|change| json!({ "key": change.path, "change": change.text, "when": change.when.name() })).collect()
}

fn event(question: &Question, target: &str, told: &Json) -> Json {
    json!({
        "operation": question.procedure,
        "on": target,
        "authid": &*question.authid,
        "authrole": &*question.authrole,
        "session": question.session.get(),
        "changes": told.get("changes"),
    })
}

fn not_reloaded(error: NotReloaded) -> AdminRefusal {
    match error {
        NotReloaded::Stopping => refusal(ErrorUri::SYSTEM_SHUTDOWN, "the router is stopping"),
        NotReloaded::Failed(text) => refusal(ErrorUri::STORAGE, text),
        NotReloaded::Refused(errors) => invalid(&errors),
    }
}

fn invalid(errors: &ConfigErrors) -> AdminRefusal {
    let first = errors.problems.iter().find(|problem| problem.severity == config::Severity::Error);
    let first =
        first.map_or_else(String::new, |problem| format!("{} {}: {}", problem.code(), problem.path, problem.message));
    let problems = errors.problems.iter().take(TOLD_MAX).map(|problem| from_json(problem.json())).collect();
    AdminRefusal {
        error: ErrorUri::INVALID_CONFIGURATION,
        text: match errors.count() {
            1 => format!("nothing was changed: {first}"),
            count => format!("nothing was changed; {count} errors, the first: {first}"),
        },
        details: vec![("problems".to_owned(), Value::List(problems))],
    }
}
