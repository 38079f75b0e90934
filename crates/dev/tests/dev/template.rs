//! A small template with one part, in repositories of its own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

pub const TITLE: &str = concat!("Bare", " Necessities");

const PART: &str = r#"
about = "A boat"
names = 'boat'
files = ["boat.txt"]

[[edits]]
file = "web.txt"
cut = """
It has a boat.
"""
"#;

/// A repository in a folder that is removed with it.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// The template at its first release.
    pub fn template() -> Self {
        let repository = Self::unreleased();
        repository.set_version("0.0.0", "0.1.0");
        repository.write(
            "crates/CHANGELOG.md",
            "# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026-01-01\n\n- One.\n",
        );
        repository.commit("Release 0.1.0");
        repository
    }

    /// The template before its first release.
    pub fn unreleased() -> Self {
        let repository = Self::empty();
        let readme = format!("# {TITLE}\n\n[docs](docs/web.md)\n\n| part |\n| boat |\n");
        let workspace =
            "[workspace]\nresolver = \"3\"\nmembers = [\"crates/queue\", \"packages/*\"]\n";
        let package = "[package]\nname = \"queue\"\nversion = \"0.0.0\"\nedition = \"2024\"\n";
        for (path, text) in [
            ("README.md", &*readme),
            ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n"),
            ("Cargo.toml", workspace),
            ("boat.txt", "A boat.\n"),
            ("crates/CHANGELOG.md", "# Changelog\n\n## Unreleased\n"),
            ("dev/parts/boat.toml", PART),
            (
                "dev/readme.md",
                &format!("# {TITLE}\n\nIt does something.\n"),
            ),
            (
                "crates/engine.txt",
                &format!("The engine of {TITLE}.\nOne.\nTwo.\nThree.\n"),
            ),
            ("crates/queue/Cargo.toml", package),
            ("crates/queue/src/lib.rs", ""),
            (
                "packages/mast/Cargo.toml",
                &package.replace("\"queue\"", "\"mast\""),
            ),
            ("packages/mast/src/lib.rs", ""),
            (
                "docs/upgrading.md",
                "# Upgrading\n\n## To the next release\n",
            ),
            (
                "web.txt",
                &format!("The web of {TITLE}.\nIt has a boat.\nOne.\nTwo.\nThree.\nFour.\nFive.\n"),
            ),
        ] {
            repository.write(path, text);
        }
        repository.update_lock_file();
        repository.commit("Begin");
        repository
    }

    /// The template's next release, which changes a line of the engine, one of web, and brings a file with the boat.
    pub fn release(&self) {
        self.edit("crates/engine.txt", "Three.", "Three, mended.");
        self.edit("web.txt", "Four.", "Four, mended.");
        self.edit("boat.txt", "A boat.", "A better boat.");
        self.write("new.txt", &format!("New in {TITLE}.\n"));
        let is_first = self.read("crates/queue/Cargo.toml").contains("0.0.0");
        self.set_version(if is_first { "0.0.0" } else { "0.1.0" }, "0.2.0");
        let changelog = "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-02-01\n\n- Two.\n\n## 0.1.0 - 2026-01-01\n\n- One.\n";
        self.write("crates/CHANGELOG.md", changelog);
        self.write("docs/upgrading.md", "# Upgrading\n\n## To the next release\n\n## To 0.2.0\n\nRename one.\n\n## To 0.1.0\n\nOld.\n");
        self.commit("Release 0.2.0");
    }

    /// A clone.
    pub fn cloned(&self) -> Self {
        let clone = Self::empty();
        clone.git(&["fetch", "--quiet", &self.url(), "main"]);
        clone.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
        clone.git(&["remote", "add", "origin", &self.url()]);
        clone
    }

    /// A copy of the files without the history.
    pub fn copied(&self) -> Self {
        let copy = Self::empty();
        for path in self.git(&["ls-files"]).lines() {
            copy.write(path, &self.read(path));
        }
        copy.commit("Begin");
        copy
    }

    fn empty() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.git(&["config", "user.name", "test"]);
        repository.git(&["config", "user.email", "test@example.invalid"]);
        repository
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn url(&self) -> String {
        self.path().display().to_string()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        self.file(path).exists()
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.file(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} has no {old:?}");
        self.write(path, &text.replacen(old, new, 1));
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    fn set_version(&self, old: &str, new: &str) {
        self.edit("crates/queue/Cargo.toml", old, new);
        self.update_lock_file();
    }

    pub fn update_lock_file(&self) {
        let mut cargo = Command::new(env!("CARGO"));
        let updated = cargo.args(["update", "--workspace", "--offline", "--quiet"]);
        assert!(updated.current_dir(self.path()).status().unwrap().success());
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs a command of `cargo dev` that succeeds, and returns what it prints.
    pub fn dev(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command of `cargo dev` that fails and changes nothing, and returns the error.
    pub fn dev_fails(&self, arguments: &[&str]) -> String {
        let before = self.state();
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} succeeds");
        assert_eq!(self.state(), before);
        String::from_utf8(output.stderr).unwrap()
    }

    /// Refuses all further commits, as a hook of the owner may.
    pub fn refuse_commits(&self) {
        for hook in ["pre-commit", "pre-merge-commit"] {
            let path = format!(".git/hooks/{hook}");
            self.write(&path, "#!/bin/sh\nexit 1\n");
            fs::set_permissions(self.file(&path), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_bare-dev"))
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn state(&self) -> [String; 3] {
        let head = self.git(&["rev-parse", "HEAD"]);
        [
            head,
            self.git(&["status", "--porcelain"]),
            self.git(&["branch", "--list"]),
        ]
    }
}
