//! The settings of a worker.

use std::{collections::HashSet, fmt, str::FromStr, time::Duration};

use bare_database::DatabaseUrl;
use conf::Conf;
use dockerflow::settings::between;

use crate::names::is_name;

/// The queue
#[derive(Conf, Clone, Debug)]
pub struct Settings {
    /// The port of the worker's `/__heartbeat__`, `/__lbheartbeat__` and `/__version__`; unset: none
    #[conf(env, value_parser = between(0, 65535))]
    pub worker_port: Option<u16>,

    /// The queues, and how many jobs of each run at once in this process: `name:concurrency,…`
    #[conf(env, default_value = "default:10")]
    pub worker_queues: Queues,

    /// A direct connection for LISTEN, if `DATABASE_URL` leads to PgBouncer; `off` means polling only
    #[conf(env, secret)]
    pub database_listen_url: Option<ListenUrl>,

    /// How many seconds a worker can go without a heartbeat before others take its jobs
    #[conf(env, default_value = "8", value_parser = between(2, 3600))]
    pub job_lease_seconds: u64,

    /// How many hours to keep completed and cancelled jobs
    #[conf(env, default_value = "24", value_parser = between(0, 87_600))]
    pub job_retention_hours: u64,

    /// How many days to keep dead jobs
    #[conf(env, default_value = "30", value_parser = between(0, 3650))]
    pub job_dead_retention_days: u64,
}

impl Settings {
    /// How long a worker keeps its jobs after a heartbeat.
    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.job_lease_seconds)
    }

    /// The PostgreSQL that notifies of new jobs. `None`: the worker only polls.
    pub(crate) fn listen_url(&self, database: &DatabaseUrl) -> Option<DatabaseUrl> {
        match &self.database_listen_url {
            Some(ListenUrl::Off) => None,
            Some(ListenUrl::At(url)) => Some(url.clone()),
            None => Some(database.clone()).filter(|url| !url.is_sqlite()),
        }
    }
}

/// The queues of a worker: at least one, each once, each with a concurrency from 1 to 10,000.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues(pub(crate) Vec<Queue>);

/// A queue, and how many of its jobs run at once in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) concurrency: usize,
}

impl fmt::Display for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Queue { name, concurrency }) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{name}:{concurrency}")?;
        }
        Ok(())
    }
}

impl FromStr for Queues {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let queues = text.split(',').map(queue).collect::<Result<Vec<_>, _>>()?;
        let names: HashSet<&str> = queues.iter().map(|queue| queue.name.as_str()).collect();
        if names.len() < queues.len() {
            return Err("a queue is named twice".to_owned());
        }
        Ok(Self(queues))
    }
}

fn queue(text: &str) -> Result<Queue, String> {
    text.trim()
        .split_once(':')
        .filter(|(name, _)| is_name(name))
        .and_then(|(name, concurrency)| Some((name, concurrency.parse().ok()?)))
        .filter(|(_, concurrency)| (1..=10_000).contains(concurrency))
        .map(|(name, concurrency)| Queue { name: name.to_owned(), concurrency })
        .ok_or_else(|| {
            "name:concurrency,… is accepted, with letters, digits, `_`, `-` and `.` in a name and a \
             concurrency from 1 to 10000"
                .to_owned()
        })
}

/// Where a worker listens for new jobs.
#[derive(Clone, Debug)]
pub enum ListenUrl {
    /// It does not listen, it polls.
    Off,
    /// At a URL other than `DATABASE_URL`.
    At(DatabaseUrl),
}

impl FromStr for ListenUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let url: DatabaseUrl = text.parse().map_err(|error| format!("{error}; or `off`"))?;
        if url.is_sqlite() {
            return Err("postgres://… or `off` is accepted".to_owned());
        }
        Ok(Self::At(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_names_with_a_concurrency() {
        let queues: Queues = "default:10, slow.mail:1".parse().unwrap();
        let queue = |name: &str, concurrency| Queue {
            name: name.to_owned(),
            concurrency,
        };
        assert_eq!(queues.0, [queue("default", 10), queue("slow.mail", 1)]);
    }

    #[test]
    fn invalid_queues_are_refused() {
        for text in [
            "", "z:", "z", ":1", "z:0", "z:-1", "z:10001", "a b:1", "a:1,,b:1", "a:1,a:2",
        ] {
            assert!(text.parse::<Queues>().is_err(), "{text}");
        }
    }
}
