//! The tables of the queue: unfinished jobs, finished jobs, and what the workers share.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let mut job = job_columns("job", is_postgres);
        job.col(uuid_null("worker_id"))
            .col(timestamp_with_time_zone_null("cancel_requested_at"))
            .check(Expr::cust(if is_postgres {
                "cancel_requested_at BETWEEN '0001-01-01' AND '9999-12-31'"
            } else {
                "cancel_requested_at IS NULL OR datetime(cancel_requested_at) IS NOT NULL"
            }));
        manager.create_table(job).await?;

        let mut finished_job = job_columns("finished_job", is_postgres);
        finished_job.col(timestamp_with_time_zone("finished_at"));
        manager.create_table(finished_job).await?;

        let queue = Table::create()
            .table("queue")
            .col(string("name").primary_key())
            .col(integer_null("max_running"))
            .col(timestamp_with_time_zone_null("paused_at"))
            .take();
        manager.create_table(queue).await?;

        let worker = Table::create()
            .table("worker")
            .col(uuid("id").primary_key())
            .col(string("hostname"))
            .col(string("queues"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone("renewed_at"))
            .col(timestamp_with_time_zone("steady_since"))
            .col(timestamp_with_time_zone("expires_at"))
            .take();
        manager.create_table(worker).await?;

        let schedule = Table::create()
            .table("schedule")
            .col(string("name").primary_key())
            .col(timestamp_with_time_zone("last_tick_at"))
            .take();
        manager.create_table(schedule).await?;

        let db = manager.get_connection();
        for index in INDEXES {
            db.execute_unprepared(index).await?;
        }
        if is_postgres {
            db.execute_unprepared(AUTOVACUUM).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["schedule", "worker", "queue", "finished_job", "job"] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        Ok(())
    }
}

/// The columns and checks of both job tables.
fn job_columns(table: &'static str, is_postgres: bool) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(uuid("id").primary_key())
        .col(string("kind"))
        .col(string("queue"))
        .col(integer("priority").default(0))
        .col(string("state"))
        .col(json("payload"))
        .col(integer("attempt").default(0))
        .col(integer("max_attempts"))
        .col(integer_null("timeout_seconds"))
        .col(string_null("unique_key"))
        .col(timestamp_with_time_zone("run_at"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(integer("lease_number").default(0))
        .col(integer("deaths").default(0))
        .col(json_null("errors"))
        .col(json_null("metadata"))
        .check(Expr::cust(if is_postgres {
            POSTGRES_CHECK
        } else {
            SQLITE_CHECK
        }))
        .take()
}

/// A row that a worker cannot read, or whose queue no index can hold, would hold up all others. The
/// code never writes one, but somebody who edits rows by hand might.
const POSTGRES_CHECK: &str = "
    attempt BETWEEN 0 AND 1000000000 AND lease_number BETWEEN 0 AND 1000000000
    AND deaths BETWEEN 0 AND 1000000000
    AND run_at BETWEEN '0001-01-01' AND '9999-12-31' AND created_at BETWEEN '0001-01-01' AND '9999-12-31'
    AND (started_at IS NULL OR started_at BETWEEN '0001-01-01' AND '9999-12-31')
    AND length(kind) <= 100 AND length(queue) <= 100
    AND (errors IS NULL OR json_typeof(errors) = 'array')
    AND (metadata IS NULL OR json_typeof(metadata) = 'object')";

/// SQLite stores any value in any column unless a check forbids it.
const SQLITE_CHECK: &str = "
    typeof(id) = 'blob' AND length(id) = 16
    AND typeof(attempt) = 'integer' AND attempt BETWEEN 0 AND 1000000000
    AND typeof(lease_number) = 'integer' AND lease_number BETWEEN 0 AND 1000000000
    AND typeof(deaths) = 'integer' AND deaths BETWEEN 0 AND 1000000000
    AND typeof(max_attempts) = 'integer' AND typeof(priority) = 'integer'
    AND typeof(kind) = 'text' AND length(kind) <= 100 AND typeof(queue) = 'text' AND length(queue) <= 100
    AND typeof(unique_key) IN ('text', 'null') AND typeof(timeout_seconds) IN ('integer', 'null')
    AND json_valid(payload) AND (errors IS NULL OR json_type(errors) = 'array')
    AND (metadata IS NULL OR json_type(metadata) = 'object')
    AND datetime(run_at) IS NOT NULL AND datetime(created_at) IS NOT NULL
    AND (started_at IS NULL OR datetime(started_at) IS NOT NULL)";

/// Those for one state cover only its rows, so that a claim never walks past the others.
const INDEXES: [&str; 5] = [
    "CREATE INDEX job_claim ON job (queue, priority, run_at, id) WHERE state = 'available'",
    "CREATE INDEX job_scheduled ON job (run_at) WHERE state = 'scheduled'",
    "CREATE INDEX job_running ON job (worker_id) WHERE state = 'running'",
    "CREATE UNIQUE INDEX job_unique_key ON job (kind, unique_key) WHERE unique_key IS NOT NULL",
    "CREATE INDEX finished_job_age ON finished_job (state, finished_at)",
];

/// Rows of `job` live for seconds, so vacuum after a number of changes, not after a share of a
/// table that is mostly empty.
const AUTOVACUUM: &str = "ALTER TABLE job SET (autovacuum_vacuum_scale_factor = 0, \
     autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000)";
