//! PostgreSQL for tests: one private [`Cluster`] for all tests of a process, and a [`Server`] that
//! a test owns alone, to stop and start as it likes.
//!
//! 1. Where `TEST_DATABASE_URL` is set, the cluster is that server: a URL whose role may create
//!    databases.
//! 2. Else, where PostgreSQL's server programs are found, a cluster of our own is started, which
//!    ends with this process however that ends.
//! 3. Else there is none: a test has SQLite only, and a line on stderr says so, once.
//!    `REQUIRE_POSTGRES=1` turns this case into a failure.

mod admin;
mod clock;
mod cluster;
mod data_folder;
mod postmaster;
mod programs;
mod server;
mod shared;

pub use cluster::Cluster;
pub use postmaster::StopMode;
pub use server::Server;
