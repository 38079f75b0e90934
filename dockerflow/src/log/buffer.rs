//! The bounded buffer between those who log and standard output.
//!
//! It is not `tracing-appender`'s: at the end of a process whose output is not read, that one prints
//! to the same standard output and waits there for ever.

mod writer;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use self::writer::Writer;
use crate::metrics::LOG_LINES_DROPPED;

/// How many lines may wait: some 8 MB of them, or a fifth of a second of a busy worker's.
const CAPACITY: usize = 16_384;

#[derive(Clone, Debug)]
pub(super) struct Buffer {
    sender: SyncSender<Message>,
    counts: Arc<Counts>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Answered with whether everything before it is written.
    Flush(SyncSender<bool>),
}

#[derive(Debug, Default)]
struct Counts {
    /// Lines that were taken and are not written yet.
    waiting: AtomicU64,
    /// Lines that found the buffer full or the output closed.
    dropped: AtomicU64,
}

impl Buffer {
    /// Starts the thread that writes to `out`. It lives as long as the process.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(CAPACITY);
        let counts = Arc::new(Counts::default());
        let writer = Writer::new(out, Arc::clone(&counts));
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Self { sender, counts })
    }

    fn push(&self, line: &[u8]) {
        if writer::keep_own(line) {
            return;
        }
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.counts.drop_waiting();
        }
    }

    /// Waits until everything so far is written, at most until the deadline, and says whether it is.
    pub(super) fn flush(&self, deadline: Instant) -> bool {
        let (answer, answered) = mpsc::sync_channel(1);
        let mut message = Message::Flush(answer);
        // The standard library's channel has no stable `send_timeout`.
        while let Err(refused) = self.sender.try_send(message) {
            match refused {
                TrySendError::Full(refused) if Instant::now() < deadline => message = refused,
                TrySendError::Full(_) | TrySendError::Disconnected(_) => return false,
            }
            thread::sleep(Duration::from_millis(1));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        answered.recv_timeout(left).unwrap_or(false)
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }

    /// Lines that will not be read if the process ends now.
    pub(super) fn lost(&self) -> u64 {
        self.dropped() + self.counts.waiting.load(Ordering::Relaxed)
    }
}

impl Counts {
    fn drop_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.dropped.fetch_add(1, Ordering::Relaxed);
        LOG_LINES_DROPPED.add(1, []);
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = &'a Buffer;

    fn make_writer(&'a self) -> &'a Buffer {
        self
    }
}

impl Write for &Buffer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
