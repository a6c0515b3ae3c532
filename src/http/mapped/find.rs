//! Which route a request is for: of those with its method, the one whose literal segments come first. Pure.

use crate::http::settings::routes::{decoded, MappedRoute, RouteMethod};

/// What a path comes to.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// This route, with the open segments of its path.
    Route(&'a MappedRoute, Vec<(String, String)>),
    /// No route has this method; these are had.
    Methods(Vec<&'static str>),
    /// No route has this path.
    Nothing,
}

/// Finds the route. `routes` are those that are served where the request came in.
pub(super) fn find<'a>(routes: impl Iterator<Item = &'a MappedRoute>, method: &str, path: &str) -> Found<'a> {
    let Some(segments) = segments(path) else { return Found::Nothing };
    let mut methods = Vec::new();
    let mut best: Option<(&MappedRoute, Vec<(String, String)>)> = None;
    for route in routes {
        let Some(open) = route.path.matches(&segments) else { continue };
        let name = route.method.name();
        methods.push(name);
        if route.method == RouteMethod::Get {
            methods.push("HEAD");
        }
        let is_asked = name == method || (method == "HEAD" && route.method == RouteMethod::Get);
        if is_asked && best.as_ref().is_none_or(|(than, _)| route.path.rank() < than.path.rank()) {
            let open = open.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            best = Some((route, open));
        }
    }
    match best {
        Some((route, open)) => Found::Route(route, open),
        None if methods.is_empty() => Found::Nothing,
        None => {
            methods.push("OPTIONS");
            methods.sort_unstable();
            methods.dedup();
            Found::Methods(methods)
        }
    }
}

/// The segments of a path, decoded once; `None`: one of them is not UTF-8.
fn segments(path: &str) -> Option<Vec<String>> {
    path.strip_prefix('/')?.split('/').map(decoded).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::http::settings::routes::{Does, PathTemplate, ResponseShape};
    use proptest::prelude::*;

    /// A route that calls `com.a` without arguments.
    pub(in crate::http::mapped) fn route(name: &str, method: RouteMethod, path: &str) -> MappedRoute {
        MappedRoute {
            name: name.into(),
            method,
            path: PathTemplate::parse(path).unwrap(),
            realm: "main".to_owned(),
            does: Does::Call("com.a".into()),
            args: Vec::new(),
            kwargs: Vec::new(),
            response: ResponseShape::First,
            status: 200,
        }
    }

    fn found(routes: &[MappedRoute], method: &str, path: &str) -> String {
        match find(routes.iter(), method, path) {
            Found::Route(route, open) => {
                let open: Vec<String> = open.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{}{}", route.name, open.concat())
            }
            Found::Methods(methods) => methods.join(", "),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    /// Section 13.
    #[test]
    fn literal_segments_beat_open_ones_from_left_to_right_among_the_routes_of_a_method() {
        let routes = [
            route("one", RouteMethod::Get, "/shop/{id}"),
            route("all", RouteMethod::Get, "/shop/all"),
            route("put", RouteMethod::Put, "/shop/{id}"),
            route("late", RouteMethod::Get, "/{a}/b/c"),
            route("early", RouteMethod::Get, "/a/{b}/{c}"),
            route("slash", RouteMethod::Post, "/shop/all/"),
        ];
        for (method, path, expected) in [
            ("GET", "/shop/7", "one id=7"),
            ("HEAD", "/shop/7", "one id=7"),
            ("GET", "/shop/a%2Fb%20%C3%BC+", "one id=a/b ü+"),
            ("GET", "/shop/all", "all"),
            ("GET", "/shop/%61ll", "all"),
            ("PUT", "/shop/all", "put id=all"),
            ("GET", "/a/b/c", "early b=b c=c"),
            ("GET", "/x/b/c", "late a=x"),
            ("POST", "/shop/all", "GET, HEAD, OPTIONS, PUT"),
            ("POST", "/shop/all/", "slash"),
            ("GET", "/shop/", "nothing"),
            ("GET", "/shop/%ff", "nothing"),
            ("GET", "/shop", "nothing"),
            ("GET", "shop/7", "nothing"),
        ] {
            assert_eq!(found(&routes, method, path), expected, "{method} {path}");
        }
    }

    proptest! {
        /// Whatever the order that routes stand in, the same one is found.
        #[test]
        fn the_order_of_routes_is_of_no_matter(seed in any::<u64>(), path in "/[ab]/[ab]/[ab]") {
            let mut routes: Vec<MappedRoute> = ["/a/{x}/{y}", "/{x}/a/{y}", "/{x}/{y}/a", "/a/a/{y}", "/{x}/{y}/{z}", "/a/b/a"]
                .into_iter()
                .map(|template| route(template, RouteMethod::Get, template))
                .collect();
            let before = found(&routes, "GET", &path);
            routes.sort_by_key(|route| seed.wrapping_mul(route.name.len() as u64 + u64::from(route.name.as_bytes()[1])).rotate_left(seed as u32 % 64));
            prop_assert_eq!(found(&routes, "GET", &path), before);
        }
    }
}
