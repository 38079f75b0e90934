//! Claiming: gives available jobs to a worker.

mod cursor;
mod sqlite;

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryResult,
    RuntimeErr,
};
use sqlx::Row as _;
use uuid::Uuid;

pub use self::cursor::ClaimCursor;
use super::{JobStore, handle::postgres};
use crate::{Metadata, entities::queue};

/// A job that a worker has claimed.
#[derive(Clone, Debug, PartialEq, FromQueryResult)]
pub struct ClaimedJob {
    /// The job's id.
    pub id: Uuid,
    /// Its task's name. The worker may not know this task.
    pub kind: String,
    /// The queue that it was claimed from.
    pub queue: String,
    /// Its priority.
    pub priority: i32,
    /// Its payload as JSON text, which may not be what the task expects.
    pub payload: String,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// It is dead after this many attempts.
    pub max_attempts: i32,
    /// The timeout of its attempts in seconds, if it is not its task's.
    pub timeout_seconds: Option<i32>,
    /// The number that this attempt's outcome must name.
    pub lease_number: i32,
    /// How many worker processes died while they held it.
    pub deaths: i32,
    /// When its cancellation was requested. Then its attempt must not begin.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// When it was due.
    pub run_at: DateTime<Utc>,
    /// When it was claimed.
    pub started_at: DateTime<Utc>,
    /// The errors of its earlier attempts, as JSON text.
    pub errors: Option<String>,
    /// Where it came from.
    pub metadata: Metadata,
}

impl JobStore {
    /// Claims up to `limit` available jobs of `queue` for `worker`: lowest priority first, then the
    /// oldest. Each begins its next attempt under its next lease number.
    ///
    /// Returns nothing if the queue is paused or has a limit across all workers (see
    /// [`claim_limited`](Self::claim_limited)), or if the worker's lease is over. Skips jobs that
    /// another worker is claiming at the same moment.
    pub async fn claim(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        self.claim_in(Range::Open, worker, queue, limit).await
    }

    async fn claim_in(
        &self,
        range: Range<'_>,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        if self.is_sqlite() {
            return self.claim_sqlite(worker, queue, limit).await;
        }
        self.claim_postgres(&self.db, worker, queue, limit, range)
            .await
    }

    /// Claims as [`claim`](Self::claim) does, from a queue that may have a limit across all
    /// workers. Such claims wait for each other.
    pub async fn claim_limited(
        &self,
        worker: Uuid,
        queue: &str,
        limit: u64,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        if self.is_sqlite() {
            return self.claim_sqlite(worker, queue, limit).await;
        }
        let txn = self.begin().await?;
        // Two statements, because the second must see what the lock's previous owner has claimed.
        txn.query_one_raw(postgres(LOCK_QUEUE, [queue.into()]))
            .await?;
        let room = txn
            .query_one_raw(postgres(ROOM, [queue.into()]))
            .await?
            .map(|row| row.try_get::<i64>("", "room"))
            .transpose()?;
        let limit = room.map_or(limit, |room| limit.min(u64::try_from(room).unwrap_or(0)));
        let jobs = self
            .claim_postgres(&txn, worker, queue, limit, Range::Limited)
            .await?;
        txn.commit().await?;
        Ok(jobs)
    }

    /// The queues that have a limit across all workers.
    pub async fn limited_queues(&self) -> Result<Vec<String>, DbErr> {
        let limited = queue::Column::MaxRunning.is_not_null();
        let rows = queue::Entity::find().filter(limited).all(&self.db).await?;
        Ok(rows.into_iter().map(|queue| queue.name).collect())
    }

    async fn claim_postgres(
        &self,
        db: &impl ConnectionTrait,
        worker: Uuid,
        queue: &str,
        limit: u64,
        range: Range<'_>,
    ) -> Result<Vec<ClaimedJob>, DbErr> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let common = |also_limited: bool| {
            [
                self.postgres_now(),
                worker.into(),
                queue.into(),
                limit.into(),
                also_limited.into(),
            ]
        };
        let statement = match range {
            Range::Open => postgres(CLAIM, common(false)),
            Range::Limited => postgres(CLAIM, common(true)),
            Range::Since { run_at, priorities } => {
                let [now, worker, queue, limit, also_limited] = common(false);
                let priorities = priorities.iter().copied().collect::<Vec<i32>>().into();
                let run_at = run_at.into();
                let values = [now, worker, queue, limit, also_limited, priorities, run_at];
                postgres(CLAIM_SINCE, values)
            }
        };
        let rows = db.query_all_raw(statement).await?;
        let mut jobs: Vec<ClaimedJob> = rows.iter().map(read).collect::<Result<_, _>>()?;
        // RETURNING promises no order.
        jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
        Ok(jobs)
    }
}

/// Which jobs a claim looks at.
enum Range<'a> {
    /// All of a queue without a limit across all workers.
    Open,
    /// Of those, the jobs with these priorities that were due at this time or later. SQLite leaves
    /// no dead rows behind, so it looks at all.
    Since {
        run_at: DateTime<Utc>,
        priorities: &'a BTreeSet<i32>,
    },
    /// All of a queue, which may have a limit.
    Limited,
}

/// Reads a row of [`CLAIM`] by position, without SeaORM, which formats a message for every NULL:
/// that would take as long as everything else with a row (benchmark `execute`).
fn read(row: &QueryResult) -> Result<ClaimedJob, DbErr> {
    let row = row.try_as_pg_row();
    let row = row.ok_or_else(|| DbErr::Type("PostgreSQL did not make this row".to_owned()))?;
    let mut columns = 0..;
    macro_rules! next {
        () => {
            row.try_get(columns.next().unwrap_or(usize::MAX))
                .map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?
        };
    }
    Ok(ClaimedJob {
        id: next!(),
        kind: next!(),
        queue: next!(),
        priority: next!(),
        payload: next!(),
        attempt: next!(),
        max_attempts: next!(),
        timeout_seconds: next!(),
        lease_number: next!(),
        deaths: next!(),
        cancel_requested_at: next!(),
        run_at: next!(),
        started_at: next!(),
        errors: next!(),
        metadata: Metadata::from_json(next!()),
    })
}

// Both claims walk `job_claim` (queue, priority, run_at, id) over available rows only. They lock
// the rows and update them by ctid, because a locked row does not move. A row that was changed at
// this very moment has moved, and is left for the next claim. `ctid = ANY(ARRAY(…))` stays a TID
// scan even under a generic plan, where a join with a CTE becomes a sequential scan.

macro_rules! claim {
    ($places:expr) => {
        concat!(
            "
UPDATE job
SET state = 'running', worker_id = $2, started_at = COALESCE($1, clock_timestamp()),
    lease_number = ",
            next_lease!(),
            ", attempt = ",
            next_attempt!(),
            "
WHERE ctid = ANY(ARRAY(",
            $places,
            "))
RETURNING id, kind, queue, priority, payload::text AS payload, attempt, max_attempts, timeout_seconds,
          lease_number, deaths, cancel_requested_at, run_at, started_at, errors::text AS errors,
          metadata::text AS metadata"
        )
    };
}

macro_rules! may_be_claimed {
    () => {
        "
    queue = $3 AND state = 'available'
    AND NOT EXISTS (SELECT FROM queue WHERE name = $3
                    AND (paused_at IS NOT NULL OR max_running IS NOT NULL AND NOT $5))
    AND EXISTS (SELECT FROM worker WHERE id = $2 AND expires_at > COALESCE($1, clock_timestamp()))"
    };
}

const CLAIM: &str = claim!(concat!(
    "
    SELECT ctid FROM job WHERE",
    may_be_claimed!(),
    "
    ORDER BY priority, run_at, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
"
));

/// Begins in the index at the time `$7` of each priority of `$6`, one after the other, and so does
/// not pass over the entries before it.
const CLAIM_SINCE: &str = claim!(concat!(
    "
    SELECT place.ctid FROM unnest($6::int[]) AS known (priority) CROSS JOIN LATERAL (
        SELECT ctid FROM job WHERE",
    may_be_claimed!(),
    "
        AND priority = known.priority AND run_at >= $7
        ORDER BY run_at, id
        LIMIT $4
        FOR UPDATE SKIP LOCKED
    ) AS place
    LIMIT $4
"
));

/// Walks the primary key. The lock ends if the worker that has it is frozen or cut off.
const LOCK_QUEUE: &str = concat!(
    "SELECT ",
    end_if_idle!(),
    " FROM queue WHERE name = $1 FOR UPDATE"
);

/// Walks the primary key of `queue`, and `job_running`, which has a row per running job. Returns no
/// row if there is no limit.
const ROOM: &str = "
SELECT max_running - (SELECT count(*) FROM job WHERE state = 'running' AND queue = $1) AS room
FROM queue WHERE name = $1 AND max_running IS NOT NULL";
