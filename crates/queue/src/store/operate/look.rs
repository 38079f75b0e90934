//! Looking at jobs.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColIdx, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryOrder, QueryResult,
    TryGetError, TryGetable, Value,
};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{JobState, entities::queue, store::JobStore};

/// Selects the jobs that match all given fields.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<JobState>,
    /// In this queue.
    pub queue: Option<String>,
    /// Of this task.
    pub kind: Option<String>,
}

impl Filter {
    fn values(&self) -> [Value; 3] {
        [
            self.state.map(|state| state.name().to_owned()).into(),
            self.queue.clone().into(),
            self.kind.clone().into(),
        ]
    }
}

/// Everything about a job.
#[derive(Clone, Debug, PartialEq, FromQueryResult, Serialize)]
pub struct JobDetail {
    /// The job's id.
    pub id: Uuid,
    /// Its task's name.
    pub kind: String,
    /// Its queue.
    pub queue: String,
    /// Lower runs first.
    pub priority: i32,
    /// Its state.
    pub state: JobState,
    /// How many attempts it had, not counting snoozes, releases and deaths.
    pub attempt: i32,
    /// After this many attempts it is dead.
    pub max_attempts: i32,
    /// How many worker processes died while they held it.
    pub deaths: i32,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// It does not run before this time.
    pub run_at: DateTime<Utc>,
    /// When its last attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The worker that runs it.
    pub worker_id: Option<Uuid>,
    /// Its unique key.
    pub unique_key: Option<String>,
    /// Where it came from.
    pub metadata: Option<JsonText>,
    /// The task's payload.
    pub payload: JsonText,
    /// The errors of its attempts, oldest first.
    pub errors: Option<JsonText>,
}

/// JSON that is shown as it is stored. Only its task can decode a payload: it may be nested deeper, and its
/// numbers may be larger, than others can read.
#[derive(Clone, Debug)]
pub struct JsonText(Box<RawValue>);

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl TryGetable for JsonText {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(row, index)?;
        let raw = RawValue::from_string(text);
        let raw = raw.map_err(|error| DbErr::Type(format!("not JSON: {error}")))?;
        Ok(Self(raw))
    }
}

/// The jobs of one task in one queue, counted.
#[derive(Clone, Debug, PartialEq, FromQueryResult, Serialize)]
pub struct QueueStats {
    /// The queue.
    pub queue: String,
    /// The task's name.
    pub kind: String,
    /// How many are scheduled.
    pub scheduled: i64,
    /// How many wait for a worker.
    pub available: i64,
    /// How many run.
    pub running: i64,
    /// How many are dead.
    pub dead: i64,
    /// When the oldest available job became due.
    pub oldest: Option<DateTime<Utc>>,
}

impl JobStore {
    /// Up to `limit` jobs, the newest first.
    pub async fn list(&self, filter: &Filter, limit: u64) -> Result<Vec<JobDetail>, DbErr> {
        // Walks each primary key backwards, which finds the newest of millions at once.
        let newest = |jobs: &str| {
            format!(
                "SELECT * FROM (
                     SELECT * FROM ({jobs}) AS jobs
                     WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR queue = $2)
                       AND ($3 IS NULL OR kind = $3)
                     ORDER BY id DESC LIMIT $4
                 ) AS newest"
            )
        };
        let sql = format!(
            "SELECT * FROM ({} UNION ALL {}) AS jobs ORDER BY id DESC LIMIT $4",
            newest(UNFINISHED),
            newest(FINISHED)
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let [state, queue, kind] = filter.values();
        let values = [state, queue, kind, limit.into()];
        JobDetail::find_by_statement(self.statement(&sql, values))
            .all(&self.db)
            .await
    }

    /// All unfinished jobs that match a filter.
    pub async fn unfinished(&self, filter: &Filter) -> Result<Vec<Uuid>, DbErr> {
        let sql = "
            SELECT id FROM job
            WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR queue = $2) AND ($3 IS NULL OR kind = $3)
            ORDER BY id";
        let rows = self
            .db
            .query_all_raw(self.statement(sql, filter.values()))
            .await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    /// A job with its payload and errors, for operators only.
    pub async fn show(&self, id: Uuid) -> Result<Option<JobDetail>, DbErr> {
        let sql =
            format!("SELECT * FROM ({UNFINISHED} UNION ALL {FINISHED}) AS jobs WHERE id = $1");
        JobDetail::find_by_statement(self.statement(&sql, [id.into()]))
            .one(&self.db)
            .await
    }

    /// Counts the unfinished and the dead jobs by queue and task.
    pub async fn stats(&self) -> Result<Vec<QueueStats>, DbErr> {
        let sql = "
            SELECT queue, kind,
                   count(CASE WHEN state = 'scheduled' THEN 1 END) AS scheduled,
                   count(CASE WHEN state = 'available' THEN 1 END) AS available,
                   count(CASE WHEN state = 'running' THEN 1 END) AS running,
                   count(CASE WHEN state = 'dead' THEN 1 END) AS dead,
                   min(CASE WHEN state = 'available' THEN run_at END) AS oldest
            FROM (SELECT queue, kind, state, run_at FROM job
                  UNION ALL
                  SELECT queue, kind, state, run_at FROM finished_job WHERE state = 'dead') AS jobs
            GROUP BY queue, kind ORDER BY queue, kind";
        QueueStats::find_by_statement(self.statement(sql, []))
            .all(&self.db)
            .await
    }

    /// The queues that have settings.
    pub async fn queues(&self) -> Result<Vec<queue::Model>, DbErr> {
        let by_name = queue::Entity::find().order_by_asc(queue::Column::Name);
        by_name.all(&self.db).await
    }
}

const UNFINISHED: &str = "
    SELECT id, kind, queue, priority, state, attempt, max_attempts, deaths, created_at, run_at,
           started_at, CAST(NULL AS timestamptz) AS finished_at, worker_id, unique_key,
           CAST(metadata AS text) AS metadata, CAST(payload AS text) AS payload, CAST(errors AS text) AS errors
    FROM job";

const FINISHED: &str = "
    SELECT id, kind, queue, priority, state, attempt, max_attempts, deaths, created_at, run_at,
           started_at, finished_at, CAST(NULL AS uuid) AS worker_id, unique_key,
           CAST(metadata AS text) AS metadata, CAST(payload AS text) AS payload, CAST(errors AS text) AS errors
    FROM finished_job";
