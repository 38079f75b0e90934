//! The log lines of the processes about a job.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::Path,
};

use uuid::Uuid;

/// More lines do not help.
const LINES: usize = 20;

/// Prints the lines of all logs that mention a job.
pub(crate) fn print(logs: &Path, job: Uuid) {
    println!("\njob {job}");
    let id = job.to_string();
    let Ok(files) = fs::read_dir(logs) else {
        return;
    };
    let lines = files.flatten().flat_map(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        let lines = File::open(file.path()).map(|file| BufReader::new(file).lines());
        let lines = lines.into_iter().flatten().map_while(Result::ok);
        let id = id.clone();
        let mentions = lines.filter(move |line| line.contains(&id));
        mentions.map(move |line| format!("  {name}: {line}"))
    });
    lines.take(LINES).for_each(|line| println!("{line}"));
}
