//! How long one waits for cargo, in a copy of the sources with a target folder of its own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::ensure;
use bare_testkit::process::{cargo, free_port};

use super::{Case, Effort, Run, Unit, at_most};
use crate::{
    bench::Bench,
    binaries::{self, root},
};

/// What a copy does without: what was built, what was noted, and settings of this machine's.
const LEFT_OUT: [&str; 4] = ["target", "data", ".git", ".env"];

/// How often web is edited. The median counts.
const EDITS: usize = 3;

pub fn cases() -> Vec<Case> {
    let mut cases = vec![builds()];
    if docker(&["info"]).is_ok() {
        cases.push(image());
    } else {
        eprintln!("without image-size: there is no container engine");
    }
    cases
}

fn builds() -> Case {
    Case::new(
        "builds",
        "`cargo dev` until it answers, built from nothing and after an edit of web, and `cargo test`",
        Unit::Seconds,
    )
    .effort(Effort::Builds)
    .once()
    .figures(["from nothing", "an edit of web", "cargo test, built"], build())
    .floor(at_most("an edit of web", 6.0))
    .floor(at_most("cargo test, built", 60.0))
}

fn image() -> Case {
    let size: Run = Box::new(|_| {
        let built = docker(&["build", "--quiet", &root().display().to_string()])?;
        let bytes = docker(&["image", "inspect", "--format", "{{.Size}}", built.trim()])?;
        Ok(bytes.trim().parse::<f64>()? / 1e6)
    });
    Case::new(
        "image-size",
        "The image, all its layers unpacked",
        Unit::Megabytes,
    )
    .effort(Effort::Builds)
    .once()
    .side("image", size)
}

/// What docker says.
fn docker(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(arguments).output()?;
    ensure!(output.status.success(), "docker {arguments:?} failed");
    Ok(String::from_utf8(output.stdout)?)
}

fn build() -> Run<[f64; 3]> {
    Box::new(|bench| {
        let copy = Copy::new()?;
        let cold = copy.answers(bench)?;
        let mut edited = Vec::new();
        let source = copy.folder.join("web/src/lib.rs");
        let original = fs::read_to_string(&source)?;
        for edit in 0..EDITS {
            // What is used has to be compiled, whatever else web consists of.
            let edit = format!("#[used]\nstatic EDIT: usize = {edit};\n");
            fs::write(&source, format!("{original}\n{edit}"))?;
            edited.push(copy.answers(bench)?);
        }
        fs::write(&source, original)?;
        edited.sort_by(f64::total_cmp);
        // The first time it builds.
        copy.test()?;
        Ok([cold, edited[EDITS / 2], copy.test()?])
    })
}

/// The sources of this workspace, which may be edited.
struct Copy {
    folder: PathBuf,
}

impl Copy {
    fn new() -> anyhow::Result<Self> {
        // On the disk that is built on, which has the room.
        let folder = root().join("lab/race/target/copy");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        copy_folder(&root(), &folder)?;
        Ok(Self {
            folder: folder.canonicalize()?,
        })
    }

    /// The seconds until `cargo dev` answers.
    fn answers(&self, bench: &Bench) -> anyhow::Result<f64> {
        let port = free_port();
        let begun = Instant::now();
        let mut cargo = self.cargo();
        cargo
            .arg("dev")
            .env("PORT", port.to_string())
            .env("DATABASE_URL", "sqlite://data/dev.sqlite3");
        let dev = bench.program(&mut cargo)?;
        binaries::until_ok(port, "/__lbheartbeat__")?;
        let took = begun.elapsed().as_secs_f64();
        drop(dev);
        Ok(took)
    }

    /// The seconds that the tests take.
    fn test(&self) -> anyhow::Result<f64> {
        let mut cargo = self.cargo();
        cargo.args(["test", "--quiet"]);
        let log = File::create(self.folder.join("target/log"))?;
        let begun = Instant::now();
        let status = cargo.stdout(log).status()?;
        ensure!(status.success(), "cargo test ended with {status}");
        Ok(begun.elapsed().as_secs_f64())
    }

    fn cargo(&self) -> Command {
        let mut cargo = cargo();
        cargo
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
