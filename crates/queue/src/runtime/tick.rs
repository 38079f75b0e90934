//! The tick loop: it enqueues the jobs of schedules when they are due.

use std::{sync::Arc, time::Duration};

use super::{
    connection::SharedConnection, retry::StatementError, schedules::Schedules, shared::Shared,
};

/// The longest sleep, so that a change of the clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The pause after the database failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until the worker drains.
pub(super) async fn run(shared: Arc<Shared>, connection: SharedConnection) {
    if shared.work.schedules.0.is_empty() {
        return;
    }
    let draining = shared.draining.clone();
    draining
        .run_until_cancelled(tick_for_ever(&shared.work.schedules, &connection))
        .await;
}

async fn tick_for_ever(schedules: &Schedules, connection: &SharedConnection) {
    loop {
        let sleep = match tick(schedules, connection).await {
            Ok(sleep) => sleep.min(LONGEST_SLEEP),
            Err(error) => {
                tracing::warn!(%error, "schedules cannot be checked");
                PAUSE
            }
        };
        tokio::time::sleep(sleep).await;
    }
}

/// Enqueues the jobs that are due, and returns the time until the next one.
async fn tick(
    schedules: &Schedules,
    connection: &SharedConnection,
) -> Result<Duration, StatementError> {
    let now = connection
        .in_time(|store| async move { store.now().await })
        .await?;
    let mut next = now + LONGEST_SLEEP;
    for schedule in &schedules.0 {
        let name = schedule.name;
        let last = connection
            .in_time(|store| async move { store.last_tick(name, now).await })
            .await?;
        for tick in schedule.due(last, now) {
            let job = (schedule.job)(tick);
            if connection
                .in_time(|store| async move { store.fire(name, tick, job).await })
                .await?
            {
                tracing::info!(schedule = name, %tick, "a schedule enqueued its job");
            }
        }
        next = next.min(schedule.next(now).unwrap_or(next));
    }
    Ok((next - now).to_std().unwrap_or_default())
}
