//! `[rest.routes]`, and that no path of `rest` is wanted by two (E032).

use super::Resolver;
use crate::config::error::{nearest, Code};
use crate::config::shape::MappedRoute as Shape;
use crate::config::tree::Place;
use crate::config::values::{NamedEntry, RouteValue};
use crate::http::settings::routes::{decoded, Does, MappedRoute, Placeholder};
use std::rc::Rc;

/// First segments of paths that belong to the program.
const OWN: &[&str] = &["api", "admin", "hooks", "console", "docs", "metrics", "livez", "readyz", "healthz"];

impl Resolver<'_> {
    /// All routes, by name.
    pub(super) fn routes(&mut self) -> Vec<MappedRoute> {
        let file = self.file;
        let routes = file.rest.routes.iter().filter_map(|(name, entry)| self.route(name, entry)).collect();
        self.check_rest_paths();
        routes
    }

    fn route(&mut self, name: &str, entry: &NamedEntry<Shape>) -> Option<MappedRoute> {
        let shape = &entry.value.value;
        let known: Vec<&str> = self.file.realms.names().collect();
        if shape.realm.is_given() {
            self.check_name("realm", &shape.realm, &known);
        }
        for item in &shape.args.0 {
            self.check_placeholders(shape, &item.value, item.place, &item.path);
        }
        for (_, value) in shape.kwargs.iter() {
            self.check_placeholders(shape, &value.value.value, value.value.place, &value.value.path);
        }
        if shape.publish.value.is_some() && shape.response.is_given() {
            let hint = "remove it: a publication is answered by {\"id\": ..}";
            self.error(Code::Exclusive, &shape.response, "`response` is for calls", hint);
        }
        let does = match (&shape.call.value, &shape.publish.value) {
            (Some(_), Some(_)) => {
                let message = "`call` and `publish` exclude each other";
                self.error(Code::Exclusive, &shape.publish, message, "keep one of them");
                return None;
            }
            (Some(call), None) => Does::Call(call.0.as_str().into()),
            (None, Some(publish)) => Does::Publish(publish.0.as_str().into()),
            (None, None) => {
                if !shape.call.broken && !shape.publish.broken {
                    let message = "neither `call` nor `publish` is there";
                    self.error_at(Code::MissingKey, entry.key, &entry.value.path, message, "expected one of them");
                }
                return None;
            }
        };
        let value = |value: &RouteValue| value.value.clone();
        Some(MappedRoute {
            name: name.into(),
            method: shape.method.value,
            path: shape.path.value.path.clone(),
            realm: shape.realm.value.clone(),
            does,
            args: shape.args.0.iter().map(|item| value(&item.value)).collect(),
            kwargs: shape.kwargs.iter().map(|(name, entry)| (name.to_owned(), value(&entry.value.value))).collect(),
            response: shape.response.value,
            status: shape.status.0,
        })
    }

    /// Notes what is taken from a segment that the path does not have.
    fn check_placeholders(&mut self, shape: &Shape, value: &RouteValue, place: Place, path: &str) {
        let named: Vec<&str> = shape.path.value.path.names().collect();
        let taken = value.value.placeholders();
        let wrong: Vec<String> = taken
            .filter_map(|placeholder| match placeholder {
                Placeholder::Path(name) if !named.contains(&name.as_str()) => Some(name.clone()),
                Placeholder::Path(_)
                | Placeholder::Query(_)
                | Placeholder::Header(_)
                | Placeholder::Body(_)
                | Placeholder::Authid
                | Placeholder::Authrole => None,
            })
            .collect();
        if shape.path.broken || !shape.path.is_given() {
            return;
        }
        for name in wrong {
            let hint = match nearest(&name, named.iter().copied()) {
                Some(meant) => format!("did you mean {{path.{meant}}}?"),
                None => format!("the path has {}", if named.is_empty() { "none".to_owned() } else { named.join(", ") }),
            };
            let message = format!("the path has no open segment {{{name}}}");
            self.error_at(Code::DanglingReference, place, path, message, hint);
        }
    }

    /// Notes paths of `rest.routes` and `rest.crossbar` that belong to the program, or to two.
    fn check_rest_paths(&mut self) {
        let wishes = self.wishes();
        let mut seen: Vec<&Wish> = Vec::new();
        for wish in &wishes {
            let first = wish.segments.first().cloned().flatten().unwrap_or_default();
            if OWN.contains(&first.as_str()) {
                let message = format!("paths below \"/{first}\" belong to the router");
                self.error_at(Code::Collision, wish.place, &wish.path, message, "expected another first segment");
            } else if let Some(other) = seen.iter().find(|other| other.wants_the_same_as(wish)) {
                let hint = format!("the other is `{}`, {}", other.owner, self.sources.short(other.place));
                self.error_at(Code::Collision, wish.place, &wish.path, "two routes or services want one path", hint);
            } else {
                seen.push(wish);
            }
        }
    }

    fn wishes(&self) -> Vec<Wish> {
        let sections = self.file.rest.crossbar.iter().map(|(name, entry)| {
            let path = &entry.value.value.path;
            Wish {
                owner: format!("rest.crossbar.{name}"),
                method: None,
                segments: path.value.0.split('/').skip(1).map(decoded).collect(),
                place: path.place,
                path: Rc::clone(&path.path),
            }
        });
        let routes = self.file.rest.routes.iter().map(|(name, entry)| {
            let (path, method) = (&entry.value.value.path, entry.value.value.method.value);
            Wish {
                owner: format!("rest.routes.{name}"),
                method: Some(method.name()),
                segments: path.value.path.shape(),
                place: path.place,
                path: Rc::clone(&path.path),
            }
        });
        sections.chain(routes).filter(|wish| wish.place.is_known()).collect()
    }
}

/// Who wants a path, and where that is written.
struct Wish {
    owner: String,
    /// `None`: every method, as a section of the bridge does.
    method: Option<&'static str>,
    /// `None` for an open one.
    segments: Vec<Option<String>>,
    place: Place,
    path: Rc<str>,
}

impl Wish {
    fn wants_the_same_as(&self, other: &Self) -> bool {
        let one_method = self.method.is_none() || other.method.is_none() || self.method == other.method;
        one_method && self.segments == other.segments
    }
}
