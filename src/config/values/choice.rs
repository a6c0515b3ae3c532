//! Values that are one of a few words.

use crate::config::error::{either, nearest, Code};
use crate::config::read::Reader;
use crate::config::tree::Node;

/// Reads one of the `known` words.
pub(in crate::config) fn read_word<T: Copy>(
    node: &Node,
    reader: &mut Reader,
    known: &[(&'static str, T)],
) -> Option<T> {
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let text = reader.text(node, &either(&words))?;
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let mut hint = format!("expected {}", either(&words));
    if let Some(meant) = nearest(text, words.iter().copied()) {
        hint.push_str(&format!("; did you mean \"{meant}\"?"));
    }
    let name = reader.key_name().to_owned();
    reader.error(Code::UnknownValue, node.place, format!("unknown value \"{text}\" for `{name}`"), hint);
    None
}

/// Makes an enum of some room a kind of value: `choice!(Disclose { "never" => Disclose::Never, .. })`.
macro_rules! choice {
    ($type:ty { $($word:literal => $value:path,)+ }) => {
        impl $crate::config::read::Key for $type {
            fn read(node: &$crate::config::tree::Node, reader: &mut $crate::config::read::Reader) -> Option<Self> {
                $crate::config::values::read_word(node, reader, &[$(($word, $value)),+])
            }

            fn written(&self) -> $crate::config::read::Written {
                let word = match self { $($value => $word,)+ };
                $crate::config::read::Written::Inline(word.into())
            }

            fn schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($word),+] })
            }
        }
    };
}

pub(in crate::config) use choice;
