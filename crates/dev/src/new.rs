//! `cargo dev new`: code in the right rooms, its registration and its test.

mod endpoint;
mod migration;
mod names;
mod schedule;
mod source;
mod table;
mod task;

use std::path::Path;

use conf::{Conf, Subcommands};

use source::Change;

/// Writes new code where it belongs, registers it, and writes its test
#[derive(Conf, Debug)]
pub(crate) struct New {
    #[conf(subcommands)]
    what: What,
}

#[derive(Subcommands, Debug)]
enum What {
    /// An endpoint of the API: a file of views and its test
    ///
    /// Example: cargo dev new endpoint order
    Endpoint(Endpoint),
    /// A table: its migration, its entity, and the line in the test that compares the two
    ///
    /// Example: cargo dev new table order
    Table(Table),
    /// A task: its payload, its code and its test
    ///
    /// Example: cargo dev new task send_receipt
    Task(Task),
    /// A schedule, with the task that it enqueues
    ///
    /// Example: cargo dev new schedule send_report
    Schedule(Schedule),
    /// The next migration
    ///
    /// Example: cargo dev new migration add_nickname_to_user
    Migration(Migration),
}

/// An endpoint of the API: a file of views and its test
#[derive(Conf, Debug)]
struct Endpoint {
    /// Its name, of a-z, 0-9 and _, such as order
    #[conf(pos)]
    name: String,
}

/// A table: its migration, its entity, and the line in the test that compares the two
#[derive(Conf, Debug)]
struct Table {
    /// Its name, of a-z, 0-9 and _, such as order
    #[conf(pos)]
    name: String,
}

/// A task: its payload, its code and its test
#[derive(Conf, Debug)]
struct Task {
    /// Its name, of a-z, 0-9 and _, such as send_receipt
    #[conf(pos)]
    name: String,
}

/// A schedule, with the task that it enqueues
#[derive(Conf, Debug)]
struct Schedule {
    /// The name of the task, of a-z, 0-9 and _, such as send_report
    #[conf(pos)]
    name: String,
}

/// The next migration
#[derive(Conf, Debug)]
struct Migration {
    /// What it does, of a-z, 0-9 and _, such as add_nickname_to_user
    #[conf(pos)]
    name: String,
}

pub(crate) fn run(new: &New, root: &Path) -> anyhow::Result<String> {
    let mut change = Change::new(root);
    match &new.what {
        What::Endpoint(new) => endpoint::write(&mut change, &new.name)?,
        What::Table(new) => table::write(&mut change, &new.name)?,
        What::Task(new) => task::write(&mut change, &new.name)?,
        What::Schedule(new) => schedule::write(&mut change, &new.name)?,
        What::Migration(new) => migration::write(&mut change, &new.name)?,
    }
    change.finish()
}
