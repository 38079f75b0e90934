//! Metrics of the connection pools.

use dockerflow::metrics::{Metric, SharedString, Unit, on_sample};
use sqlx::{Database, Pool};

static POOL_CONNECTIONS: Metric = Metric::gauge(
    "database_pool_connections",
    Unit::Count,
    &["pool", "state"],
    "Connections that a pool holds, by state: `idle` or `in_use`",
);

static POOL_MAX_CONNECTIONS: Metric = Metric::gauge(
    "database_pool_max_connections",
    Unit::Count,
    &["pool"],
    "The maximum number of connections that a pool holds",
);

/// The metrics of a process that uses the database.
pub static METRICS: [&Metric; 2] = [&POOL_CONNECTIONS, &POOL_MAX_CONNECTIONS];

/// Samples the pool's connections, under the name that PostgreSQL shows for its sessions.
pub(crate) fn watch<DB: Database>(pool: &Pool<DB>, name: &str) {
    let (pool, name) = (pool.clone(), SharedString::from(name.to_owned()));
    on_sample(move || {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        let in_use = pool.size().saturating_sub(idle);
        let max = pool.options().get_max_connections();
        POOL_CONNECTIONS.set(idle.into(), [name.clone(), "idle".into()]);
        POOL_CONNECTIONS.set(in_use.into(), [name.clone(), "in_use".into()]);
        POOL_MAX_CONNECTIONS.set(max.into(), [name.clone()]);
    });
}
