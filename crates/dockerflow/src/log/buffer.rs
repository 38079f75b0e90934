//! The bounded buffer between the code that logs and standard output.
//!
//! `tracing-appender` does not fit: when a process ends whose output is not read, it prints to that
//! output and blocks forever.

mod writer;

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tracing_subscriber::fmt::MakeWriter;

use self::writer::Writer;
use crate::metrics::LOG_LINES_DROPPED;

/// How many bytes may wait, besides the batch that is being written: about 8,000 lines, or a tenth
/// of a second of a busy service.
const CAPACITY: usize = 4 * 1024 * 1024;

/// A larger buffer is not kept for the next lines.
const KEPT_CAPACITY: usize = 256 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Buffer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the writer.
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batch: Batch,
    /// Lines that the writer has taken but not yet written.
    in_writing: u64,
    /// Lines that found the buffer full or the output closed.
    dropped: u64,
    /// Whether the writer waits for the bell.
    is_idle: bool,
}

/// What the writer takes at a time.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    /// Each receives whether everything before it was written.
    flushes: Vec<SyncSender<bool>>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.lines == 0 && self.flushes.is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_CAPACITY);
        self.lines = 0;
        self.flushes.clear();
    }
}

impl Buffer {
    /// Starts the thread that writes to `out`. It lives as long as the process.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let buffer = Self::default();
        let writer = Writer::new(out, buffer.clone());
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.run())?;
        Ok(buffer)
    }

    fn push(&self, line: &[u8]) {
        if writer::keep_own(line) {
            return;
        }
        let mut state = self.state();
        if state.batch.bytes.len() + line.len() > CAPACITY {
            return dropped(state, 1);
        }
        state.batch.bytes.extend_from_slice(line);
        state.batch.lines += 1;
        self.ring(state);
    }

    /// Waits until everything so far is written, or the deadline. Returns whether it was written.
    pub(super) fn flush(&self, deadline: Instant) -> bool {
        let (answer, answered) = mpsc::sync_channel(1);
        let mut state = self.state();
        state.batch.flushes.push(answer);
        self.ring(state);
        let left = deadline.saturating_duration_since(Instant::now());
        answered.recv_timeout(left).unwrap_or(false)
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Lines that will not be read if the process ends now.
    pub(super) fn lost(&self) -> u64 {
        let state = self.state();
        state.dropped + state.batch.lines + state.in_writing
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, mut state: MutexGuard<'_, State>) {
        if mem::take(&mut state.is_idle) {
            drop(state);
            self.0.bell.notify_one();
        }
    }
}

/// Counts dropped lines. The lock is released before the metric, because nothing may log under it.
fn dropped(mut state: MutexGuard<'_, State>, lines: u64) {
    state.dropped += lines;
    drop(state);
    LOG_LINES_DROPPED.add(lines, []);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flush_fails_if_lines_were_lost_before_it() {
        let buffer = Buffer::start(Broken).unwrap();
        buffer.push(b"lost\n");
        let deadline = Instant::now() + Duration::from_secs(30);
        while buffer.dropped() == 0 {
            assert!(Instant::now() < deadline, "the lost line is not counted");
            thread::yield_now();
        }
        assert!(!buffer.flush(deadline));
    }
}
