//! Finds the target folder of the running test from its executable, so that it is right under
//! `--release`, `--target`, `CARGO_TARGET_DIR` and coverage tools.

use std::path::{Path, PathBuf};

/// `target/debug`, `target/release`, `target/TRIPLE/debug`, …
pub(crate) fn profile_folder() -> PathBuf {
    let executable = std::env::current_exe().expect("the test's own executable");
    let folder = executable
        .parent()
        .expect("an executable stands in a folder");
    // Test executables are in `deps`, examples and binaries one level higher.
    if folder.ends_with("deps") || folder.ends_with("examples") {
        folder
            .parent()
            .expect("deps stands in the profile's folder")
            .to_owned()
    } else {
        folder.to_owned()
    }
}

/// `target`: the folder that cargo marks as a cache.
pub(crate) fn target_folder() -> PathBuf {
    let profile = profile_folder();
    profile
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .or_else(|| profile.parent())
        .map(Path::to_owned)
        .expect("the profile's folder stands in target")
}
