//! Why a role may do something or not, in words: one text for the command line and for `wharf.admin.authz.explain`.

use crate::actors::settings::RealmSettings;
use crate::authz::{Reason, Relation, Rule};
use crate::config::Settings;
use crate::session::{Answer, Question};
use crate::wamp::MatchPolicy;
use serde_json::{json, Value};

/// The role that a user of the configuration has, whatever it logs in with.
///
/// # Errors
/// For people: there is no such user, or it has several roles.
pub(crate) fn role_of(settings: &Settings, realm: &str, authid: &str) -> Result<String, String> {
    super::admin::role_of(settings, realm, authid).map_err(|refusal| refusal.text)
}

/// What decided, in one sentence.
pub(crate) fn because(answer: &Answer<'_>) -> String {
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

/// A rule with its place.
pub(crate) fn shown(rule: &Rule) -> String {
    match (rule.pattern.policy(), rule.pattern.text()) {
        (MatchPolicy::Prefix, "") => format!("\"*\" ({})", rule.source),
        (policy, text) => format!("{} \"{text}\" ({})", policy.as_str(), rule.source),
    }
}

/// All of it, for programs.
pub(crate) fn object(realm: &RealmSettings, role: &str, question: &Question, answer: &Answer<'_>) -> Value {
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
