//! Sets the clock of a server with libfaketime.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Debian's package `libfaketime` puts the library below this folder, in one for the architecture.
const FOLDERS: &str = "/usr/lib";
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The library, if it is installed.
pub(super) fn library() -> Option<PathBuf> {
    let folders = fs::read_dir(FOLDERS).ok()?.flatten();
    let mut libraries = folders.map(|folder| folder.path().join(LIBRARY));
    libraries.find(|library| library.exists())
}

/// Makes a command take its time of day from a file in this folder. Waits keep their length.
pub(super) fn hand_over(command: &mut Command, library: &Path, folder: &Path) {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", file(folder))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_DISABLE_SHM", "1");
}

/// Sets the clock this many seconds ahead, or back if negative.
pub(super) fn set(folder: &Path, seconds: i64) -> io::Result<()> {
    let draft = folder.join("clock.draft");
    fs::write(&draft, format!("{seconds:+}\n"))?;
    fs::rename(draft, file(folder))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("clock")
}
