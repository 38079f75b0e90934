//! Offering: jobs come at an even rate, whatever becomes of them.

use std::{ops::Range, time::Duration};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Commits so many jobs a second, so many in a transaction, and answers when each commit
/// was called, as `commit` says.
pub async fn evenly<C>(
    jobs: u32,
    rate: u32,
    batch: u32,
    commit: impl Fn(Range<u32>) -> C,
) -> anyhow::Result<Vec<f64>>
where
    C: Future<Output = anyhow::Result<f64>> + Send + 'static,
{
    let mut ticks = interval(Duration::from_secs(1) * batch / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut commits = JoinSet::new();
    for first in (0..jobs).step_by(batch as usize) {
        ticks.tick().await;
        let commit = commit(first..first + batch);
        commits.spawn(async move { anyhow::Ok((first, commit.await?)) });
    }
    let commits = commits.join_all().await.into_iter();
    let mut commits = commits.collect::<anyhow::Result<Vec<(u32, f64)>>>()?;
    commits.sort_unstable_by_key(|(first, _)| *first);
    Ok(commits.into_iter().map(|(_, at)| at).collect())
}
