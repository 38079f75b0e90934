//! Decides which fault comes next, and when.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{faults::Culprit, kind::Kind, options::Options};

/// How long the service runs before the first fault.
const WARM_UP: Duration = Duration::from_secs(3);

/// The pause after an outage, so that the recovery can be measured.
const SETTLE: Duration = Duration::from_secs(9);

/// Causes faults until the run is over. The kinds are shuffled like cards, and shuffled again when
/// each had its turn, so that even a short run has them all.
pub(crate) async fn drive(
    culprit: &Culprit<'_>,
    options: &Options,
    kinds: &[Kind],
    seed: u64,
) -> anyhow::Result<()> {
    let mut rng = StdRng::seed_from_u64(seed);
    let end = Instant::now().checked_add(options.length());
    let mut kills = 0;
    tokio::time::sleep(WARM_UP).await;
    for round in 0.. {
        let mut kinds = kinds.to_vec();
        kinds.shuffle(&mut rng);
        for kind in kinds {
            let is_late = round > 0 && end.is_some_and(|end| Instant::now() >= end);
            if is_late || options.kills.is_some_and(|limit| kills >= limit) {
                return Ok(());
            }
            // A separate generator, so that a fault's random choices do not change the order.
            let mut own = StdRng::seed_from_u64(rng.random());
            culprit.cause(kind, &mut own).await?;
            kills += usize::from(kind == Kind::Kill);
            if kind == Kind::Outage {
                tokio::time::sleep(SETTLE).await;
            }
            let pause = options.pause.clamp(0.0, 3600.0) * rng.random_range(0.5..=1.5);
            tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        }
    }
    Ok(())
}
