//! The load: users who sign up at a steady rate, each with an address of their own.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who signed up, or tried to. The user's number is the place in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignUp {
    pub(crate) at: Instant,
    pub(crate) answer: Answer,
}

/// What web said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202: a mail is owed, by this job.
    Accepted(Option<Uuid>),
    /// An error of the service's or of the connection: it may or may not have been committed.
    Unknown,
    /// An answer that no fault explains.
    Wrong(StatusCode),
}

/// The load under way.
#[derive(Debug)]
pub(crate) struct Load {
    sign_ups: Arc<Mutex<Vec<SignUp>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Load {
    /// Starts it: `rate` users a second, in turn at each of the addresses.
    pub(crate) fn start(addresses: &[String], rate: u32) -> Self {
        let sign_ups = Arc::<Mutex<Vec<SignUp>>>::default();
        let stop = CancellationToken::new();
        let sign_ups_too = Arc::clone(&sign_ups);
        let sending = send(addresses.to_vec(), rate, sign_ups_too, stop.clone());
        let task = tokio::spawn(sending);
        Self {
            sign_ups,
            stop,
            task,
        }
    }

    /// Stops it, and returns all who signed up when the last one is answered.
    pub(crate) async fn stop(self) -> anyhow::Result<Vec<SignUp>> {
        self.stop.cancel();
        self.task.await?;
        let sign_ups = self.sign_ups.lock().unwrap();
        Ok(sign_ups.clone())
    }
}

/// The user's address.
pub(crate) fn address(user: usize) -> String {
    format!("user-{user}@faults.example")
}

/// The user with an address.
pub(crate) fn user(address: &str) -> Option<usize> {
    let number = address.strip_prefix("user-")?;
    number.strip_suffix("@faults.example")?.parse().ok()
}

async fn send(
    addresses: Vec<String>,
    rate: u32,
    sign_ups: Arc<Mutex<Vec<SignUp>>>,
    stop: CancellationToken,
) {
    let client = Client::builder().timeout(PATIENCE).build();
    let client = client.expect("a client");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
    // Nobody signs up twice as fast because the machine was busy.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waiting = JoinSet::new();
    let mut turns = addresses.iter().cycle();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        while waiting.try_join_next().is_some() {}
        let Some(address) = turns.next() else { break };
        let user = note(&sign_ups);
        let (client, url, sign_ups) = (
            client.clone(),
            format!("{address}/user"),
            Arc::clone(&sign_ups),
        );
        waiting.spawn(async move {
            let answer = sign_up(&client, &url, user).await;
            sign_ups.lock().unwrap()[user].answer = answer;
        });
    }
    while waiting.join_next().await.is_some() {}
}

fn note(sign_ups: &Mutex<Vec<SignUp>>) -> usize {
    let mut sign_ups = sign_ups.lock().unwrap();
    sign_ups.push(SignUp {
        at: Instant::now(),
        answer: Answer::Unknown,
    });
    sign_ups.len() - 1
}

async fn sign_up(client: &Client, url: &str, user: usize) -> Answer {
    let body = json!({"name": format!("user-{user}"), "email": address(user)});
    let Ok(response) = client.post(url).json(&body).send().await else {
        return Answer::Unknown;
    };
    match response.status() {
        StatusCode::ACCEPTED => {
            let location = response.headers().get("location");
            let path = location.and_then(|it| it.to_str().ok()).unwrap_or_default();
            Answer::Accepted(path.strip_prefix("/job/").and_then(|id| id.parse().ok()))
        }
        // 500 too, not only 503, is an answer to a database that broke off in the middle.
        status if status.is_server_error() => Answer::Unknown,
        status => Answer::Wrong(status),
    }
}
