//! `docs/FEATURES.md` says what is built: every feature that the router announces stands there, and every test that it names exists.
//! `tests/breaks.toml` says how each of them can be broken.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use wharf::wamp::role::{Feature, Features};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The rows of the tables: their cells, without the heads.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(repository("docs/FEATURES.md")).unwrap();
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    // Tables of features have four columns; the others explain.
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| feature"));
    rows.map(cells)
        .filter(|cells: &Vec<String>| ["yes", "no"].contains(&cells[2.min(cells.len() - 1)].as_str()))
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Every function of the tests and of the sources' own tests, and every file below `tests`.
fn known() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut folders = vec![repository("tests"), repository("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(repository("")).unwrap();
            known.insert(below.to_string_lossy().into_owned());
            let extension = path.extension().unwrap_or_default();
            if extension == "rs" {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.lines().filter_map(|line| {
                    line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?.split_once('(')
                });
                known.extend(names.map(|(name, _)| name.to_owned()));
            }
        }
    }
    known
}

/// R4: what WELCOME says is what is built.
#[test]
fn every_announced_feature_has_its_row() {
    let rows = rows();
    for feature in Feature::ALL {
        let row = rows.iter().find(|row| quoted(&row[1]).any(|key| key == feature.key()));
        let row = row.unwrap_or_else(|| panic!("{} has no row", feature.key()));
        assert_eq!(row[2], "yes", "{}", feature.key());
        assert!(Features::default().has(*feature), "{} is not announced", feature.key());
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let known = known();
    for row in rows() {
        if row[2] == "no" {
            continue;
        }
        let mut named = 0;
        for test in quoted(&row[3]) {
            assert!(known.contains(test), "{}: there is no test {test}", row[0]);
            named += 1;
        }
        assert!(named > 0, "{} names no test", row[0]);
    }
}

/// One entry of `tests/breaks.toml`.
#[derive(serde::Deserialize)]
struct Break {
    feature: String,
    file: String,
    find: String,
    test: String,
}

fn breaks() -> Vec<Break> {
    #[derive(serde::Deserialize)]
    struct Breaks {
        r#break: Vec<Break>,
    }
    toml::from_str::<Breaks>(&fs::read_to_string(repository("tests/breaks.toml")).unwrap()).unwrap().r#break
}

#[test]
fn every_row_can_be_broken_and_its_first_test_notices() {
    let breaks = breaks();
    for row in rows().iter().filter(|row| row[2] == "yes") {
        let is_of_row = |entry: &&Break| entry.feature == row[0] || quoted(&row[1]).any(|key| key == entry.feature);
        let first = quoted(&row[3]).next().unwrap();
        let notices = |entry: &Break| entry.test.rsplit([' ', ':']).next().is_some_and(|test| first.starts_with(test));
        assert!(breaks.iter().filter(is_of_row).any(notices), "no entry for {}, {first}", row[0]);
    }
}

#[test]
fn every_entry_names_a_feature_a_test_and_one_place_in_the_sources() {
    let (known, rows) = (known(), rows());
    for Break { feature, file, find, test } in breaks() {
        let is_row = rows.iter().any(|row| row[0] == feature || quoted(&row[1]).any(|key| key == feature));
        assert!(is_row || feature == "features_off", "{feature} is no row");
        let source = fs::read_to_string(repository(&file)).unwrap();
        assert_eq!(source.matches(&find).count(), 1, "{feature}: {find:?} stands once in {file}");
        let name = test.rsplit([' ', ':']).next().unwrap();
        assert!(known.iter().any(|known| known.starts_with(name)), "{feature}: there is no test {name}");
    }
}
