//! Static files: what is served, with which headers, and what never is. Section 14 of the HTTP design.

use crate::client::{Http, Response};
use crate::router::Router;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;

const CONFIG: &str = r#"
[listeners.main]
bind = "127.0.0.1:PORT0"
serve = ["websocket", "rest", "metrics", "health", "longpoll", "static"]
realm = "main"

[listeners.main.websocket]
paths = ["/", "/ws"]

[listeners.main.static]
dir = "web"
max_age = "1m"

[listeners.app]
bind = "127.0.0.1:PORT1"
serve = ["static"]

[listeners.app.static]
path = "/app/"
dir = "web"
spa = true
listing = true

[realms.main.auth]
anonymous = { role = "guest", http = true }

[realms.main.roles.guest]
call = ["*"]

[rest.routes.one]
method = "GET"
path = "/one.txt"
realm = "main"
call = "com.one"
"#;

fn start() -> Router {
    let router = Router::with_file(CONFIG, "outside.txt", "secret");
    let web = router.folder().join("web");
    for folder in ["", "sub", "empty", ".git"] {
        fs::create_dir_all(web.join(folder)).unwrap();
    }
    for (name, text) in [
        ("index.html", "<p>index"),
        ("app.3f9c2b1d.js", "let a"),
        ("app.3f9c2b1d.js.br", "brotli"),
        ("app.3f9c2b1d.js.gz", "gzip"),
        ("ten.txt", "0123456789"),
        ("one.txt", "shadow"),
        ("metrics", "shadow"),
        ("ws", "shadow"),
        ("sub/index.html", "<p>sub"),
        ("sub/a & b.txt", "ab"),
        (".env", "dot"),
        (".git/config", "dot"),
    ] {
        fs::write(web.join(name), text).unwrap();
    }
    symlink("../outside.txt", web.join("out.txt")).unwrap();
    symlink(router.folder(), web.join("up")).unwrap();
    symlink(".git", web.join("git")).unwrap();
    symlink("ten.txt", web.join("in.txt")).unwrap();
    symlink("/dev/zero", web.join("zero")).unwrap();
    nix::unistd::mkfifo(&web.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    router
}

fn app(router: &Router) -> Http {
    Http::connect(router.port(1))
}

fn told(response: &Response) -> (u16, &str) {
    (response.status, &response.body)
}

/// Section 14: types, validators, caching.
#[test]
fn a_file_is_served_with_its_type_its_validators_and_how_long_it_may_be_kept() {
    let router = start();
    let mut http = router.http();
    for (path, kind, caching) in [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/sub/", "text/html; charset=utf-8", "no-cache"),
        ("/ten.txt", "text/plain; charset=utf-8", "public, max-age=60"),
        ("/in.txt", "text/plain; charset=utf-8", "public, max-age=60"),
        ("/sub/a%20&%20b.txt", "text/plain; charset=utf-8", "public, max-age=60"),
        ("/app.3f9c2b1d.js", "text/javascript", "public, max-age=31536000, immutable"),
    ] {
        let response = http.get(path);
        assert_eq!((response.status, response.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(response.header("cache-control"), Some(caching), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("content-disposition"), None, "{path}");
        assert!(response.header("etag").unwrap().starts_with('"'), "{path}");
        assert!(response.header("last-modified").is_some() && response.header("wharf-request-id").is_some());
        let head = http.request("HEAD", path, &[], "");
        assert_eq!((head.status, head.header("content-length")), (200, response.header("content-length")), "{path}");
        assert_eq!(head.header("etag"), response.header("etag"));
    }
}

/// Section 14: conditions and ranges.
#[test]
fn conditions_and_ranges_are_honoured() {
    let router = start();
    let mut http = router.http();
    let etag = http.get("/ten.txt").header("etag").unwrap().to_owned();
    let not_modified = http.request("GET", "/ten.txt", &[("If-None-Match", &etag)], "");
    assert_eq!(told(&not_modified), (304, ""));
    assert_eq!(http.request("GET", "/ten.txt", &[("If-Match", "\"other\"")], "").status, 412);
    let mut http = router.http();
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", Some("bytes 2-4/10")),
        ("bytes=-3", 206, "789", Some("bytes 7-9/10")),
        ("bytes=8-", 206, "89", Some("bytes 8-9/10")),
        ("bytes=20-", 416, "", Some("bytes */10")),
        ("lines=1-2", 200, "0123456789", None),
    ] {
        let response = http.request("GET", "/ten.txt", &[("Range", range)], "");
        assert_eq!(told(&response), (status, body), "{range}");
        assert_eq!(response.header("content-range"), content_range, "{range}");
    }
    let part = http.request("GET", "/ten.txt", &[("Range", "bytes=0-0"), ("If-Range", &etag)], "");
    assert_eq!(told(&part), (206, "0"));
    let whole = http.request("GET", "/ten.txt", &[("Range", "bytes=0-0"), ("If-Range", "\"other\"")], "");
    assert_eq!(told(&whole), (200, "0123456789"));
}

/// Section 14: what was compressed before is sent to those who take it, as the type of the file itself.
#[test]
fn a_compressed_file_beside_the_asked_one_is_sent_where_it_is_accepted() {
    let router = start();
    let mut http = router.http();
    let mut tags = Vec::new();
    for (accept, body, coding) in [
        ("gzip, br", "brotli", Some("br")),
        ("gzip, br;q=0", "gzip", Some("gzip")),
        ("*", "brotli", Some("br")),
        ("identity", "let a", None),
    ] {
        let response = http.request("GET", "/app.3f9c2b1d.js", &[("Accept-Encoding", accept)], "");
        assert_eq!((told(&response), response.header("content-encoding")), ((200, body), coding), "{accept}");
        assert_eq!(response.header("content-type"), Some("text/javascript"), "{accept}");
        assert_eq!(response.header("vary"), Some("Accept-Encoding"));
        tags.push(response.header("etag").unwrap().to_owned());
    }
    assert!(tags[0] != tags[1] && tags[1] != tags[3] && tags[0] == tags[2], "{tags:?}");
    assert_eq!(http.request("GET", "/ten.txt", &[("Accept-Encoding", "br")], "").header("content-encoding"), None);
}

/// Section 14: nothing outside of the folder, no dot file, nothing that is no file.
#[test]
fn nothing_outside_of_the_folder_no_dot_file_and_no_device_is_served() {
    let router = start();
    for path in ["/../outside.txt", "/%2e%2e/outside.txt", "/sub/%2E./..%2f/x", "/sub/..", "/a%00.txt", "/%ff"] {
        let response = router.http().get(path);
        assert!(
            matches!(response.status, 400 | 404) && !response.body.contains("secret"),
            "{path}: {}",
            response.status
        );
    }
    assert_eq!(router.http().get("/%2e%2e/outside.txt").status, 400);
    for path in [
        "/out.txt",
        "/up/outside.txt",
        "/up/",
        "/.env",
        "/.git/config",
        "/git/config",
        "/sub/%2e%2e%2foutside.txt",
        "/zero",
        "/pipe",
        "/nope",
        "/nope/",
        "/ten.txt/",
        "//etc/passwd",
        "/sub//index.html",
        "/empty/",
        "/ten.txt.br",
        "/%252e%252e/x",
    ] {
        let response = router.http().get(path);
        assert_eq!(response.status, 404, "{path}: {}", response.body);
    }
}

/// Section 14: after every other service, and WebSocket on the same path still works.
#[test]
fn no_file_hides_another_service() {
    let router = start();
    let mut http = router.http();
    assert!(http.get("/metrics").body.contains("wharf_"), "metrics");
    assert_eq!(http.get("/livez").status, 200);
    assert_eq!(http.get("/one.txt").error(), "wamp.error.no_such_procedure");
    assert_eq!(http.get("/api/v1/x").status, 404);
    assert_eq!(http.get("/ws").status, 426);
    let opened = http.post("/lp/open", r#"{"protocols":["wamp.2.json"]}"#);
    assert_eq!((opened.status, &opened.json()["protocol"]), (200, &"wamp.2.json".into()), "{}", opened.body);
    for path in ["/", "/ws"] {
        let mut stream = TcpStream::connect(("127.0.0.1", router.port(0))).unwrap();
        let upgrade = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"HTTP/1.1 101", "{path}");
    }
    let mut http = router.http();
    let other = http.request("POST", "/ten.txt", &[], "x");
    assert_eq!((other.status, other.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(router.http().request("OPTIONS", "/ten.txt", &[], "").status, 204);
}

/// Section 14: the index for paths of a page's script, folders by their slash, lists where they are asked for.
#[test]
fn a_page_is_given_for_its_own_paths_and_a_folder_may_list_its_files() {
    let router = start();
    let mut http = app(&router);
    for path in ["/app/", "/app/orders/7", "/app/nope"] {
        let response = http.get(path);
        assert_eq!(
            (told(&response), response.header("cache-control")),
            ((200, "<p>index"), Some("no-cache")),
            "{path}"
        );
    }
    assert_eq!(http.get("/app/nope.js").status, 404);
    assert_eq!(http.get("/other").status, 404);
    for (path, there) in [("/app", "/app/"), ("/app/sub", "/app/sub/")] {
        let response = http.get(path);
        assert_eq!((response.status, response.header("location")), (308, Some(there)), "{path}");
    }
    fs::write(router.folder().join("web/empty/<x>.txt"), "x").unwrap();
    fs::write(router.folder().join("web/empty/.hidden"), "x").unwrap();
    symlink("/", router.folder().join("web/empty/root")).unwrap();
    let response = http.get("/app/empty/");
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.body.contains("<a href=\"./%3Cx%3E.txt\">&lt;x&gt;.txt</a>"), "{}", response.body);
    assert!(!response.body.contains("hidden") && !response.body.contains("root"), "{}", response.body);
}
