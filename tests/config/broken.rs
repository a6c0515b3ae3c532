//! `config/checks/broken`: each file's mistakes, all of them and nothing else, at their places.

use super::*;

/// config.md, sections 9 and 13.
#[test]
fn every_broken_file_shows_exactly_its_mistakes_at_their_places() {
    let files = files_in("config/checks/broken", ".toml");
    assert!(files.len() >= 30, "{}", files.len());
    let mut several = 0;
    for file in &files {
        let errors = refused(&options(&file.to_string_lossy()));
        let lines: Vec<String> = errors.problems.iter().map(line).collect();
        several += usize::from(lines.len() > 1);
        committed(&file.with_extension("expected"), &format!("{}\n", lines.join("\n")));
    }
    assert!(several * 2 > files.len(), "most of the files hold several mistakes: {several} of {}", files.len());
}

/// Every code that the reader can give is in some file, or is named here with the test that gives it.
#[test]
fn every_code_is_given_by_some_broken_file() {
    let mut seen = std::collections::BTreeSet::new();
    for file in files_in("config/checks/broken", ".toml") {
        seen.extend(refused(&options(&file.to_string_lossy())).problems.iter().map(Problem::code));
    }
    for elsewhere in ["E002", "E006", "E008", "E021"] {
        assert!(seen.insert(elsewhere.to_owned()), "{elsewhere} has a broken file");
    }
    let all = [
        "E001", "E002", "E003", "E004", "E005", "E006", "E007", "E008", "E010", "E011", "E012", "E013", "E020", "E021",
        "E022", "E030", "E031", "E032", "E040", "E042", "E043",
    ];
    for code in all {
        assert!(seen.contains(code), "{code}");
    }
}

/// config.md, section 9: the form for eyes.
#[test]
fn an_error_is_printed_with_its_line_carets_suggestion_and_path() {
    let text = "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\nping_intervall = \"20s\"\n";
    let printed = refused(&of_text(text)).to_string();
    let expected = "\
error[E003]: unknown key `ping_intervall`
 --> (built-in wharf.toml):4:1
  |
4 | ping_intervall = \"20s\"
  | ^^^^^^^^^^^^^^ did you mean `ping_interval`?
  = at listeners.main.ping_intervall

1 error";
    assert_eq!(printed, expected);
}

/// config.md, section 9: the form for programs.
#[test]
fn an_error_as_json_has_code_message_place_path_and_hint() {
    let problem = &refused(&of_text("[limits]\naccept_rate = 5\n")).problems[0];
    let expected = serde_json::json!({
        "code": "E010",
        "message": "`accept_rate` is an integer",
        "file": "(built-in wharf.toml)",
        "line": 2, "column": 15, "end_column": 16,
        "path": "limits.accept_rate",
        "hint": "expected a rate such as \"50/s\" or \"600/m\"",
    });
    assert_eq!(problem.json(), expected);
}
