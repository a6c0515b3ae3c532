//! URIs against the six rules.

use crate::data::{list, text, vectors};
use wharf::wamp::uri::{check, UriRules};
use wharf::wamp::MatchPolicy;

/// R27, R28.
#[test]
fn every_uri_sample_is_lawful_where_the_rules_say_so() {
    let file = vectors!("uri_checks.json");
    for case in list(&file, "cases") {
        for (rules, strictness) in [(UriRules::Loose, "loose"), (UriRules::Strict, "strict")] {
            for policy in MatchPolicy::ALL {
                let lawful = check(text(case, "uri"), rules, *policy).is_ok();
                assert_eq!(case[format!("{strictness}_{}", policy.as_str())], lawful, "{case} {strictness} {policy:?}");
            }
        }
    }
}
