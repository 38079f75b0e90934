//! The list of the queue's migration steps.

use std::{collections::BTreeSet, fs, path::Path};

use bare_queue::migrations;

#[test]
fn every_file_of_a_step_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migrations");
    let files = fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let steps = migrations::all();
    let steps = steps.iter().map(|step| step.name().to_owned());
    assert_eq!(files.collect::<BTreeSet<String>>(), steps.collect());
}
