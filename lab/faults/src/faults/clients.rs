//! Misbehaving clients of web.

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Culprit;
use crate::{load::Users, order, sessions::OPEN_LIMIT};

/// How long clients come and leave, and how many per second.
const LEAVING: Duration = Duration::from_secs(5);
const LEAVERS: u32 = 200;

/// How long the most patient of them waits for the answer.
const IMPATIENCE: Duration = Duration::from_millis(8);

/// How many clients idle, and for how long.
const IDLERS: usize = 1000;
const IDLING: Duration = Duration::from_secs(15);

/// How many clients open a connection for each request.
const ROLLERS: usize = 32;

/// How long each of them waits between two requests.
const BETWEEN: Duration = Duration::from_millis(10);

/// How many connections a shutdown may leave unanswered: the system may take one between the last
/// look at the backlog and the end of the listener.
const UNANSWERED: usize = 1;

/// How long web may take to answer other clients meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

const PROBE: &[u8] = b"GET /__lbheartbeat__ HTTP/1.1\r\nhost: web\r\n\r\n";

impl Culprit<'_> {
    /// Clients that order and leave before the end.
    pub(super) async fn leave(&self, rng: &mut StdRng) -> String {
        let end = Instant::now() + LEAVING;
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / LEAVERS);
        let mut clients = JoinSet::new();
        let mut count = 0;
        while Instant::now() < end {
            ticks.tick().await;
            let address = self.service.addresses.choose(rng).expect("there is one");
            let rng = StdRng::seed_from_u64(rng.random());
            clients.spawn(order_and_leave(host(address), self.users.clone(), rng));
            count += 1;
        }
        clients.join_all().await;
        // Another request would end a forgotten transaction.
        self.users.pause(OPEN_LIMIT + Duration::from_secs(1)).await;
        format!("{count} clients left in the middle")
    }

    /// A web process stops and starts again while its clients open a connection for each request.
    pub(super) async fn roll(&self, rng: &mut StdRng) -> anyhow::Result<(Vec<String>, String)> {
        let number = rng.random_range(0..self.service.webs.len());
        let address = host(&self.service.addresses[number]);
        let end = CancellationToken::new();
        let mut clients = JoinSet::new();
        for _ in 0..ROLLERS {
            clients.spawn(roll(address.clone(), end.clone()));
        }
        sleep(Duration::from_secs(1)).await;
        let (victims, note) = self.term(&self.service.webs[number]).await?;
        while TcpStream::connect(&address).await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_secs(1)).await;
        end.cancel();
        let unanswered: usize = clients.join_all().await.into_iter().sum();
        if unanswered > UNANSWERED {
            self.journal.broke(format!(
                "{unanswered} connections were not answered over a SIGTERM of {victims:?}"
            ));
        }
        Ok((
            victims,
            format!("{note}, {unanswered} connections unanswered"),
        ))
    }

    /// Clients that keep their connections while others send requests.
    pub(super) async fn idle(&self, rng: &mut StdRng) -> String {
        let number = rng.random_range(0..self.service.addresses.len());
        let (place, address) = (
            self.service.webs[number].start_name(),
            host(&self.service.addresses[number]),
        );
        let mut clients = JoinSet::new();
        for _ in 0..IDLERS {
            clients.spawn(timeout(PATIENCE, ask(address.clone())));
        }
        let clients = clients.join_all().await;
        let idlers: Vec<TcpStream> = clients.into_iter().flatten().flatten().collect();
        let end = Instant::now() + IDLING;
        let mut is_silent = false;
        while Instant::now() < end {
            let answer = timeout(PATIENCE, ask(address.clone())).await;
            is_silent |= !matches!(answer, Ok(Ok(_)));
            sleep(Duration::from_secs(1)).await;
        }
        if is_silent {
            self.journal.broke(format!(
                "{place} does not answer beside {} idle clients",
                idlers.len()
            ));
        }
        format!("{} clients of {place} kept their connections", idlers.len())
    }
}

/// Sends requests, each on a connection of its own, until it is told to end. Returns how many
/// connections were made and not answered.
async fn roll(host: String, end: CancellationToken) -> usize {
    let mut unanswered = 0;
    while !end.is_cancelled() {
        let Ok(mut stream) = TcpStream::connect(&host).await else {
            // Nothing listens.
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        let mut first = [0; 1];
        let answered = async {
            stream.write_all(PROBE).await?;
            stream.read_exact(&mut first).await
        };
        let answered = timeout(PATIENCE, answered).await;
        unanswered += usize::from(!matches!(answered, Ok(Ok(_))));
        sleep(BETWEEN).await;
    }
    unanswered
}

/// `127.0.0.1:8000` of `http://127.0.0.1:8000`.
fn host(address: &str) -> String {
    address.trim_start_matches("http://").to_owned()
}

/// A connection after a request was answered.
async fn ask(host: String) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(PROBE).await?;
    let mut answer = [0; 1024];
    match stream.read(&mut answer).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(stream),
    }
}

/// Leaves after connecting, within the header, within the body, or before or within the answer.
/// Errors on the way do not matter.
async fn order_and_leave(host: String, users: Users, mut rng: StdRng) -> std::io::Result<()> {
    // A new user for each, because the order may have been committed.
    let body = order::body(users.next()).to_string();
    let header = format!(
        "POST {} HTTP/1.1\r\nhost: web\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        order::PATH,
        body.len()
    );
    let request = header + &body;
    let is_whole = rng.random_bool(0.7);
    let end = if is_whole {
        request.len()
    } else {
        rng.random_range(0..request.len())
    };
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(&request.as_bytes()[..end]).await?;
    let patience = rng.random_range(Duration::ZERO..IMPATIENCE);
    drop(timeout(patience, stream.read(&mut [0; 16])).await);
    Ok(())
}
