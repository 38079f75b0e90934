//! A proxy between a worker and its PostgreSQL that loses or delays messages.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;

/// A proxy for TCP.
pub struct Proxy {
    url: String,
    mood: Arc<watch::Sender<Mood>>,
}

/// What happens to the server's replies.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Mood {
    swallows: bool,
    /// Connections from before the last cut are cut.
    cuts: u32,
    /// Connections from before the last loss carry nothing.
    lost: u32,
    /// How many bytes each connection carries in a second, if that is limited.
    pace: Option<u32>,
}

impl Proxy {
    /// Starts a proxy for the server of a database.
    pub async fn start(url: &str) -> Self {
        let mut url = Url::parse(url).unwrap();
        let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        url.set_port(Some(port)).unwrap();
        let mood = Arc::new(watch::Sender::default());
        let moods = Arc::clone(&mood);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&address).await {
                    tokio::spawn(carry(client, server, moods.subscribe()));
                }
            }
        });
        let url = url.into();
        Self { url, mood }
    }

    /// The URL of the database through it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the server gets all requests, and its replies are lost.
    pub fn swallow_replies(&self) {
        self.mood.send_modify(|mood| mood.swallows = true);
    }

    /// From now on each connection carries so many bytes of replies in a second.
    pub fn slow_down(&self, pace: u32) {
        self.mood.send_modify(|mood| mood.pace = Some(pace));
    }

    /// Cuts every connection. New ones work.
    pub fn cut_and_behave(&self) {
        self.mood.send_modify(|mood| {
            *mood = Mood {
                swallows: false,
                cuts: mood.cuts + 1,
                ..*mood
            };
        });
    }

    /// Loses every connection without a word to either side. New ones work.
    pub fn lose_connections(&self) {
        self.mood.send_modify(|mood| mood.lost += 1);
    }
}

async fn carry(client: TcpStream, server: TcpStream, mut mood: watch::Receiver<Mood>) {
    let Mood { cuts, lost, .. } = *mood.borrow();
    let now = mood.clone();
    let is_heard = |now: Mood| !now.swallows && now.cuts == cuts && now.lost == lost;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let replies = async {
        let mut reply = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut reply).await {
            let now = *now.borrow();
            if let Some(pace) = now.pace {
                let share = u32::try_from(count).unwrap();
                tokio::time::sleep(Duration::from_secs(1) * share / pace).await;
            }
            if is_heard(now) && to_client.write_all(&reply[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = replies => {}
        _ = async move { mood.wait_for(|mood| mood.cuts > cuts).await.map(drop) } => {}
    }
}
