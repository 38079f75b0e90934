//! Compares the jobs that the database leases to a worker with those that the worker holds.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    Statement, Value,
    sea_query::{ArrayType, Expr},
};
use uuid::Uuid;

use super::{
    JobStore,
    handle::{milliseconds, postgres, wake},
};
use crate::{JobState, entities::job};

/// The running jobs that concern a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    /// The jobs that are leased to it.
    pub own: Vec<Lease>,
    /// Whether running jobs have no worker, and a [`rescue`](JobStore::rescue) may take them.
    pub has_orphans: bool,
}

/// A job that the database leases to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Lease {
    /// The job's id.
    pub id: Uuid,
    /// The lease's number.
    pub lease_number: i32,
    /// When the job's cancellation was requested.
    pub cancel_requested_at: Option<DateTime<Utc>>,
}

impl JobStore {
    /// The jobs that are leased to `worker`, whose leases last for `lease`.
    pub async fn leases(&self, worker: Uuid, lease: Duration) -> Result<Leases, DbErr> {
        let (steady_before, values): (_, Vec<Value>) = if self.is_sqlite() {
            let before = self.sqlite_now() - TimeDelta::milliseconds(milliseconds(lease));
            ("$2", vec![worker.into(), before.into()])
        } else {
            let before = "COALESCE($2, clock_timestamp()) - $3 * interval '1 millisecond'";
            let lease = milliseconds(lease).into();
            (before, vec![worker.into(), self.postgres_now(), lease])
        };
        // Walks `job_running` (worker_id), which has a row per running job, and the primary key of
        // `worker`.
        let sql = format!(
            "SELECT id, lease_number, cancel_requested_at, TRUE AS is_own
             FROM job WHERE state = 'running' AND worker_id = $1
             UNION ALL
             SELECT * FROM (
                 SELECT id, lease_number, cancel_requested_at, FALSE AS is_own
                 FROM job
                 WHERE state = 'running'
                   AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job.worker_id)
                   AND EXISTS (SELECT 1 FROM worker WHERE id = $1 AND steady_since <= {steady_before})
                 LIMIT 1
             ) AS orphan"
        );
        let backend = self.db.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let mut leases = Leases::default();
        for row in self.db.query_all_raw(statement).await? {
            if row.try_get("", "is_own")? {
                leases.own.push(Lease::from_query_result(&row, "")?);
            } else {
                leases.has_orphans = true;
            }
        }
        Ok(leases)
    }

    /// Releases the jobs that are leased to `worker` but not in `held` (jobs and their lease
    /// numbers), because the reply to their claim was lost. Returns how many. No claim of this
    /// worker may be running.
    pub async fn reconcile(&self, worker: Uuid, held: &[(Uuid, i32)]) -> Result<u64, DbErr> {
        if self.is_sqlite() {
            return self.reconcile_sqlite(worker, held).await;
        }
        let array = |kind, values: Vec<Value>| Value::Array(kind, Some(Box::new(values)));
        let values = [
            worker.into(),
            array(
                ArrayType::Uuid,
                held.iter().map(|(id, _)| (*id).into()).collect(),
            ),
            array(
                ArrayType::Int,
                held.iter().map(|(_, number)| (*number).into()).collect(),
            ),
        ];
        let lost = self.db.query_all_raw(postgres(RECONCILE, values)).await?;
        let queues = lost.iter().map(|row| row.try_get("", "queue"));
        let queues: BTreeSet<String> = queues.collect::<Result<_, _>>()?;
        for queue in queues {
            wake(&self.db, &queue).await?;
        }
        Ok(lost.len() as u64)
    }

    async fn reconcile_sqlite(&self, worker: Uuid, held: &[(Uuid, i32)]) -> Result<u64, DbErr> {
        let held: HashSet<_> = held.iter().collect();
        let txn = self.begin().await?;
        let running: Vec<(Uuid, i32)> = job::Entity::find()
            .filter(job::Column::State.eq(JobState::Running))
            .filter(job::Column::WorkerId.eq(worker))
            .select_only()
            .columns([job::Column::Id, job::Column::LeaseNumber])
            .into_tuple()
            .all(&txn)
            .await?;
        let mut count = 0;
        for (id, _) in running.iter().filter(|claim| !held.contains(claim)) {
            count += job::Entity::update_many()
                .set(job::ActiveModel {
                    state: Set(JobState::Available),
                    worker_id: Set(None),
                    ..Default::default()
                })
                .col_expr(job::Column::LeaseNumber, Expr::cust(next_lease!()))
                .col_expr(job::Column::Attempt, Expr::cust(refunded_attempt!()))
                .filter(job::Column::Id.eq(*id))
                .exec(&txn)
                .await?
                .rows_affected;
        }
        txn.commit().await?;
        Ok(count)
    }
}

/// Walks `job_running` (worker_id).
const RECONCILE: &str = concat!(
    "
UPDATE job
SET state = 'available', worker_id = NULL, lease_number = ",
    next_lease!(),
    ", attempt = ",
    refunded_attempt!(),
    "
WHERE state = 'running' AND worker_id = $1
  AND (id, lease_number) NOT IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
RETURNING queue"
);
