//! The schema of the service: its [`steps`].
//!
//! `cargo dev new migration NAME` writes the next one.

pub mod steps;

use bare_database::migrate::Schema;

/// The schema that this release was built for: the service's own tables and the queue's.
pub const SCHEMA: Schema = Schema::new(&[steps::all, bare_queue::migrations::all]);
