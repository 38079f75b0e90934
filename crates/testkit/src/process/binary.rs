//! Builds and finds the binaries of the workspace.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::target::{profile_folder, target_folder};

/// A binary of the workspace in the profile of the running test. The first call in a process builds
/// all binaries, because existing ones may be outdated. This takes 0.3 s if there is nothing to do.
///
/// # Panics
/// If they do not build.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let binary = BUILT
        .get_or_init(build)
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    assert!(binary.exists(), "the workspace has no binary {name}");
    binary
}

/// A cargo without the variables of this process's package: build scripts that read them (ring's)
/// would run again, and everything that depends on them would be rebuilt.
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
    // The whole workspace, as in `cargo test`: selecting packages would select other features of
    // their dependencies, and rebuild those.
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

/// The profile of this folder: that of `dev` is called `debug`.
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
