//! The handle of the job store.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, Value,
};

use super::NOTIFY_CHANNEL;
use crate::names::is_name;

/// The job store of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobStore {
    pub(super) db: DatabaseConnection,
    clock: Clock,
    pub(super) keeps_completed: bool,
}

/// The clock that counts.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The database's, so that the clocks of the workers do not matter.
    Database,
    /// A fixed time, for tests.
    At(DateTime<Utc>),
}

impl JobStore {
    /// The job store of `db`.
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            db,
            clock: Clock::Database,
            keeps_completed: true,
        }
    }

    /// The same store, for which it is always `time`.
    pub fn at(&self, time: DateTime<Utc>) -> Self {
        Self {
            clock: Clock::At(time),
            ..self.clone()
        }
    }

    /// The same store, which deletes a job as soon as it completes.
    pub fn without_completed(self) -> Self {
        Self {
            keeps_completed: false,
            ..self
        }
    }

    /// The same store with its own connection, so that it waits for no other statement of this
    /// process. On SQLite, where writers wait for each other anyway, it has none.
    ///
    /// Get another one after a failure. The library tests a returned connection without a time
    /// limit. If the server vanishes meanwhile, the connection is usable again only when TCP gives
    /// up.
    pub fn with_own_connection(&self) -> Self {
        Self {
            db: bare_database::own_connection(&self.db),
            ..self.clone()
        }
    }

    /// The database.
    pub fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// The current time of the queue.
    pub async fn now(&self) -> Result<DateTime<Utc>, DbErr> {
        if self.is_sqlite() {
            return Ok(self.sqlite_now());
        }
        let sql = "SELECT COALESCE($1, clock_timestamp()) AS now";
        let row = self
            .db
            .query_one_raw(postgres(sql, [self.postgres_now()]))
            .await?;
        row.map_or_else(|| Ok(Utc::now()), |row| row.try_get("", "now"))
    }

    pub(super) fn is_sqlite(&self) -> bool {
        is_sqlite(&self.db)
    }

    /// The value for `COALESCE($1, clock_timestamp())` in a PostgreSQL statement.
    pub(super) fn postgres_now(&self) -> Value {
        match self.clock {
            Clock::Database => Option::<DateTime<Utc>>::None.into(),
            Clock::At(time) => time.into(),
        }
    }

    /// SQLite runs in this process, so this process's clock is the database's.
    pub(super) fn sqlite_now(&self) -> DateTime<Utc> {
        match self.clock {
            Clock::Database => sqlite_now(),
            Clock::At(time) => time.trunc_subsecs(3),
        }
    }

    /// A statement that both databases understand.
    pub(super) fn statement<const N: usize>(&self, sql: &str, values: [Value; N]) -> Statement {
        Statement::from_sql_and_values(self.db.get_database_backend(), sql, values)
    }

    /// A write transaction.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        bare_database::begin(&self.db).await
    }
}

/// The current time for SQLite, to the millisecond: it compares times as text, so all need the same
/// precision.
pub(super) fn sqlite_now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// The time `delay` after `now`, to the millisecond.
pub(super) fn sqlite_after(now: DateTime<Utc>, delay: Duration) -> DateTime<Utc> {
    (now + TimeDelta::milliseconds(milliseconds(delay))).trunc_subsecs(3)
}

/// A duration in milliseconds, at most 1,000 years, which is as good as never: neither database
/// could store the time after a longer one.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    let limit = TimeDelta::days(365 * 1000).num_milliseconds();
    i64::try_from(duration.as_millis()).map_or(limit, |duration| duration.min(limit))
}

/// How far ahead of the database's clock a heartbeat may be.
pub(super) const TOLERANCE: Duration = Duration::from_secs(1);

/// The largest `LIMIT` that the databases take.
pub(super) const MAX_LIMIT: u64 = i64::MAX.unsigned_abs();

pub(super) fn is_sqlite(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
}

/// Wakes the workers of a queue when the transaction that `db` belongs to commits. On SQLite they
/// poll. No worker serves a queue whose name breaks the rule.
pub(super) async fn wake(db: &impl ConnectionTrait, queue: &str) -> Result<(), DbErr> {
    if is_sqlite(db) || !is_name(queue) {
        return Ok(());
    }
    let values = [NOTIFY_CHANNEL.into(), queue.into()];
    db.execute_raw(postgres("SELECT pg_notify($1, $2)", values))
        .await
        .map(drop)
}

/// A PostgreSQL statement.
pub(super) fn postgres<const N: usize>(sql: &str, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}
