//! The output: aligned columns for people, one JSON object per line for programs.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    entities::queue,
    store::{JobDetail, QueueStats},
};

pub(super) fn json<T: Serialize>(rows: &[T]) -> serde_json::Result<String> {
    rows.iter()
        .map(|row| Ok(serde_json::to_string(row)? + "\n"))
        .collect()
}

pub(super) fn jobs(jobs: &[JobDetail]) -> String {
    let header = ["ID", "KIND", "QUEUE", "STATE", "ATTEMPT", "RUN AT"].map(str::to_owned);
    let rows = jobs.iter().map(|job| {
        [
            job.id.to_string(),
            job.kind.clone(),
            job.queue.clone(),
            job.state.name().to_owned(),
            format!("{}/{}", job.attempt, job.max_attempts),
            job.run_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        ]
    });
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

pub(super) fn stats(stats: &[QueueStats], now: DateTime<Utc>) -> String {
    let header = [
        "QUEUE",
        "KIND",
        "SCHEDULED",
        "AVAILABLE",
        "RUNNING",
        "DEAD",
        "OLDEST",
    ]
    .map(str::to_owned);
    let rows = stats.iter().map(|row| {
        let oldest = row
            .oldest
            .map(|since| format!("{} s", (now - since).num_seconds().max(0)));
        [
            row.queue.clone(),
            row.kind.clone(),
            row.scheduled.to_string(),
            row.available.to_string(),
            row.running.to_string(),
            row.dead.to_string(),
            oldest.unwrap_or_default(),
        ]
    });
    aligned(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// The settings of queues, one per line.
pub(super) fn queues(queues: &[queue::Model]) -> String {
    let paused = queues.iter().filter_map(|queue| {
        let since = queue.paused_at?.format("%Y-%m-%d %H:%M:%S");
        Some(format!(
            "{} is paused since {since}\n",
            printable(&queue.name)
        ))
    });
    let limited = queues.iter().filter_map(|queue| {
        let limit = queue.max_running?;
        Some(format!(
            "{} runs at most {limit} at once\n",
            printable(&queue.name)
        ))
    });
    paused.chain(limited).collect()
}

/// A cell without control characters, which could move the reader's cursor.
fn printable(cell: &str) -> String {
    cell.replace(char::is_control, "\u{fffd}")
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell)))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
