//! A fresh data folder for a cluster: copying one from the target folder is ten times as fast as
//! `initdb`.

use std::{
    env,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;
use tempfile::TempDir;

use super::programs::Programs;

/// Linux's file system in memory, which often has only 64 MB in a container.
const MEMORY: &str = "/dev/shm";

/// How many bytes must be free there. A cluster starts with 30 MB, and a clone takes 8 MB.
const PLENTY: u64 = 4 << 30;

/// What a server's data must survive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Durability {
    /// Not even a crash of the machine: it may be in memory.
    Hasty,
    /// What PostgreSQL's defaults promise, for measurements.
    Default,
}

/// Makes a data folder at `to` that only PostgreSQL's user may read.
pub(super) fn create(programs: &Programs, to: &Path, durability: Durability) -> io::Result<()> {
    match durability {
        Durability::Hasty => copy(&kept(programs)?, to)?,
        Durability::Default => initialise(programs, to, &[])?,
    }
    programs.give(to)
}

/// The folder to copy, initialised once per target folder and major version.
fn kept(programs: &Programs) -> io::Result<PathBuf> {
    let folder = crate::target::target_folder().join("tmp");
    let kept = folder.join(format!("postgres-{}", programs.major));
    if kept.exists() {
        return Ok(kept);
    }
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("postgres.lock"))?;
    lock.lock()?;
    if !kept.exists() {
        let unfinished = folder.join("postgres.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        // The usual empty log segment of 16 MB would take a tenth of the time to copy.
        initialise(programs, &unfinished, &["--no-sync", "--wal-segsize=1"])?;
        fs::rename(&unfinished, &kept)?;
    }
    Ok(kept)
}

fn initialise(programs: &Programs, to: &Path, further: &[&str]) -> io::Result<()> {
    // Not in place, because PostgreSQL's user may not be allowed into the target folder.
    let folder = private_folder(programs, Durability::Hasty)?;
    let data = folder.path().join("data");
    let output = programs
        .command("initdb")
        .arg("--pgdata")
        .arg(&data)
        .args([
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=password",
        ])
        .args(["--encoding=UTF8", "--no-locale"])
        .args(further)
        // initdb requires a password here. It is replaced before anyone can use it (server.rs).
        .arg("--pwfile")
        .arg(password_file(programs, folder.path())?)
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    copy(&data, to)
}

fn password_file(programs: &Programs, folder: &Path) -> io::Result<PathBuf> {
    let file = folder.join("password");
    fs::write(&file, uuid::Uuid::new_v4().to_string())?;
    programs.give(&file)?;
    Ok(file)
}

/// A temporary folder for PostgreSQL's user alone. Its path is short, because a Unix socket's may
/// have only 103 bytes.
pub(super) fn private_folder(programs: &Programs, durability: Durability) -> io::Result<TempDir> {
    let private = fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new()
        .prefix("pg-")
        .permissions(private)
        .tempdir_in(match durability {
            Durability::Hasty => memory().unwrap_or_else(|| disk(programs)),
            Durability::Default => disk(programs),
        })?;
    programs.give(folder.path())?;
    Ok(folder)
}

/// The memory file system, if it has enough space. A clone of 300 files takes 15 ms there, and 30
/// to 200 ms on a busy disk.
fn memory() -> Option<PathBuf> {
    let free = statvfs(MEMORY).map_or(0, |space| space.f_bavail * space.f_frsize);
    (free >= PLENTY).then(|| PathBuf::from(MEMORY))
}

fn disk(programs: &Programs) -> PathBuf {
    let usual = env::temp_dir();
    if programs.run_as_another() || usual.as_os_str().len() > 70 {
        // Another user may not be allowed into the caller's own temporary folder.
        PathBuf::from("/tmp")
    } else {
        usual
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // PostgreSQL refuses a data folder that others may read.
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}
