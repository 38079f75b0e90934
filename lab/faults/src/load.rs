//! The load: users who order at a steady rate, each with a different address.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::order;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A user who ordered, or tried to. The user's number is the index in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) at: Instant,
    pub(crate) answer: Answer,
}

/// The answer of web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202: a mail is promised, from this job.
    Accepted(Option<Uuid>),
    /// An error of the service or of the connection: the order may have been committed.
    Unknown,
    /// An answer that no fault explains.
    Wrong(StatusCode),
}

/// All users who ordered, or tried to, and whether more may come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    orders: Arc<Mutex<Vec<Order>>>,
    stay_away: Arc<AtomicBool>,
}

impl Users {
    /// Adds a user who has no answer yet.
    pub(crate) fn next(&self) -> usize {
        let mut orders = self.orders.lock().unwrap();
        orders.push(Order {
            at: Instant::now(),
            answer: Answer::Unknown,
        });
        orders.len() - 1
    }

    fn answered(&self, user: usize, answer: Answer) {
        self.orders.lock().unwrap()[user].answer = answer;
    }

    /// Stops all orders for a while.
    pub(crate) async fn pause(&self, time: Duration) {
        self.stay_away.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
        self.stay_away.store(false, Ordering::Relaxed);
    }
}

/// The running load.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) users: Users,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts it: `rate` users per second, at each of the addresses in turn.
    pub(crate) fn start(addresses: &[String], rate: u32) -> Self {
        let users = Users::default();
        let stop = CancellationToken::new();
        let sending = send(addresses.to_vec(), rate, users.clone(), stop.clone());
        let task = tokio::spawn(sending);
        Self { users, stop, task }
    }

    /// Stops it, and returns all users once the last one is answered.
    pub(crate) async fn stop(self) -> anyhow::Result<Vec<Order>> {
        self.stop.cancel();
        self.task.await?;
        let orders = self.users.orders.lock().unwrap();
        Ok(orders.clone())
    }
}

async fn send(addresses: Vec<String>, rate: u32, users: Users, stop: CancellationToken) {
    let client = Client::builder().timeout(PATIENCE).build();
    let client = client.expect("a client");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // The load must not catch up at double speed after the machine was busy.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = JoinSet::new();
    let mut turns = addresses.iter().cycle();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        while waiting.try_join_next().is_some() {}
        if users.stay_away.load(Ordering::Relaxed) {
            continue;
        }
        let Some(address) = turns.next() else { break };
        let (client, users) = (client.clone(), users.clone());
        let url = format!("{address}{}", order::PATH);
        let user = users.next();
        waiting.spawn(async move {
            let answer = place(&client, &url, user).await;
            users.answered(user, answer);
        });
    }
    while waiting.join_next().await.is_some() {}
}

async fn place(client: &Client, url: &str, user: usize) -> Answer {
    let Ok(response) = client.post(url).json(&order::body(user)).send().await else {
        return Answer::Unknown;
    };
    match response.status() {
        StatusCode::ACCEPTED => {
            let location = response.headers().get("location");
            let path = location.and_then(|it| it.to_str().ok()).unwrap_or_default();
            Answer::Accepted(order::job(path))
        }
        // A database that fails in the middle may cause 500 too, not only 503.
        status if status.is_server_error() => Answer::Unknown,
        status => Answer::Wrong(status),
    }
}
