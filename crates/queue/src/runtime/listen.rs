//! The listen loop: PostgreSQL notifies of new jobs.
//!
//! Notifications may get lost with a connection. So a new listener wakes all queues once it
//! listens, and their claims find what was enqueued in between.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::postgres::PgListener;
use {crate::store::NOTIFY_CHANNEL, bare_database::DatabaseUrl};

use super::{metrics::LISTENER_UP, retry::Pauses, shared::Shared};

/// After this time without a notification the connection is tested, because a dead peer is silent.
const PING_AFTER: Duration = Duration::from_secs(5);

/// How long each answer may take, even if the machine is busy.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, url: DatabaseUrl) {
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(Box::pin(listen_for_ever(&shared, &url)))
        .await;
}

async fn listen_for_ever(shared: &Shared, url: &DatabaseUrl) {
    let mut pauses = Pauses::default();
    loop {
        LISTENER_UP.set(0.0, []);
        // The library reconnects after some errors only, so a failed listener is replaced.
        let error = match listen(shared, url, &mut pauses).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        LISTENER_UP.set(0.0, []);
        shared.is_listening.store(false, Ordering::Relaxed);
        tracing::warn!(%error, "the listener is lost: polling until it is back");
        tokio::time::sleep(pauses.next()).await;
    }
}

async fn listen(
    shared: &Shared,
    url: &DatabaseUrl,
    pauses: &mut Pauses,
) -> Result<std::convert::Infallible, sqlx::Error> {
    // An abandoned listener keeps its pool's only connection until TCP gives up, so use a new pool.
    let pool =
        bare_database::listener_pool(url, "worker-listener").ok_or(sqlx::Error::PoolClosed)?;
    let mut listener = in_time(PgListener::connect_with(&pool)).await?;
    ping(&mut listener).await?;
    in_time(listener.listen(NOTIFY_CHANNEL)).await?;
    pauses.reset();
    LISTENER_UP.set(1.0, []);
    shared.is_listening.store(true, Ordering::Relaxed);
    tracing::info!("listening for new jobs");
    shared.wakeups.ring_all();
    loop {
        match tokio::time::timeout(PING_AFTER, listener.try_recv()).await {
            Ok(Ok(Some(notification))) => shared.wakeups.ring(notification.payload()),
            Ok(Ok(None)) => return Err(sqlx::Error::PoolClosed),
            Ok(Err(error)) => return Err(error),
            Err(_quiet) => ping(&mut listener).await?,
        }
    }
}

/// Checks that the server answers and is not a standby, which gets no notifications.
async fn ping(listener: &mut PgListener) -> Result<(), sqlx::Error> {
    let is_standby = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(listener);
    if in_time(is_standby).await? {
        return Err(sqlx::Error::Protocol("the server is a standby".to_owned()));
    }
    Ok(())
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let answer = tokio::time::timeout(ANSWERS_WITHIN, answer).await;
    answer.map_err(|_| sqlx::Error::PoolTimedOut)?
}
