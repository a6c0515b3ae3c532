//! JSON and YAML say the same with the same keys.

use super::*;

fn samples() -> Vec<PathBuf> {
    let mut samples = files_in("config/examples", ".toml");
    samples.extend(["config/wharf.toml", "config/wharf.full.toml", "config/checks/conformance.toml"].map(repository));
    samples
}

/// config.md, section 2.
#[test]
fn every_sample_gives_the_same_settings_as_json_and_yaml() {
    let folder = folder_with_certificates();
    for sample in samples() {
        let sample = in_folder(folder.path(), &sample);
        let expected = comparable(&loaded(&options(&sample.to_string_lossy())));
        let value: toml::Value = toml::from_str(&fs::read_to_string(&sample).unwrap()).unwrap();
        let texts = [
            ("json", serde_json::to_string_pretty(&value).unwrap()),
            #[cfg(feature = "yaml")]
            ("yaml", serde_saphyr::to_string(&value).unwrap()),
        ];
        for (extension, text) in texts {
            let path = folder.path().join("sample").with_extension(extension);
            fs::write(&path, &text).unwrap();
            let settings = loaded(&options(&path.to_string_lossy()));
            assert_eq!(comparable(&settings), expected, "{} as {extension}\n{text}", sample.display());
        }
    }
}

fn lines_of(name: &str, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    refused(&options(&path.to_string_lossy())).problems.iter().map(line).collect()
}

/// config.md, section 9, for JSON.
#[test]
fn mistakes_in_json_have_their_places() {
    let text = "{\n  \"limits\": {\"max_connections\": \"many\", \"max_conections\": 5},\n  \"rest\": {\"max_wait\": \"1\\u0020s\"},\n  \"listeners\": {\"a\": {\"bind\": \"127.0.0.1:1\", \"serve\": [\"webscket\"]}}\n}";
    let expected = [
        "E010 2:33 limits.max_connections",
        "E003 2:41 limits.max_conections",
        "E013 3:24 rest.max_wait",
        "E012 4:56 listeners.a.serve[0]",
    ];
    assert_eq!(lines_of("a.json", text), expected);
    assert_eq!(lines_of("b.json", "{\"node\": {\"dev\": tru}}"), ["E001 1:21"]);
    assert_eq!(lines_of("c.json", "{\"node\": {},\n \"node\": {}}"), ["E001 2:2"]);
    assert_eq!(lines_of("d.json", "[]"), ["E010 1:1"]);
    assert_eq!(lines_of("e.json", &"[".repeat(100_000)), ["E001 1:100000"]);
    assert_eq!(lines_of("f.json", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), ["E001 1:66"]);
}

/// config.md, section 9, for YAML; words such as `off` are words.
#[cfg(feature = "yaml")]
#[test]
fn mistakes_in_yaml_have_their_places() {
    let text = "limits:\n  max_connections: many\n  max_conections: 5\nlisteners:\n  ä:\n    bind: 127.0.0.1:1\n    serve: [webscket]\n    rawsocket:\n      ping: off\n    websocket:\n";
    let expected =
        ["E010 2:20 limits.max_connections", "E003 3:3 limits.max_conections", "E012 7:13 listeners.\"ä\".serve[0]"];
    assert_eq!(lines_of("a.yaml", text), expected);
    assert_eq!(lines_of("b.yml", "a:\n - b\n c"), ["E001 3:2"]);
}
