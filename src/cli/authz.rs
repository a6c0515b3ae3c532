//! `wharf authz explain`: may this role do that, and which line of the configuration says so?

use super::output::{note, result};
use super::serve::SourceArguments;
use super::Exit;
use crate::actors::settings::RealmSettings;
use crate::authz::{Action, Relation};
use crate::config::{self, Settings};
use crate::server::explained::{object, role_of, Subject};
use crate::session::{Answer, Question};
use crate::wamp::{Dict, MatchPolicy, Uri, Value};
use clap::{Subcommand, ValueEnum};
use std::fmt::Write;

#[derive(Subcommand, Debug)]
pub(super) enum AuthzCommand {
    /// Says whether a role may do something, and which rule decides. Ends with 0 if it may, with 5 if not.
    Explain(ExplainArguments),
}

/// `wharf authz explain`.
#[derive(clap::Args, Debug)]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    sources: SourceArguments,
    /// The realm, by its name in the configuration or its URI; not needed where there is only one.
    #[arg(long)]
    realm: Option<String>,
    /// The role.
    #[arg(long, required_unless_present = "authid")]
    role: Option<String>,
    /// A user, for its role and what is granted to it. One that the configuration does not list needs --role too.
    #[arg(long)]
    authid: Option<String>,
    /// What would be done.
    #[arg(long, value_enum)]
    action: AskedAction,
    /// To which URI or pattern.
    #[arg(long)]
    uri: String,
    /// How it is compared: for register and subscribe.
    #[arg(long = "match", value_enum, default_value = "exact")]
    match_policy: AskedMatch,
    /// With the option disclose_me; for register with disclose_caller.
    #[arg(long)]
    disclose: bool,
    /// With the option force_reregister.
    #[arg(long)]
    force: bool,
    /// With the option retain.
    #[arg(long)]
    retain: bool,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    format: super::config::Format,
    /// Asks a running node in place of the configuration: by its admin realm, with the connection of WHARF_CONTEXT and the
    /// other variables.
    #[arg(long, requires = "realm", conflicts_with_all = ["config", "sets", "strict"])]
    running: bool,
}

/// The actions, as they are typed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum AskedAction {
    Call,
    Register,
    Publish,
    Subscribe,
}

/// The match policies, as they are typed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum AskedMatch {
    Exact,
    Prefix,
    Wildcard,
}

/// Does one of the subcommands.
pub(super) fn authz(command: AuthzCommand) -> Exit {
    match command {
        AuthzCommand::Explain(arguments) if arguments.running => explain_running(&arguments),
        AuthzCommand::Explain(arguments) => explain(arguments),
    }
}

impl From<AskedAction> for Action {
    fn from(action: AskedAction) -> Self {
        match action {
            AskedAction::Call => Self::Call,
            AskedAction::Register => Self::Register,
            AskedAction::Publish => Self::Publish,
            AskedAction::Subscribe => Self::Subscribe,
        }
    }
}

impl From<AskedMatch> for MatchPolicy {
    fn from(policy: AskedMatch) -> Self {
        match policy {
            AskedMatch::Exact => Self::Exact,
            AskedMatch::Prefix => Self::Prefix,
            AskedMatch::Wildcard => Self::Wildcard,
        }
    }
}

/// The same question to a running node.
fn explain_running(arguments: &ExplainArguments) -> Exit {
    let text = |key: &str, text: &Option<String>| text.as_deref().map(|text| (key.to_owned(), Value::from(text)));
    let mut asked: Dict =
        [text("realm", &arguments.realm), text("role", &arguments.role), text("authid", &arguments.authid)]
            .into_iter()
            .flatten()
            .collect();
    asked.extend([
        ("action".to_owned(), Action::from(arguments.action).name().into()),
        ("uri".to_owned(), arguments.uri.as_str().into()),
        ("match".to_owned(), MatchPolicy::from(arguments.match_policy).as_str().into()),
        ("disclose".to_owned(), arguments.disclose.into()),
        ("force".to_owned(), arguments.force.into()),
        ("retain".to_owned(), arguments.retain.into()),
    ]);
    super::admin::explain(asked, arguments.format)
}

fn explain(arguments: ExplainArguments) -> Exit {
    let ExplainArguments {
        sources,
        realm,
        role,
        authid,
        action,
        uri,
        match_policy,
        disclose,
        force,
        retain,
        format,
        running: _,
    } = arguments;
    let (action, match_policy) = (Action::from(action), MatchPolicy::from(match_policy));
    if matches!(action, Action::Call | Action::Publish) && match_policy != MatchPolicy::Exact {
        return wrong(&format!("{} takes a URI: --match is for register and subscribe", action.name()));
    }
    let settings = match config::load(&sources.options()) {
        Ok(settings) => settings,
        Err(errors) => {
            note(&errors.to_string());
            return Exit::Usage;
        }
    };
    let realm = match realm_of(&settings, realm.as_deref()) {
        Ok(realm) => realm,
        Err(text) => return wrong(&text),
    };
    let role = match role_in(&settings, realm, role, authid.as_deref()) {
        Ok(role) => role,
        Err(text) => return wrong(&text),
    };
    let Some(subject) = Subject::new(realm, &role, authid.as_deref()) else {
        let known = realm.roles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return wrong(&format!("the realm {} has no role `{role}`; it has: {known}", realm.name));
    };
    let question = Question { action, uri: Uri::from(uri), match_policy, disclose, force, retain };
    let answer = subject.rules.explain(&question);
    let written = match format {
        super::config::Format::Text => text(realm, &subject, &question, &answer),
        super::config::Format::Json => format!("{:#}\n", object(&subject, &question, &answer)),
    };
    let exit = result(&written);
    if exit != Exit::Fault && !answer.allowed {
        Exit::NotAuthorized
    } else {
        exit
    }
}

fn wrong(text: &str) -> Exit {
    note(&format!("error: {text}"));
    Exit::Usage
}

fn role_in(
    settings: &Settings,
    realm: &RealmSettings,
    role: Option<String>,
    authid: Option<&str>,
) -> Result<String, String> {
    match (role, authid) {
        (Some(role), _) => Ok(role),
        (None, authid) => role_of(settings, &realm.name, authid.unwrap_or_default()),
    }
}

fn realm_of<'a>(settings: &'a Settings, name: Option<&str>) -> Result<&'a RealmSettings, String> {
    let known = || settings.realms.iter().map(|realm| realm.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, settings.realms.as_slice()) {
        (Some(name), realms) => realms
            .iter()
            .find(|realm| realm.name == name || realm.uri.as_str() == name)
            .ok_or_else(|| format!("there is no realm `{name}`; there are: {}", known())),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("which realm? --realm takes one of: {}", known())),
    }
}

fn text(realm: &RealmSettings, subject: &Subject<'_>, question: &Question, answer: &Answer<'_>) -> String {
    let mut text = String::new();
    let verdict = match (answer.allowed, answer.asks) {
        (true, _) => "yes",
        (false, Some(_)) => "asked",
        (false, None) => "no",
    };
    let (action, uri) = (question.action.name(), question.uri.as_str());
    let policy = match question.match_policy {
        MatchPolicy::Exact => "",
        MatchPolicy::Prefix => " as a prefix",
        MatchPolicy::Wildcard => " as a wildcard",
    };
    // Writing to a String cannot fail.
    let (who, because) = (subject.name(), subject.because(answer));
    let _ = writeln!(text, "{verdict}: {who} in {}: {action} \"{uri}\"{policy}: {because}", realm.name);
    if answer.permission.disclose {
        let _ = writeln!(text, "  whoever does it is named, whatever is asked for");
    }
    if let Some(option) = answer.ignored_option {
        let _ = writeln!(text, "  {option} is ignored: the role lacks allow_{option}");
    }
    for considered in &answer.permission.considered {
        if considered.relation != Relation::OtherAction {
            let _ = writeln!(text, "  {}", subject.considered(considered));
        }
    }
    text
}
