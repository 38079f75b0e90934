//! The listen loop: PostgreSQL says which queue has something new.
//!
//! What it says may get lost with a connection. So a new listener rings every bell, once it
//! listens: what was enqueued in between is found by the claim that follows.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use sqlx::postgres::PgListener;
use {crate::store::NOTIFY_CHANNEL, bare_database::DatabaseUrl};

use super::{metrics::LISTENER_UP, retry::Pauses, shared::Shared};

/// After this long without a message the connection is tried: a dead peer says nothing.
const PING_AFTER: Duration = Duration::from_secs(5);

/// How long each answer may take, also where the machine is busy.
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
        // The library's own reconnection knows only some errors, so a listener that failed is made
        // anew.
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
    // A listener that is given up keeps its pool's only connection for as long as TCP has patience.
    let pool =
        bare_database::listener_pool(url, "worker-listener").ok_or(sqlx::Error::PoolClosed)?;
    let mut listener = in_time(PgListener::connect_with(&pool)).await?;
    ping(&mut listener).await?;
    in_time(listener.listen(NOTIFY_CHANNEL)).await?;
    pauses.reset();
    LISTENER_UP.set(1.0, []);
    shared.is_listening.store(true, Ordering::Relaxed);
    tracing::info!("PostgreSQL tells of new jobs");
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

/// Whether the server answers, and is one that writes: a standby hears of nothing.
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
