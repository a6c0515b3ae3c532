//! Options with one right or wrong value each.

use crate::data::{list, read_json, vectors};

/// R19, D15, D30; EVENT as a client reads it.
#[test]
fn every_option_sample_of_the_specification_is_accepted_or_refused() {
    let file = vectors!("options_validation_clean.json");
    let mut seen = [0; 3];
    for sample in list(&file, "samples") {
        let result = read_json(&sample["wmsg"].to_string());
        let case = &sample["wmsg"];
        let refused = match sample["wharf"].as_str().unwrap() {
            "accept" => {
                seen[0] += 1;
                false
            }
            "reject" => {
                seen[1] += 1;
                true
            }
            "not_received" if sample["in_spec_text"] == true => {
                seen[2] += 1;
                sample["reject"] == true
            }
            _ => continue,
        };
        match (result, refused) {
            (Ok(_), false) => {}
            (Err(error), true) => {
                // What is refused as a bare payload (D30) names that and not the option.
                let named = sample["error_mentions"].as_str().filter(|_| sample["in_spec_text"] == true);
                assert!(error.to_string().contains(named.unwrap_or_default()), "{case}: {error}");
            }
            (result, _) => panic!("{case}: {result:?}"),
        }
    }
    assert_eq!(seen, [28, 18, 11]);
}
