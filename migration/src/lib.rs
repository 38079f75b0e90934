//! The schema, step by step ([`steps`]), and what applies, takes back and reports the steps.
//!
//! `cargo dev new migration NAME` writes the next step.

pub mod checks;
mod cli;
mod lock;
mod runner;
pub mod steps;

pub use cli::{Settings, execute};
pub use runner::{Status, down, fresh, status, up, wait};
