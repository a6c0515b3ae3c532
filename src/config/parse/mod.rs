//! Text to tree, one file per format. Each gives places as octets of the text.

mod json;
mod toml;
#[cfg(feature = "yaml")]
mod yaml;

use super::tree::{Node, Place};
use std::path::Path;

pub(super) use self::toml::parse as toml;

/// The formats of a configuration file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Toml,
    Json,
    Yaml,
}

impl Format {
    /// By the file's extension; what is neither JSON nor YAML is TOML.
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some(_) | None => Self::Toml,
        }
    }

    /// The name for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        }
    }

    /// Reads `text`, which is source number `source`.
    pub(super) fn parse(self, text: &str, source: u32) -> Result<Node, SyntaxError> {
        match self {
            Self::Toml => toml(text, source),
            Self::Json => json::parse(text, source),
            #[cfg(feature = "yaml")]
            Self::Yaml => yaml::parse(text, source),
            #[cfg(not(feature = "yaml"))]
            Self::Yaml => Err(SyntaxError {
                place: Place::new(source, 0, 0),
                message: "this program was built without YAML".to_owned(),
                hint: "write the file as TOML or JSON".to_owned(),
            }),
        }
    }
}

/// The first thing that is not of the format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SyntaxError {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) hint: String,
}

/// The octet at which line `line`, column `column` (from 1, in characters) begins.
fn octet_at(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
}
