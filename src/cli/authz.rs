//! `wharf authz explain`: may this role do that, and which line of the configuration says so?

use super::output::{note, result};
use super::serve::SourceArguments;
use super::Exit;
use crate::actors::settings::RealmSettings;
use crate::authz::{Action, Considered, Reason, Relation, Rule};
use crate::config::{self, Settings};
use crate::session::{Answer, Question};
use crate::wamp::{MatchPolicy, Uri};
use clap::{Subcommand, ValueEnum};
use serde_json::{json, Value};
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
    #[arg(long)]
    role: String,
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
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    format: super::config::Format,
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
        AuthzCommand::Explain(arguments) => explain(arguments),
    }
}

fn explain(arguments: ExplainArguments) -> Exit {
    let ExplainArguments { sources, realm, role, action, uri, match_policy, disclose, force, format } = arguments;
    let action = match action {
        AskedAction::Call => Action::Call,
        AskedAction::Register => Action::Register,
        AskedAction::Publish => Action::Publish,
        AskedAction::Subscribe => Action::Subscribe,
    };
    let match_policy = match match_policy {
        AskedMatch::Exact => MatchPolicy::Exact,
        AskedMatch::Prefix => MatchPolicy::Prefix,
        AskedMatch::Wildcard => MatchPolicy::Wildcard,
    };
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
    let Some(rules) = realm.rules_of(&role) else {
        let known = realm.roles.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return wrong(&format!("the realm {} has no role `{role}`; it has: {known}", realm.name));
    };
    let question = Question { action, uri: Uri::from(uri), match_policy, disclose, force };
    let answer = rules.explain(&question);
    let written = match format {
        super::config::Format::Text => text(realm, &role, &question, &answer),
        super::config::Format::Json => format!("{:#}\n", object(realm, &role, &question, &answer)),
    };
    let exit = result(&written);
    if exit == Exit::Done && !answer.allowed {
        Exit::NotAuthorized
    } else {
        exit
    }
}

fn wrong(text: &str) -> Exit {
    note(&format!("error: {text}"));
    Exit::Usage
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

/// What decided, in one sentence.
fn because(answer: &Answer<'_>) -> String {
    if let Some(fault) = answer.unlawful {
        return format!("no lawful URI here: {fault}");
    }
    if let Some(asked) = answer.asks {
        return format!("{} decides ({})", asked.procedure, asked.source);
    }
    match answer.permission.reason {
        Reason::Allowed(_) if answer.refused_option == Some("disclose_me") => {
            "the realm discloses nobody (disclose = \"never\"), and disclose_me is asked for".to_owned()
        }
        Reason::Allowed(_) if answer.refused_option.is_some() => {
            "the role lacks allow_disclose_caller, and disclose_caller is asked for".to_owned()
        }
        Reason::Allowed(rule) => format!("allowed by {}", shown(rule)),
        Reason::Denied(rule) => format!("denied by {}", shown(rule)),
        Reason::NothingAllows => "no rule allows it".to_owned(),
        Reason::MatchesAll => "it matches everything, and the role lacks allow_match_all".to_owned(),
        Reason::PatternRegister => "it registers a pattern, and the role lacks allow_pattern_register".to_owned(),
    }
}

fn shown(rule: &Rule) -> String {
    match (rule.pattern.policy(), rule.pattern.text()) {
        (MatchPolicy::Prefix, "") => format!("\"*\" ({})", rule.source),
        (policy, text) => format!("{} \"{text}\" ({})", policy.as_str(), rule.source),
    }
}

fn text(realm: &RealmSettings, role: &str, question: &Question, answer: &Answer<'_>) -> String {
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
    let _ = writeln!(text, "{verdict}: {role} in {}: {action} \"{uri}\"{policy}: {}", realm.name, because(answer));
    if answer.permission.disclose {
        let _ = writeln!(text, "  whoever does it is named, whatever is asked for");
    }
    if let Some(option) = answer.ignored_option {
        let _ = writeln!(text, "  {option} is ignored: the role lacks allow_{option}");
    }
    for Considered { rule, denies, relation } in &answer.permission.considered {
        if *relation != Relation::OtherAction {
            let list = if *denies { "deny" } else { "allow" };
            let _ = writeln!(text, "  {list} {}: {}", shown(rule), relation.text());
        }
    }
    text
}

fn object(realm: &RealmSettings, role: &str, question: &Question, answer: &Answer<'_>) -> Value {
    let rule = |rule: &Rule| json!({ "uri": rule.pattern.text(), "match": rule.pattern.policy().as_str(), "source": &*rule.source });
    let decided = match answer.permission.reason {
        Reason::Allowed(by) | Reason::Denied(by) => answer.unlawful.is_none().then(|| rule(by)),
        Reason::NothingAllows | Reason::MatchesAll | Reason::PatternRegister => None,
    };
    let considered: Vec<Value> = answer
        .permission
        .considered
        .iter()
        .map(|one| {
            let mut object = rule(one.rule);
            object["denies"] = one.denies.into();
            object["covers"] = (one.relation == Relation::Covers).into();
            object["relation"] = one.relation.text().into();
            object
        })
        .collect();
    json!({
        "allowed": answer.allowed,
        "asks": answer.asks.map(|asked| json!({ "procedure": &*asked.procedure, "source": &*asked.source })),
        "realm": realm.name,
        "role": role,
        "action": question.action.name(),
        "uri": question.uri.as_str(),
        "match": question.match_policy.as_str(),
        "because": because(answer),
        "rule": decided,
        "disclose": answer.permission.disclose,
        "refused_option": answer.refused_option,
        "ignored_option": answer.ignored_option,
        "considered": considered,
    })
}
