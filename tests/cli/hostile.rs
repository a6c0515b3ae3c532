//! A router that breaks the protocol: the client says so, with a code, and neither panics nor waits for ever.

use crate::fake::{frame, router, WELCOME};
use crate::program::Client;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn whatever_a_router_sends_the_client_ends_with_a_code_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let joined = |more: &[u8]| [&frame(WELCOME), more].concat();
    let deep = "[".repeat(100_000);
    for (octets, code, told) in [
        (frame("no json"), 3, "cannot connect to rs://"),
        (frame("[]"), 3, "cannot connect"),
        (frame(r#"[2,0,{}]"#), 3, "WELCOME"),
        (frame(&deep), 3, "cannot connect"),
        (vec![0x07, 0, 0, 1, 0], 3, "reserved"),
        (frame(r#"[50,1,{}]"#), 3, "the router sent RESULT, which has no place here"),
        (frame(r#"[4,"ticket",{}]"#), 4, "was not offered"),
        (frame(r#"[4,"\u001b[31m",{}]"#), 4, "was not offered"),
        (frame(r#"[3,{"message":"\u001b[2Jx"},"wamp.error.no_such_realm"]"#), 6, "\\u{1b}[2Jx"),
        (frame(r#"[3,{},"wamp.error.authentication_denied"]"#), 4, "authentication_denied"),
        (joined(&frame(r#"[1,"realm1",{}]"#)), 3, "the router sent HELLO"),
        (joined(&frame(WELCOME)), 3, "the router sent WELCOME"),
        (joined(&frame(r#"[8,48,1,{},"com.\u0007bad",["\u001b]0;x\u0007"]]"#)), 6, "com.\\u{7}bad"),
        (joined(&frame(r#"[6,{},"wamp.close.system_shutdown"]"#)), 6, "system_shutdown"),
        (joined(&[0, 0, 0, 5, b'[']), 7, "no answer within 0.2 s"),
        (joined(b""), 7, "no answer within 0.2 s"),
    ] {
        let client = Client::at(folder.path(), &router(octets.clone()).0);
        let ended = client.run(&["call", "com.a", "--timeout", "200ms", "--connect-timeout", "20s"]);
        let shown = String::from_utf8_lossy(&octets[..octets.len().min(90)]).into_owned();
        assert_eq!(ended.code, Some(code), "{shown:?}: {ended:?}");
        assert!(ended.err.contains(told), "{shown:?}: {ended:?}");
        assert!(!ended.err.contains('\u{1b}') && !ended.err.contains('\u{7}'), "{shown:?}: {ended:?}");
    }
}

#[test]
fn a_server_that_is_no_router_is_code_3() {
    let folder = tempfile::tempdir().unwrap();
    for answer in ["HTTP/1.1 404 Not Found\r\n\r\n", "220 mail.example ESMTP\r\n\r\n", "HTTP/1.1 101 OK\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut octet = [0];
                stream.read_exact(&mut octet).unwrap();
                request.push(octet[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let told = Client::at(folder.path(), &url).run(&["call", "com.a"]).failed(3);
        assert!(told.starts_with("error: cannot connect to ws://"), "{answer:?}: {told}");
    }
}
