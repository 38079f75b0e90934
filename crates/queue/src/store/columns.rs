//! SQL that several statements share.

/// The columns that do not change when a job moves to `finished_job`, for `concat!`.
macro_rules! kept_columns {
    () => {
        "id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, run_at, \
         created_at, started_at, metadata"
    };
}

/// Makes PostgreSQL end the session if its transaction idles, for `concat!`. Others wait for the
/// locks of such a transaction, and the process that began it may be frozen or cut off.
macro_rules! end_if_idle {
    () => {
        "set_config('idle_in_transaction_session_timeout', '5s', true)"
    };
}
