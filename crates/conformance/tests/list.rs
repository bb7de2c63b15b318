//! Every case stands in the list, so that none is forgotten.

use std::fs;
use std::path::Path;

#[test]
fn every_case_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // The suites: that of all backends, and that of those that keep notes.
    let list = ["lib.rs", "notes.rs"].map(|file| fs::read_to_string(folder.join(file)).unwrap());
    let list = list.concat();
    let listed = |case: &str| list.lines().any(|line| line.trim() == case);
    let mut cases = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("pub fn ")) {
            let case = line.split('(').next().unwrap();
            assert!(listed(case), "{}: {case} is in no list", path.display());
            cases += 1;
        }
    }
    assert!(cases > 40, "{cases} cases were found");
}
