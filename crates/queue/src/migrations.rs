//! The steps of the queue's own tables.

#![allow(
    clippy::wildcard_imports,
    reason = "a step is written in the library's words"
)]

mod m20261120_000002_create_job;

use sea_orm_migration::MigrationTrait;

/// All of them.
pub fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20261120_000002_create_job::Migration)]
}
