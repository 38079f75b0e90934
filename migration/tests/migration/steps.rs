//! The list of steps.

use std::{collections::BTreeSet, fs, path::Path};

use migration::steps;

#[test]
fn every_file_of_a_step_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/steps");
    let files = fs::read_dir(folder).unwrap().map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let steps = steps::all()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), steps);
}
