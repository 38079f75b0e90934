//! The database, and how many connections to it.

use conf::Conf;
use dockerflow::settings::between;

use crate::DatabaseUrl;

/// The settings of a process that uses the database.
#[derive(Conf, Clone, Debug)]
pub struct Settings {
    /// The database: `postgres://user:password@host/name`, or `sqlite://path` for a file
    #[conf(env, secret)]
    pub database_url: DatabaseUrl,

    /// The maximum number of connections to the database for requests or tasks; a worker uses four more,
    /// and one for each of its queues
    #[conf(env, default_value = "10", value_parser = between(1, 1000))]
    pub database_pool_size: u32,
}
