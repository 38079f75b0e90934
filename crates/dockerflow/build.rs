//! Notes the git commit that is being built, for `/__version__`. Without git or a repository it is
//! what the platform says (`SOURCE_VERSION`), else empty: neither is a reason not to build.
//!
//! A debug build notes none: each commit would build this crate and all that stands on it anew.

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

    // Heroku builds from a folder without a repository and gives the commit in this variable.
    println!("cargo::rerun-if-env-changed=SOURCE_VERSION");
    // HEAD names a branch and stays the same from one commit to the next; its log grows with each. A
    // repository that keeps no logs, or has no commit yet, is watched where the branches are.
    if !rerun_if_changed("logs/HEAD") {
        for file in ["HEAD", "refs/heads", "packed-refs"] {
            rerun_if_changed(file);
        }
    }
}

/// Watches a file of the repository if it exists: cargo builds anew every time for one that does not.
fn rerun_if_changed(file: &str) -> bool {
    // git knows where it is, also in a worktree or a submodule.
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
