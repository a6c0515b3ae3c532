//! Replays the committed corpora of the fuzzers.

#[expect(unreachable_pub, reason = "public in the fuzz crate")]
#[path = "../../fuzz/src/lib.rs"]
pub(crate) mod bodies;

use std::path::Path;

/// Every file that a fuzzer has found, and the seeds.
#[test]
fn no_file_of_the_corpora_breaks_a_law() {
    for (target, body) in bodies::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files = 0;
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display());
            body(&std::fs::read(&path).unwrap());
            files += 1;
        }
        assert!(files >= 4, "{target} has {files} files");
    }
}
