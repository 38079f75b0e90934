//! The steps in their order. Each is a file with an `up` and a `down`, and never changes after it has
//! landed.

#![allow(
    clippy::wildcard_imports,
    reason = "a step uses many names of the library, and a new one starts with all of them"
)]

use sea_orm_migration::MigrationTrait;

mod m20261120_000001_create_user;

/// All steps.
pub fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20261120_000001_create_user::Migration)]
}
