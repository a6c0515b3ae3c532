//! `[rest.routes]`: methods and paths of the operator's own, each mapped to a procedure or topic. What a path or a value may look
//! like is said here, whoever reads it. Pure.

use crate::wamp::Uri;
use std::fmt;
use std::sync::Arc;

/// One route.
#[derive(Clone, PartialEq, Debug)]
pub struct MappedRoute {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// The method.
    pub method: RouteMethod,
    /// The paths.
    pub path: PathTemplate,
    /// The name of the realm.
    pub realm: String,
    /// What is asked of it.
    pub does: Does,
    /// Positional arguments.
    pub args: Vec<MappedValue>,
    /// Keyword arguments.
    pub kwargs: Vec<(String, MappedValue)>,
    /// What the body of an answer is made of.
    pub response: ResponseShape,
    /// The status of an answer.
    pub status: u16,
}

impl MappedRoute {
    /// Whether anything of a request's body is used.
    pub fn uses_body(&self) -> bool {
        let values = self.args.iter().chain(self.kwargs.iter().map(|(_, value)| value));
        values.flat_map(MappedValue::placeholders).any(|placeholder| matches!(placeholder, Placeholder::Body(_)))
    }
}

/// The methods that a route may have. HEAD is answered where GET is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum RouteMethod {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl RouteMethod {
    /// As it stands in a request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a route does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Does {
    /// Calls this procedure.
    Call(Uri),
    /// Publishes to this topic.
    Publish(Uri),
}

/// What the body of an answer is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ResponseShape {
    /// The first positional result; null if there is none.
    #[default]
    First,
    /// The positional results.
    Args,
    /// An object of both, `args` and `kwargs`.
    Full,
}

/// A path with open segments, such as `/shop/orders/{id}`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PathTemplate(pub Vec<Segment>);

/// One segment of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Segment {
    /// This text, decoded.
    Literal(String),
    /// Any text but none, by this name.
    Open(String),
}

/// Why a text is no path or value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateFault {
    /// No path at all.
    #[error("expected a path such as \"/shop/orders/{{id}}\", of visible ASCII without ? and #")]
    NotAPath,
    /// Percent signs that are none, or an empty segment, or one that climbs.
    #[error("expected segments that are neither empty nor . or .., percent-encoded as UTF-8")]
    Segment,
    /// A brace within a segment, or a bad name.
    #[error("expected a whole segment such as {{id}}, with a name of letters, digits and _")]
    Open,
    /// A name that stands twice.
    #[error("expected each name once")]
    Twice,
    /// A brace that is not closed, or not opened.
    #[error("expected placeholders such as {{path.id}}, and {{{{ or }}}} for a brace")]
    Brace,
    /// Something that is no placeholder.
    #[error("expected {{path.NAME}}, {{query.NAME}}, {{header.NAME}}, {{body}}, {{body.A.B}}, {{identity.authid}} or {{identity.authrole}}")]
    Placeholder,
    /// A header that proves who asks.
    #[error("expected no header that holds a credential: who asks is {{identity.authid}}")]
    Credential,
}

impl PathTemplate {
    /// Reads one.
    ///
    /// # Errors
    /// [`TemplateFault`].
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let visible = text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#'));
        let rest = text.strip_prefix('/').filter(|_| visible).ok_or(TemplateFault::NotAPath)?;
        let last = rest.split('/').count() - 1;
        let mut segments: Vec<Segment> = Vec::new();
        for (number, part) in rest.split('/').enumerate() {
            let segment = match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) if is_name(name) => Segment::Open(name.to_owned()),
                Some(_) => return Err(TemplateFault::Open),
                None if part.contains(['{', '}']) => return Err(TemplateFault::Open),
                // An empty one at the end is a trailing slash.
                None if (part.is_empty() && number != last) || part == "." || part == ".." => {
                    return Err(TemplateFault::Segment);
                }
                None => Segment::Literal(decoded(part).ok_or(TemplateFault::Segment)?),
            };
            if matches!(&segment, Segment::Open(_)) && segments.contains(&segment) {
                return Err(TemplateFault::Twice);
            }
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// The names of the open segments.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Open(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// What the path's open segments are, if it is one of these paths. `segments` are decoded.
    pub fn matches<'a>(&'a self, segments: &'a [String]) -> Option<Vec<(&'a str, &'a str)>> {
        if segments.len() != self.0.len() {
            return None;
        }
        let mut found = Vec::new();
        for (ours, theirs) in self.0.iter().zip(segments) {
            match ours {
                Segment::Literal(text) if text == theirs => {}
                Segment::Open(name) if !theirs.is_empty() => found.push((name.as_str(), theirs.as_str())),
                Segment::Literal(_) | Segment::Open(_) => return None,
            }
        }
        Some(found)
    }

    /// The same for two templates exactly if one request can be of both with equal right: `None` for an open segment, whatever its
    /// name.
    pub fn shape(&self) -> Vec<Option<String>> {
        let text = |segment: &Segment| match segment {
            Segment::Literal(text) => Some(text.clone()),
            Segment::Open(_) => None,
        };
        self.0.iter().map(text).collect()
    }

    /// Orders the templates that one path is of: a literal comes before an open segment, from left to right.
    pub fn rank(&self) -> Vec<bool> {
        self.0.iter().map(|segment| matches!(segment, Segment::Open(_))).collect()
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Literal(text) => write!(f, "/{}", crate::http::problem::in_path(text))?,
                Segment::Open(name) => write!(f, "/{{{name}}}")?,
            }
        }
        Ok(())
    }
}

/// A path's segment without its percent signs; `None`: it is not UTF-8.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    crate::http::route::decoded(segment).ok()
}

/// What an argument is made of.
#[derive(Clone, PartialEq, Debug)]
pub enum MappedValue {
    /// Always this, in JSON.
    Constant(serde_json::Value),
    /// One placeholder alone: its value keeps its type.
    One(Placeholder),
    /// Texts and placeholders in a row: a text.
    Text(Vec<Piece>),
}

/// A part of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// These characters.
    Text(String),
    /// Whatever this is.
    Placeholder(Placeholder),
}

/// Something of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placeholder {
    /// An open segment of the path.
    Path(String),
    /// A parameter of the query.
    Query(String),
    /// A header, in lower case.
    Header(String),
    /// The body, or what is in it by these names, one within the other.
    Body(Vec<String>),
    /// Who asks.
    Authid,
    /// With which role.
    Authrole,
}

/// Headers that prove who asks.
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "cookie", "x-api-key"];

impl Placeholder {
    fn parse(text: &str) -> Result<Self, TemplateFault> {
        let fault = Err(TemplateFault::Placeholder);
        match text.split_once('.') {
            None if text == "body" => Ok(Self::Body(Vec::new())),
            Some(("identity", "authid")) => Ok(Self::Authid),
            Some(("identity", "authrole")) => Ok(Self::Authrole),
            Some(("path", name)) if is_name(name) => Ok(Self::Path(name.to_owned())),
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            Some(("header", name))
                if !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c)) =>
            {
                let name = name.to_ascii_lowercase();
                if CREDENTIALS.contains(&name.as_str()) {
                    return Err(TemplateFault::Credential);
                }
                Ok(Self::Header(name))
            }
            Some(("body", path)) if path.split('.').all(|name| !name.is_empty()) => {
                Ok(Self::Body(path.split('.').map(str::to_owned).collect()))
            }
            None | Some(_) => fault,
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) => write!(f, "{{path.{name}}}"),
            Self::Query(name) => write!(f, "{{query.{name}}}"),
            Self::Header(name) => write!(f, "{{header.{name}}}"),
            Self::Body(path) if path.is_empty() => f.write_str("{body}"),
            Self::Body(path) => write!(f, "{{body.{}}}", path.join(".")),
            Self::Authid => f.write_str("{identity.authid}"),
            Self::Authrole => f.write_str("{identity.authrole}"),
        }
    }
}

impl MappedValue {
    /// Reads a text.
    ///
    /// # Errors
    /// [`TemplateFault`].
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.extend(from.chars().next());
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').ok_or(TemplateFault::Brace)?;
            let (name, after) = inner.split_once('}').ok_or(TemplateFault::Brace)?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Placeholder(Placeholder::parse(name)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(match pieces.as_slice() {
            [] => Self::Constant("".into()),
            [Piece::Text(text)] => Self::Constant(text.as_str().into()),
            [Piece::Placeholder(one)] => Self::One(one.clone()),
            _ => Self::Text(pieces),
        })
    }

    /// What it needs of a request.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        let (one, pieces) = match self {
            Self::Constant(_) => (None, &[][..]),
            Self::One(placeholder) => (Some(placeholder), &[][..]),
            Self::Text(pieces) => (None, &pieces[..]),
        };
        one.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(placeholder),
            Piece::Text(_) => None,
        }))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<String, TemplateFault> {
        PathTemplate::parse(text).map(|path| path.to_string())
    }

    /// Section 13.
    #[test]
    fn a_path_has_whole_segments_that_are_open_each_by_a_name_of_its_own() {
        for good in ["/", "/a", "/a/", "/shop/orders/{id}", "/{a}/{b_2}/c%20d"] {
            assert_eq!(path(good).as_deref(), Ok(good));
        }
        for (bad, fault) in [
            ("", TemplateFault::NotAPath),
            ("a/b", TemplateFault::NotAPath),
            ("/a?b", TemplateFault::NotAPath),
            ("/a b", TemplateFault::NotAPath),
            ("//a", TemplateFault::Segment),
            ("/a/../b", TemplateFault::Segment),
            ("/%ff", TemplateFault::Segment),
            ("/a{b}", TemplateFault::Open),
            ("/{}", TemplateFault::Open),
            ("/{a.b}", TemplateFault::Open),
            ("/{a", TemplateFault::Open),
            ("/{a}/{a}", TemplateFault::Twice),
        ] {
            assert_eq!(path(bad), Err(fault), "{bad}");
        }
    }

    /// Section 13: a value that is one placeholder is that; inside other text it becomes text.
    #[test]
    fn a_value_is_a_constant_a_placeholder_or_a_text_of_both() {
        let parse = |text: &str| MappedValue::parse(text);
        let body = |path: &[&str]| Placeholder::Body(path.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(parse("{body}"), Ok(MappedValue::One(body(&[]))));
        assert_eq!(parse("{body.a.b}"), Ok(MappedValue::One(body(&["a", "b"]))));
        assert_eq!(parse("{header.X-Trace}"), Ok(MappedValue::One(Placeholder::Header("x-trace".to_owned()))));
        assert_eq!(parse("a {{b}} c"), Ok(MappedValue::Constant("a {b} c".into())));
        assert_eq!(parse(""), Ok(MappedValue::Constant("".into())));
        let Ok(MappedValue::Text(pieces)) = parse("n-{path.id}{identity.authid}") else { panic!("no text") };
        assert_eq!(pieces.len(), 3);
        for (bad, fault) in [
            ("{", TemplateFault::Brace),
            ("a}", TemplateFault::Brace),
            ("{path.}", TemplateFault::Placeholder),
            ("{paths.id}", TemplateFault::Placeholder),
            ("{body.}", TemplateFault::Placeholder),
            ("{identity.realm}", TemplateFault::Placeholder),
            ("{header.Authorization}", TemplateFault::Credential),
            ("{header.cookie}", TemplateFault::Credential),
        ] {
            assert_eq!(parse(bad), Err(fault), "{bad}");
        }
    }
}
