//! Archiving: moves jobs to `finished_job`, in a transaction on either database.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, Statement,
    Value,
};
use uuid::Uuid;

use crate::{
    JobState,
    entities::{finished_job, job},
};

/// The most jobs in one statement: SQLite allows 32,766 variables.
pub(super) const AT_ONCE: usize = 1_000;

/// Moves jobs to `finished_job`, with this state and otherwise unchanged.
pub(super) async fn archive(
    txn: &DatabaseTransaction,
    ids: &[Uuid],
    state: JobState,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for ids in ids.chunks(AT_ONCE) {
        // A copy may have been inserted there by hand.
        let copies = finished_job::Column::Id.is_in(ids.iter().copied());
        let copies = finished_job::Entity::delete_many().filter(copies);
        copies.exec(txn).await?;
        let marks: Vec<String> = (3..).take(ids.len()).map(|n| format!("${n}")).collect();
        let sql = format!("{COPY} WHERE id IN ({})", marks.join(", "));
        let ids = ids.iter().map(|id| Value::from(*id));
        let values = [state.into(), now.into()].into_iter().chain(ids);
        let backend = txn.get_database_backend();
        let copy = Statement::from_sql_and_values(backend, sql, values);
        txn.execute_raw(copy).await?;
    }
    remove(txn, ids).await
}

/// Deletes jobs.
pub(super) async fn remove(txn: &DatabaseTransaction, ids: &[Uuid]) -> Result<(), DbErr> {
    for ids in ids.chunks(AT_ONCE) {
        let jobs = job::Column::Id.is_in(ids.iter().copied());
        job::Entity::delete_many().filter(jobs).exec(txn).await?;
    }
    Ok(())
}

/// Copies the rows inside the database: in this process their JSON would become jsonb, which cannot
/// hold a `\u0000`. Walks the primary key of `job`.
const COPY: &str = concat!(
    "INSERT INTO finished_job (",
    kept_columns!(),
    ", attempt, lease_number, deaths, errors, state, finished_at) SELECT ",
    kept_columns!(),
    ", attempt, lease_number, deaths, errors, $1, $2 FROM job"
);
