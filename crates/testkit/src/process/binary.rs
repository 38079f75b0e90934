//! Where the built binaries are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::target::{profile_folder, target_folder};

/// A binary of the workspace in the profile of the running test. The first call in a process has
/// cargo build them all, because a binary that is there may be older than its sources; 0.3 s where
/// there is nothing to do.
///
/// # Panics
/// Where they do not build.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let binary = BUILT
        .get_or_init(build)
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    assert!(binary.exists(), "the workspace has no binary {name}");
    binary
}

/// A cargo that does not take this process's package for its own: build scripts that look at it (ring's)
/// would run again, and all that depends on them be built anew.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let is_of_package = |name: &str| {
            let of_package = ["CARGO_MANIFEST_", "CARGO_PKG_"];
            of_package.iter().any(|start| name.starts_with(start))
        };
        if name.to_str().is_some_and(is_of_package) {
            cargo.env_remove(name);
        }
    }
    cargo
}

fn build() -> PathBuf {
    let folder = profile_folder();
    let target = target_folder();
    let mut cargo = cargo();
    // The whole workspace, as in `cargo test`: a choice of packages would choose other features of
    // their dependencies, and build those anew.
    cargo.args(["build", "--quiet", "--workspace", "--bins"]);
    cargo
        .args(["--profile", profile(&folder)])
        .arg("--target-dir")
        .arg(&target);
    if let Some(triple) = triple(&folder, &target) {
        cargo.args(["--target", triple]);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("testkit stands in the workspace's `crates`");
    let output = cargo.current_dir(root).output().expect("cargo starts");
    assert!(
        output.status.success(),
        "the binaries do not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

/// The profile whose folder this is: that of `dev` is called `debug`.
fn profile(folder: &Path) -> &str {
    match name(folder) {
        "debug" => "dev",
        name => name,
    }
}

/// The triple in `target/TRIPLE/debug`.
fn triple<'a>(folder: &'a Path, target: &Path) -> Option<&'a str> {
    folder.parent().filter(|parent| *parent != target).map(name)
}

fn name(folder: &Path) -> &str {
    folder
        .file_name()
        .and_then(|name| name.to_str())
        .expect("cargo names folders in UTF-8")
}
