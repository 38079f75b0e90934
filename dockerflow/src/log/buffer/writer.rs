//! The far end of the buffer: the thread that writes.

use std::cell::RefCell;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Counts, Message};

/// How many bytes are written at a time while lines are waiting.
const WRITE_SIZE: usize = 64 * 1024;

/// After each write lines gather for a moment, without waking this thread: while it waits for the next
/// line, whoever sends one pays for the wake-up. Measured, that was a fifth of what `GET /` cost.
const GATHER: Duration = Duration::from_millis(2);

/// At most this often it is said that lines were dropped.
const SAY_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    /// What the writing thread itself has logged, and `None` in every other thread.
    static OWN_LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Keeps the line here if it is the writing thread that logs: the buffer may be full, which may be what
/// the line is about, and nobody else empties it.
pub(super) fn keep_own(line: &[u8]) -> bool {
    let keep = |own: &RefCell<Option<Vec<u8>>>| match own.borrow_mut().as_mut() {
        Some(lines) => {
            lines.extend_from_slice(line);
            true
        }
        None => false,
    };
    OWN_LINES.try_with(keep).unwrap_or(false)
}

pub(super) struct Writer<W: Write> {
    out: BufWriter<W>,
    counts: Arc<Counts>,
    /// Lines that are in `out` and not known to be written.
    unflushed: u64,
    /// How many of the dropped lines the log has spoken of, and when.
    said: u64,
    said_at: Option<Instant>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, counts: Arc<Counts>) -> Self {
        Self {
            out: BufWriter::with_capacity(WRITE_SIZE, out),
            counts,
            unflushed: 0,
            said: 0,
            said_at: None,
        }
    }

    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        OWN_LINES.set(Some(Vec::new()));
        while let Some(message) = self.next(receiver) {
            match message {
                Message::Line(line) => self.write(&line),
                Message::Flush(answer) => {
                    self.say_what_was_dropped();
                    let _ = answer.send(self.flush());
                }
            }
            if self.unsaid() > 0 && self.said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
                self.say_what_was_dropped();
            }
        }
    }

    /// Where no line waits, the ones so far are written out before the next is waited for.
    fn next(&mut self, receiver: &Receiver<Message>) -> Option<Message> {
        match receiver.try_recv() {
            Ok(message) => Some(message),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                let has_lines = self.unflushed > 0;
                if self.flush() && has_lines {
                    thread::sleep(GATHER);
                    if let Ok(message) = receiver.try_recv() {
                        return Some(message);
                    }
                }
                self.wait(receiver)
            }
        }
    }

    fn wait(&mut self, receiver: &Receiver<Message>) -> Option<Message> {
        while self.unsaid() > 0 {
            match receiver.recv_timeout(SAY_EVERY) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.say_what_was_dropped();
                    self.flush();
                }
            }
        }
        receiver.recv().ok()
    }

    fn write(&mut self, line: &[u8]) {
        match self.out.write_all(line) {
            Ok(()) => self.unflushed += 1,
            Err(_) => self.counts.drop_waiting(),
        }
    }

    /// Where it fails, the lines stay in `out` and stay counted as waiting.
    fn flush(&mut self) -> bool {
        let is_written = self.out.flush().is_ok();
        if is_written {
            self.counts
                .waiting
                .fetch_sub(self.unflushed, Ordering::Relaxed);
            self.unflushed = 0;
        }
        is_written
    }

    fn unsaid(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed) - self.said
    }

    fn say_what_was_dropped(&mut self) {
        let lines = self.unsaid();
        if lines == 0 {
            return;
        }
        self.said += lines;
        self.said_at = Some(Instant::now());
        tracing::warn!(
            target: "dockerflow::log",
            lines,
            total = self.said,
            "log lines were dropped: standard output was not read fast enough"
        );
        // If this fails as well, the end of the process says it.
        let _ = self
            .out
            .write_all(&OWN_LINES.replace(Some(Vec::new())).unwrap_or_default());
    }
}
