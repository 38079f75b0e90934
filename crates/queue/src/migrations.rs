//! The migration steps of the queue's tables.

#![allow(
    clippy::wildcard_imports,
    reason = "a step uses many names of the library"
)]

mod m20261120_000002_create_job;

use sea_orm_migration::MigrationTrait;

/// All steps.
pub fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20261120_000002_create_job::Migration)]
}
