//! The columns that more than one statement lists.

/// What a job takes along as it is when it becomes a finished one, for `concat!`.
macro_rules! kept_columns {
    () => {
        "id, kind, queue, priority, payload, max_attempts, timeout_seconds, unique_key, run_at, \
         created_at, started_at, request_id, traceparent, baggage, enqueued_by"
    };
}
