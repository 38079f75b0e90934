//! PostgreSQL for tests: one private [`Cluster`] for all tests of a process, and a [`Server`] that
//! a single test may stop and start.
//!
//! 1. If `TEST_DATABASE_URL` is set, the cluster is that server. Its role must be allowed to create
//!    databases.
//! 2. Otherwise, if PostgreSQL's server programs are found, a private cluster is started. It ends
//!    with this process, however that ends.
//! 3. Otherwise tests run on SQLite only, and one line on stderr says so. `REQUIRE_POSTGRES=1`
//!    turns this case into a failure.

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
