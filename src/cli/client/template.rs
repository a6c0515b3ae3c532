//! `--template`: a text in which `{{PATH}}` stands for what is at that path of a result, event or row; and the paths of
//! `--filter` and `--sort`. A path has only names and numbers: nothing is computed, and nothing can take long.

use super::output::{compact, visible};
use crate::wamp::Value;

/// Octets of a template.
const TEMPLATE_MAX: usize = 4 << 10;

/// Steps of a path: as deep as any value is.
const STEPS_MAX: usize = 100;

/// A place within a value: names of dicts and places of lists, as in `args.0.name`. One without steps is the whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Path(Vec<String>);

impl std::str::FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("expected names and numbers between points, as in args.0, not `{}`", text.escape_debug());
        // `.args.0` is how others write it.
        let steps = text.strip_prefix('.').unwrap_or(text);
        if steps.is_empty() && text == "." {
            return Ok(Self(Vec::new()));
        }
        let steps: Vec<String> = steps.split('.').map(str::to_owned).collect();
        if steps.len() > STEPS_MAX || steps.iter().any(|step| step.is_empty() || step.contains(char::is_whitespace)) {
            return Err(wrong());
        }
        Ok(Self(steps))
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl Path {
    /// What is there, if anything is.
    pub(in crate::cli) fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| {
            if let Value::List(items) = value {
                items.get(step.parse::<usize>().ok()?)
            } else {
                value.get(step)
            }
        })
    }
}

/// A text with holes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Hole(Path),
}

impl std::str::FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > TEMPLATE_MAX {
            return Err(format!("expected at most {TEMPLATE_MAX} octets, not {}", text.len()));
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, inside)) = rest.split_once("{{") {
            let (path, after) = inside.split_once("}}").ok_or("expected }} behind {{")?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Hole(path.trim().parse()?));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl Template {
    /// The text with what is in this value: texts as they are, octets as they are, anything else as JSON; nothing where
    /// nothing is. A line of its own. On a terminal nothing in it moves the cursor.
    pub(in crate::cli) fn filled(&self, value: &Value, eyes: bool) -> Vec<u8> {
        let mut line = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => line.extend(text.as_bytes()),
                Part::Hole(path) => match path.of(value) {
                    None => {}
                    Some(Value::Bytes(octets)) if !eyes => line.extend(octets),
                    Some(value) => {
                        let text = value.as_text().map_or_else(|| compact(value), str::to_owned);
                        line.extend(if eyes { visible(&text) } else { text }.into_bytes());
                    }
                },
            }
        }
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::json;
    use super::*;

    fn filled(template: &str, value: &str) -> String {
        String::from_utf8(template.parse::<Template>().unwrap().filled(&json(value).unwrap(), false)).unwrap()
    }

    #[test]
    fn a_hole_is_what_is_at_its_path_and_nothing_where_nothing_is() {
        let value = r#"{"args":["a b",{"c":[1,null]}],"kwargs":{"name":"Ann"}}"#;
        for (template, expected) in [
            ("{{args.0}}", "a b\n"),
            ("{{ .args.1.c.0 }} of {{kwargs.name}}!", "1 of Ann!\n"),
            ("{{args.1}}", "{\"c\":[1,null]}\n"),
            ("{{args.1.c.1}}", "null\n"),
            ("[{{args.7}}{{args.x}}{{kwargs.0}}{{args.0.0}}]", "[]\n"),
            ("{{.}}", "{\"args\":[\"a b\",{\"c\":[1,null]}],\"kwargs\":{\"name\":\"Ann\"}}\n"),
            ("no hole } { }}", "no hole } { }}\n"),
            ("", "\n"),
        ] {
            assert_eq!(filled(template, value), expected, "{template}");
        }
    }

    #[test]
    fn a_template_that_is_no_template_says_what_is_expected() {
        let told = |text: &str| text.parse::<Template>().unwrap_err();
        assert_eq!(told("{{args.0"), "expected }} behind {{");
        assert!(told("{{}}").contains("as in args.0"));
        assert!(told("{{a..b}}").contains("not `a..b`"));
        assert!(told("{{a b}}").contains("not `a b`"));
        assert!(told(&format!("{{{{{}}}}}", "a.".repeat(200))).contains("expected"));
        assert_eq!(told(&"x".repeat(5000)), "expected at most 4096 octets, not 5000");
    }

    #[test]
    fn octets_are_as_they_are_and_nothing_moves_the_cursor_of_a_terminal() {
        let template: Template = "{{.}}".parse().unwrap();
        assert_eq!(template.filled(&Value::Bytes(vec![0, 255]), false), [0, 255, b'\n']);
        assert_eq!(template.filled(&"\u{1b}[2J".into(), true), b"\\u001b[2J\n");
        assert_eq!(template.filled(&"\u{1b}[2J".into(), false), b"\x1b[2J\n");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_template_or_says_why_not(text in "\\PC{0,40}|[{}.a0]{0,20}") {
            if let Ok(template) = text.parse::<Template>() {
                template.filled(&json(r#"{"a":[{"a":0}]}"#).unwrap(), true);
            }
        }
    }
}
