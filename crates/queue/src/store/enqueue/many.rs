//! Many rows in few statements.

use std::collections::{BTreeSet, HashSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value, sea_query::ArrayType};
use uuid::Uuid;

use super::{Enqueued, row::Row};
use crate::store::handle::{is_sqlite, milliseconds, wake};

/// The most rows in one statement.
const BATCH: usize = 1000;

/// Inserts rows, except those whose key is taken. An earlier row among them may have taken it.
pub(super) async fn insert<C: ConnectionTrait>(
    db: &C,
    rows: &[Row],
) -> Result<Vec<Enqueued>, DbErr> {
    let mut enqueued = Vec::with_capacity(rows.len());
    if is_sqlite(db) {
        for row in rows {
            enqueued.push(row.insert(db).await?);
        }
        return Ok(enqueued);
    }
    for batch in rows.chunks(BATCH) {
        let inserted = db.query_all_raw(statement(batch)).await?;
        let inserted: HashSet<Uuid> = inserted
            .iter()
            .map(|row| row.try_get("", "id"))
            .collect::<Result<_, _>>()?;
        for row in batch {
            enqueued.push(if inserted.contains(&row.id) {
                row.enqueued()
            } else {
                row.insert(db).await?
            });
        }
    }
    wake_all(db, rows).await?;
    Ok(enqueued)
}

/// Wakes the workers of each queue once.
async fn wake_all<C: ConnectionTrait>(db: &C, rows: &[Row]) -> Result<(), DbErr> {
    let due = rows.iter().filter(|row| row.delay.is_zero());
    let queues: BTreeSet<&str> = due.map(|row| row.queue.as_str()).collect();
    for queue in queues {
        wake(db, queue).await?;
    }
    Ok(())
}

fn statement(rows: &[Row]) -> Statement {
    let array = |ty, value: &dyn Fn(&Row) -> Value| {
        Value::Array(ty, Some(Box::new(rows.iter().map(value).collect())))
    };
    // The library cannot put a NULL into an array, so "none" travels as an empty text and as -1.
    let text = |value: Option<&String>| Value::from(value.map_or("", String::as_str));
    let values = [
        array(ArrayType::Uuid, &|row| row.id.into()),
        array(ArrayType::String, &|row| row.kind.into()),
        array(ArrayType::String, &|row| row.queue.as_str().into()),
        array(ArrayType::Int, &|row| row.priority.into()),
        array(ArrayType::String, &|row| row.state().into()),
        array(ArrayType::String, &|row| row.payload.as_str().into()),
        array(ArrayType::Int, &|row| row.max_attempts.into()),
        array(ArrayType::Int, &|row| {
            row.timeout_seconds().unwrap_or(-1).into()
        }),
        array(ArrayType::String, &|row| text(row.unique_key.as_ref())),
        array(ArrayType::String, &|row| {
            text(row.metadata.to_json().as_ref())
        }),
        array(ArrayType::BigInt, &|row| milliseconds(row.delay).into()),
    ];
    Statement::from_sql_and_values(DbBackend::Postgres, INSERT, values)
}

const INSERT: &str = "
INSERT INTO job (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds,
                 unique_key, metadata, created_at, run_at)
SELECT id, kind, queue, priority, state, payload::json, max_attempts, NULLIF(timeout_seconds, -1),
       NULLIF(unique_key, ''), NULLIF(metadata, '')::json, now.at, now.at + delay * interval '1 millisecond'
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::int[], $8::int[],
            $9::text[], $10::text[], $11::bigint[])
    AS row (id, kind, queue, priority, state, payload, max_attempts, timeout_seconds, unique_key,
            metadata, delay),
    (SELECT clock_timestamp() AS at) AS now
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING id";
