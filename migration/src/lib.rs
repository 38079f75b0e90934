//! The schema of the service, as a list of [`steps`].
//!
//! `cargo dev new migration NAME` writes the next one.

pub mod steps;

use bare_database::migrate::Schema;

/// The schema of this release: the tables of the service and of the queue.
pub const SCHEMA: Schema = Schema::new(&[steps::all, bare_queue::migrations::all]);
