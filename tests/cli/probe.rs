//! check, with the exit codes of monitoring.

use crate::router::Router;

#[test]
fn a_probe_ends_with_the_codes_of_monitoring_and_one_line() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo"], "registered com.echo");
    let _slow = client.spawn(&["register", "com.slow", "--echo", "--sleep", "1h"], "registered com.slow");
    for (arguments, code, told) in [
        (&["check", "server", "--warn", "20s", "--crit", "30s"][..], 0, "WHARF OK - it answers | time="),
        (&["check", "call", "com.echo", "--warn", "20s", "--crit", "30s"], 0, "WHARF OK - "),
        (&["check", "server", "--warn", "0ms", "--crit", "30s"], 1, "WHARF WARNING - slow | time="),
        (&["check", "call", "com.nobody"], 2, "WHARF CRITICAL - wamp.error.no_such_procedure | time="),
        (&["check", "call", "com.slow", "--crit", "200ms"], 2, "WHARF CRITICAL - no answer within 0.2 s | time="),
        (&["check", "server", "--url", "rs://127.0.0.1:1"], 2, "WHARF CRITICAL - cannot connect"),
        (&["check", "server", "--realm", "com.example.closed"], 2, "WHARF CRITICAL - wamp.error."),
        (&["check", "server", "--url", "x"], 3, "WHARF UNKNOWN - --url: "),
    ] {
        let ended = client.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert!(ended.out.starts_with(told) && ended.out.lines().count() == 1, "{arguments:?}: {ended:?}");
    }
    let metrics = client.run(&["check", "server", "--warn", "30s", "--crit", "40s", "--format", "prometheus"]).ok();
    assert!(metrics.contains("\nwharf_check_up 1\n"), "{metrics}");
    let down = client.run(&["check", "server", "--url", "rs://127.0.0.1:1", "--format", "prometheus"]);
    assert_eq!(down.code, Some(2));
    assert!(down.out.contains("\nwharf_check_up 0\n"), "{down:?}");
}
