//! What the machine says of itself and of processes.

use std::{fs, process::Command, thread};

use anyhow::Context as _;

/// The machine, in a line.
pub fn description() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|it| number(&it));
    let gibibytes = memory.unwrap_or_default() / 1024.0 / 1024.0;
    let system = said(Command::new("uname").arg("-sr"));
    format!("{cores} cores ({cpu}), {gibibytes:.0} GiB, {system}")
}

/// The compiler that built both sides.
pub fn compiler() -> String {
    said(Command::new("rustc").arg("--version"))
}

/// The memory of a process that is in RAM.
pub fn resident_megabytes(process: u32) -> anyhow::Result<f64> {
    let resident = field(&format!("/proc/{process}/status"), "VmRSS");
    let kibibytes = resident
        .and_then(|it| number(&it))
        .context("the kernel says no VmRSS")?;
    Ok(kibibytes * 1024.0 / 1e6)
}

/// The value of `name: value` in a file of the kernel's.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

fn number(value: &str) -> Option<f64> {
    value.split_whitespace().next()?.parse().ok()
}

fn said(command: &mut Command) -> String {
    let output = command
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
