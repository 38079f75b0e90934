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

/// The processor time that a process has used, in user space and in the kernel, by proc_pid_stat(5).
pub fn processor_milliseconds(process: u32) -> anyhow::Result<f64> {
    /// USER_HZ, which is 100 on every architecture that the race runs on.
    const TICK: f64 = 10.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name in parentheses, which may have spaces; the 14th and 15th are the times.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(number)
        .collect();
    anyhow::ensure!(ticks.len() == 2, "the kernel says no processor time");
    Ok(ticks.iter().sum::<f64>() * TICK)
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
