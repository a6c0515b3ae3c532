//! The requests of the documentation that are lines for `curl`: they are sent as they stand there, and no endpoint is without one.

use crate::client::Http;
use crate::openapi::everything;
use crate::router::Router;
use base64::Engine;
use serde_json::json;

const HTTP: &str = include_str!("../../docs/HTTP.md");
const WEBHOOKS: &str = include_str!("../../docs/WEBHOOKS.md");
const LONGPOLL: &str = include_str!("../../docs/LONGPOLL.md");
const ADMIN: &str = include_str!("../../docs/ADMIN.md");

/// The administration, beside everything else.
const ADMINISTRATION: &str = r#"
[node]
data_dir = "data"
[listeners.admin]
bind = "127.0.0.1:PORT3"
serve = ["rest", "admin"]
[realms."wharf.admin".roles.admin]
"#;

/// One request, as `curl` would make it.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// The words of a line of a shell; quotes hold them together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars() {
        match (letter, quote) {
            (' ', None) => words.push(std::mem::take(&mut word)),
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// What a line asks of this machine; `None`: it is for another one.
fn read(line: &str) -> Option<Request> {
    let (mut request, mut method, mut has_body) = (Request::default(), None, false);
    let mut words = words(line).into_iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-N" | "-i" | "-s" | "-f" => {}
            "-X" => method = words.next(),
            "-H" => {
                let header = words.next().unwrap();
                let (name, value) = header.split_once(": ").unwrap();
                request.headers.push((name.to_owned(), value.to_owned()));
            }
            "-d" => (request.body, has_body) = (words.next().unwrap(), true),
            "-u" => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(words.next().unwrap());
                request.headers.push(("Authorization".to_owned(), format!("Basic {encoded}")));
            }
            url => {
                let (_, rest) = url.split_once("://").unwrap_or_else(|| panic!("{url} in {line}"));
                let (host, path) = rest.split_at(rest.find('/')?);
                if !["localhost:8080", "127.0.0.1:8080"].contains(&host) {
                    return None;
                }
                request.path = path.to_owned();
            }
        }
    }
    request.method = method.unwrap_or_else(|| if has_body { "POST" } else { "GET" }.to_owned());
    if has_body && !request.headers.iter().any(|(name, _)| name == "Content-Type") {
        request.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    }
    Some(request)
}

/// The requests of a page.
fn requests(page: &str) -> Vec<Request> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("curl "));
    lines.filter_map(|line| read(&line.replace("$HOOK_PASSWORD", "s3cret"))).collect()
}

#[test]
fn the_requests_for_curl_are_answered_with_success() {
    let router = Router::with(&everything());
    let mut callee = router.session();
    callee.register("com.count");
    std::thread::spawn(move || {
        let invocation = callee.invocation();
        callee.send(&json!([70, invocation[1], {}, [100]]));
    });
    let requests: Vec<_> = [HTTP, WEBHOOKS].into_iter().flat_map(requests).collect();
    assert!(requests.len() >= 14, "{}", requests.len());
    for request in requests {
        let Request { method, path, headers, body } = &request;
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut http: Http = router.http();
        let response = http.request(method, path, &headers, body);
        // The ticket of a page was for somebody else.
        let is_answered = (200..300).contains(&response.status) || (path.contains("ticket=") && response.status == 401);
        assert!(is_answered, "{request:?}: {response:?}");
        if response.header("content-type") == Some("text/event-stream") {
            assert!(http.chunk().is_some(), "{request:?}");
        }
    }
}

/// Whether a path is one of a template.
fn fits(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (ours, theirs) = (template.split('/'), path.split('/'));
    ours.clone().count() == theirs.clone().count()
        && ours.zip(theirs).all(|(ours, theirs)| ours == theirs || (ours.starts_with('{') && !theirs.is_empty()))
}

/// Each method and path that OpenAPI describes is asked for in the documentation, by a line that a test sends: those for `curl`
/// here and in the tests of long-poll, those of the table with `R` by the test of the bridge, those of `/admin/v1` by its own.
#[test]
fn every_endpoint_that_is_described_has_a_request_in_the_documentation() {
    let router = Router::with(&format!("{}{ADMINISTRATION}", everything()));
    let documents = [0, 3].map(|number| Http::connect(router.port(number)).get("/api/v1/openapi.json").json());
    let lines = [HTTP, WEBHOOKS, LONGPOLL].into_iter().flat_map(requests).map(|request| (request.method, request.path));
    let rows = HTTP.lines().filter_map(|line| {
        let (method, path) = line.strip_prefix("| `")?.split('`').next()?.split_once(" R/")?;
        Some((method.to_owned(), format!("/api/v1/realms/main/{path}")))
    });
    let administration = ADMIN.lines().filter_map(|line| {
        let (method, path) = line.strip_prefix("| `")?.split('`').next()?.split_once(" /admin/")?;
        Some((method.to_owned(), format!("/admin/{path}")))
    });
    let documented: Vec<(String, String)> = lines.chain(rows).chain(administration).collect();
    let mut missing = Vec::new();
    for (template, methods) in documents.iter().flat_map(|document| document["paths"].as_object().unwrap()) {
        for method in methods.as_object().unwrap().keys() {
            let mut documented = documented.iter();
            if !documented.any(|(known, path)| known.eq_ignore_ascii_case(method) && fits(template, path)) {
                missing.push(format!("{method} {template}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
