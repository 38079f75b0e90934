//! The steps in their order. Each is a file that goes up and down, and never changes once it has
//! landed.

#![allow(
    clippy::wildcard_imports,
    reason = "a step is written in the library's words, and a new one begins with all of them"
)]

use sea_orm_migration::MigrationTrait;

mod m20261120_000001_create_user;

/// All the steps.
pub fn all() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(m20261120_000001_create_user::Migration)]
}
