//! JSON as Crossbar writes it: answers without white space, errors with a space behind each colon and comma and without any
//! character beyond ASCII. Values stay as they were written. Pure.

/// How a text is to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// No white space.
    Compact,
    /// A space behind `:` and `,`, and escapes in place of what is not ASCII.
    Spaced,
}

/// Writes well-formed JSON in another style.
pub(super) fn styled(json: &[u8], style: Style) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 16);
    let (mut in_text, mut is_escaped) = (false, false);
    // Whoever calls has checked it; what is no UTF-8 is no JSON.
    for c in String::from_utf8_lossy(json).chars() {
        if in_text {
            put(&mut out, c, style);
            in_text = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            ':' | ',' => {
                put(&mut out, c, style);
                if style == Style::Spaced {
                    out.push(b' ');
                }
            }
            _ => {
                in_text = c == '"';
                put(&mut out, c, style);
            }
        }
    }
    out
}

fn put(out: &mut Vec<u8>, c: char, style: Style) {
    if c.is_ascii() || style == Style::Compact {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        return;
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn text(json: &str, style: Style) -> String {
        String::from_utf8(styled(json.as_bytes(), style)).unwrap()
    }

    #[test]
    fn errors_have_a_space_behind_colons_and_commas_and_nothing_beyond_ascii() {
        let json = "{\"a\" :[1,2.50 ,\"x: y, \\\" z\"],\n\"ü\":\"\u{1F600}\"}";
        let spaced = r#"{"a": [1, 2.50, "x: y, \" z"], "\u00fc": "\ud83d\ude00"}"#;
        assert_eq!(text(json, Style::Spaced), spaced);
        assert_eq!(text(json, Style::Compact), "{\"a\":[1,2.50,\"x: y, \\\" z\"],\"ü\":\"\u{1F600}\"}");
    }

    proptest! {
        #[test]
        fn whatever_the_style_the_value_is_the_same(keys in prop::collection::btree_map(".{0,8}", ".{0,12}", 0..5), number: i32) {
            let value = serde_json::json!([keys, number, [], {}, null]);
            let written = serde_json::to_string_pretty(&value).unwrap();
            for style in [Style::Compact, Style::Spaced] {
                let read: Value = serde_json::from_str(&text(&written, style)).unwrap();
                prop_assert_eq!(&read, &value);
            }
            prop_assert!(text(&written, Style::Spaced).is_ascii());
        }
    }
}
