//! The specification's messages in every serialization.

use crate::data::{from_hex, list, read, text, to_hex, vectors, write};
use wharf::wamp::Serialization;

/// R17 to R19, D30: all 35 samples, each in all its encodings.
#[test]
fn every_sample_of_the_specification_is_read_and_written() {
    let file = vectors!("messages_clean.json");
    let mut seen = [0; 3];
    for sample in list(&file, "messages") {
        let name = format!("{} {}", text(sample, "file"), sample["sample"]);
        for serialization in Serialization::ALL {
            let variants: Vec<&str> = sample["encodings_hex"][serialization.name()]
                .as_array()
                .unwrap_or_else(|| panic!("{name}: {}", serialization.name()))
                .iter()
                .map(|hex| hex.as_str().unwrap())
                .collect();
            let case = format!("{name} in {}", serialization.name());
            match text(sample, "wharf") {
                "roundtrip" => {
                    seen[0] += 1;
                    round_trip(&case, serialization, &variants);
                }
                "decode" => {
                    seen[1] += 1;
                    for hex in variants {
                        read(serialization, from_hex(hex)).unwrap_or_else(|error| panic!("{case}: {error}"));
                    }
                }
                "reject" => {
                    seen[2] += 1;
                    for hex in variants {
                        assert!(read(serialization, from_hex(hex)).is_err(), "{case}");
                    }
                }
                other => panic!("{case}: {other}"),
            }
        }
    }
    assert_eq!(seen, [28 * 3, 2 * 3, 5 * 3]);
}

fn round_trip(case: &str, serialization: Serialization, variants: &[&str]) {
    let message = read(serialization, from_hex(variants[0])).unwrap_or_else(|error| panic!("{case}: {error}"));
    let (written, _) = write(&message, serialization).unwrap();
    assert_eq!(read(serialization, written.clone()).unwrap().kind(), message.kind(), "{case}");
    assert!(variants.contains(&to_hex(&written).as_str()), "{case}: wrote {}", to_hex(&written));
    for other in variants {
        // Variants differ in white space only, also inside the payload, so they are compared as written in another form.
        let other = read(serialization, from_hex(other)).unwrap();
        for towards in Serialization::ALL.into_iter().filter(|towards| *towards != serialization) {
            assert_eq!(write(&other, towards), write(&message, towards), "{case}");
        }
    }
}
