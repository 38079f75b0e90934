//! Puts the git commit into the build, for `/__version__`. Without git or a repository the commit
//! comes from the platform (`SOURCE_VERSION`), or is empty.
//!
//! A debug build has no commit, because each one would rebuild this crate and its dependents.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        println!("cargo::rustc-env=DOCKERFLOW_COMMIT=");
        return;
    }
    let commit = git(&["rev-parse", "HEAD"])
        .or_else(|| std::env::var("SOURCE_VERSION").ok())
        .unwrap_or_default();
    println!("cargo::rustc-env=DOCKERFLOW_COMMIT={}", commit.trim());

    // A platform that builds from a folder without a repository gives the commit in this variable.
    println!("cargo::rerun-if-env-changed=SOURCE_VERSION");
    // HEAD names a branch and does not change with a commit, but its log does. If there is no log,
    // watch the files that hold the branches.
    if !rerun_if_changed("logs/HEAD") {
        for file in ["HEAD", "refs/heads", "packed-refs"] {
            rerun_if_changed(file);
        }
    }
}

/// Watches a file of the repository if it exists: cargo would always rebuild for a missing one.
fn rerun_if_changed(file: &str) -> bool {
    // The path is different in a worktree or a submodule.
    let Some(path) = git(&["rev-parse", "--git-path", file]) else {
        return false;
    };
    let path = path.trim();
    let exists = Path::new(path).exists();
    if exists {
        println!("cargo::rerun-if-changed={path}");
    }
    exists
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
