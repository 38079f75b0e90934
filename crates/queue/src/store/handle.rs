//! The handle that the queue's runtime works with.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, Statement, Value,
};

use super::NOTIFY_CHANNEL;

/// The job store of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobStore {
    pub(super) db: DatabaseConnection,
    clock: Clock,
    pub(super) keeps_completed: bool,
}

/// Whose time counts.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The database's, so that the clocks of the workers do not matter.
    Database,
    /// One that stands still, for tests.
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

    /// The same store with a connection for itself, which waits for no other statement of this process.
    /// SQLite, where writers wait for each other anyhow, has none.
    ///
    /// After a failure it is best to get another one. If the server vanished just when the library tried the
    /// connection as it came back, which it does without a limit, this one is there again only when TCP has given up.
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

    /// What time it is for the queue.
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

/// The present for SQLite, to the millisecond: its times are compared as text, which is right for
/// one precision.
pub(super) fn sqlite_now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// That long after `now`, to the millisecond.
pub(super) fn sqlite_after(now: DateTime<Utc>, delay: Duration) -> DateTime<Utc> {
    (now + TimeDelta::milliseconds(milliseconds(delay))).trunc_subsecs(3)
}

/// A duration in milliseconds, of 1,000 years at the most, which is as good as never: neither
/// database could hold the time after a longer one.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    let limit = TimeDelta::days(365 * 1000).num_milliseconds();
    i64::try_from(duration.as_millis()).map_or(limit, |duration| duration.min(limit))
}

/// How far ahead of the database's clock a heartbeat may seem to be.
pub(super) const TOLERANCE: Duration = Duration::from_secs(1);

/// The largest `LIMIT` that the databases take.
pub(super) const MAX_LIMIT: u64 = i64::MAX.unsigned_abs();

pub(super) fn is_sqlite(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DbBackend::Sqlite
}

/// Wakes the workers of a queue when the transaction that `db` belongs to commits. On SQLite they look
/// by themselves.
pub(super) async fn wake(db: &impl ConnectionTrait, queue: &str) -> Result<(), DbErr> {
    if is_sqlite(db) {
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
