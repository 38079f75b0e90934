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

/// The next attempt and the next lease number of a job, for `concat!`. Somebody may have changed the
/// numbers by hand to the largest that the table takes, and such a row must not block the others. So
/// an attempt stays there, and a lease number begins again at 0.
macro_rules! next_attempt {
    () => {
        "CASE WHEN attempt < 1000000000 THEN attempt + 1 ELSE attempt END"
    };
}

macro_rules! next_lease {
    () => {
        "(lease_number + 1) % 1000000001"
    };
}

/// The attempt of a job whose last one did not count, for `concat!`.
macro_rules! refunded_attempt {
    () => {
        "CASE WHEN attempt > 0 THEN attempt - 1 ELSE 0 END"
    };
}
