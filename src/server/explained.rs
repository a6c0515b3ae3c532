//! Why a role, or a user with what is granted to it, may do something or not, in words: one text for the command line and for `wharf.admin.authz.explain`.

use crate::actors::settings::RealmSettings;
use crate::authz::{Considered, Reason, Relation, Rule, United};
use crate::config::Settings;
use crate::session::{Answer, Question, Rules};
use crate::wamp::MatchPolicy;
use serde_json::{json, Value};

/// The role that a user of the configuration has, whatever it logs in with.
///
/// # Errors
/// For people: there is no such user, or it has several roles.
pub(crate) fn role_of(settings: &Settings, realm: &str, authid: &str) -> Result<String, String> {
    super::admin::role_of(settings, realm, authid).map_err(|refusal| refusal.text)
}

/// Groups of a way that are told.
const WAY_MAX: usize = 20;

/// Whose permissions are told.
pub(crate) struct Subject<'a> {
    realm: &'a RealmSettings,
    /// The role that it has.
    pub(crate) role: &'a str,
    /// The user, where one is meant.
    authid: Option<&'a str>,
    /// What it lives by.
    pub(crate) rules: Rules,
    united: United,
}

impl<'a> Subject<'a> {
    /// Those of a role, or of a user that has it; `None`: there is no such role.
    pub(crate) fn new(realm: &'a RealmSettings, role: &'a str, authid: Option<&'a str>) -> Option<Self> {
        let granted = authid.map(|authid| realm.granted(authid)).unwrap_or_default();
        let (rules, united) = realm.rules_with(role, &granted)?;
        Some(Self { realm, role, authid, rules, united })
    }

    /// The name for people.
    pub(crate) fn name(&self) -> String {
        match self.authid {
            Some(authid) => format!("{authid} ({})", self.role),
            None => self.role.to_owned(),
        }
    }

    /// By which grant a rule came, and how the user came to that.
    fn way(&self, rule: &Rule) -> Option<(&str, String)> {
        let (grant, authid) = (self.united.grant_of(rule)?, self.authid?);
        let found = self.realm.grants.iter().find(|found| found.name == grant)?;
        if found.users.iter().any(|user| user == authid) {
            return Some((grant, format!("to {authid}")));
        }
        let memberships = self.realm.groups.of(authid);
        // Of several ways the shortest.
        let ways = found.groups.iter().filter(|group| memberships.contains(group));
        let (group, through) = ways.map(|group| (group, memberships.way_to(group))).min_by_key(|(_, way)| way.len())?;
        let names = through.iter().take(WAY_MAX).copied().collect::<Vec<_>>().join(", ");
        let through = match through.len() {
            0 => String::new(),
            count if count > WAY_MAX => format!(" through {names} and {} more", count - WAY_MAX),
            _ => format!(" through {names}"),
        };
        Some((grant, format!("to group {group}, in which {authid} is{through}")))
    }

    /// What decided, in one sentence.
    pub(crate) fn because(&self, answer: &Answer<'_>) -> String {
        because(answer, |rule, word| match self.way(rule) {
            Some((grant, way)) => format!("{}, {word} by grants.{} {way}", shown(rule), written(grant)),
            None => shown(rule),
        })
    }

    /// A rule that was looked at, with its place and its grant.
    pub(crate) fn considered(&self, considered: &Considered<'_>) -> String {
        let list = if considered.denies { "deny" } else { "allow" };
        let of = self.united.grant_of(considered.rule);
        let of = of.map_or_else(String::new, |grant| format!(" of grants.{}", written(grant)));
        format!("{list} {}{of}: {}", shown(considered.rule), considered.relation.text())
    }
}

/// A name as it stands in a path.
fn written(name: &str) -> String {
    crate::config::managed::written_path(&[name])
}

/// `shown` is asked for a rule, and how what it came by is to be named.
fn because(answer: &Answer<'_>, shown: impl Fn(&Rule, &str) -> String) -> String {
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
        Reason::Allowed(_) if answer.refused_option == Some("retain") => {
            "the role has allow_retain = false, and retain is asked for".to_owned()
        }
        Reason::Allowed(_) if answer.refused_option.is_some() => {
            "the role lacks allow_disclose_caller, and disclose_caller is asked for".to_owned()
        }
        Reason::Allowed(rule) => format!("allowed by {}", shown(rule, "granted")),
        Reason::Denied(rule) => format!("denied by {}", shown(rule, "given")),
        Reason::NothingAllows => "no rule allows it".to_owned(),
        Reason::MatchesAll => "it matches everything, and the role lacks allow_match_all".to_owned(),
        Reason::PatternRegister => "it registers a pattern, and the role lacks allow_pattern_register".to_owned(),
    }
}

/// A rule with its place.
fn shown(rule: &Rule) -> String {
    match (rule.pattern.policy(), rule.pattern.text()) {
        (MatchPolicy::Prefix, "") => format!("\"*\" ({})", rule.source),
        (policy, text) => format!("{} \"{text}\" ({})", policy.as_str(), rule.source),
    }
}

/// All of it, for programs.
pub(crate) fn object(subject: &Subject<'_>, question: &Question, answer: &Answer<'_>) -> Value {
    let rule = |rule: &Rule| {
        let way = subject.way(rule);
        json!({
            "uri": rule.pattern.text(),
            "match": rule.pattern.policy().as_str(),
            "source": &*rule.source,
            "grant": way.as_ref().map(|(grant, _)| *grant),
            "granted": way.as_ref().map(|(_, way)| way.as_str()),
        })
    };
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
        "realm": subject.realm.name,
        "role": subject.role,
        "authid": subject.authid,
        "action": question.action.name(),
        "uri": question.uri.as_str(),
        "match": question.match_policy.as_str(),
        "because": subject.because(answer),
        "rule": decided,
        "disclose": answer.permission.disclose,
        "refused_option": answer.refused_option,
        "ignored_option": answer.ignored_option,
        "considered": considered,
    })
}
