//! What more than one statement lists or says.

/// What a job takes along as it is when it becomes a finished one, for `concat!`.
macro_rules! kept_columns {
    () => {
        "id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, run_at, \
         created_at, started_at, metadata"
    };
}

/// Has PostgreSQL end the session if its transaction idles, for `concat!`: a transaction with locks that others
/// wait for takes a few milliseconds, and whoever began it may be frozen, or cut off without a word.
macro_rules! end_if_idle {
    () => {
        "set_config('idle_in_transaction_session_timeout', '5s', true)"
    };
}
