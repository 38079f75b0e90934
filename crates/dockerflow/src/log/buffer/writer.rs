//! The thread that writes the buffer to standard output.

use std::cell::RefCell;
use std::io::{self, Write};
use std::mem;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Batch, Buffer, State};

/// How long the thread sleeps after a write, so that lines gather. If it waited for the next line,
/// the logging thread would have to wake it: a fifth of the cost of `GET /`.
const GATHER: Duration = Duration::from_millis(2);

/// How often the log reports dropped lines at most.
const SAY_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    /// Lines that the writing thread itself has logged; `None` in every other thread.
    static OWN_LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Keeps a line of the writing thread out of the buffer: the buffer may be full, and no other
/// thread empties it.
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

pub(super) struct Writer<W> {
    out: W,
    buffer: Buffer,
    /// How many dropped lines the log has reported, and when.
    said: u64,
    said_at: Option<Instant>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, buffer: Buffer) -> Self {
        Self {
            out,
            buffer,
            said: 0,
            said_at: None,
        }
    }

    pub(super) fn run(mut self) {
        OWN_LINES.set(Some(Vec::new()));
        let mut batch = Batch::default();
        loop {
            self.take(&mut batch);
            let is_written = self.write(&batch.bytes).is_ok();
            self.written(batch.lines, is_written);
            let is_due = self.said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY);
            let is_asked = !batch.flushes.is_empty();
            let is_said = (is_due || is_asked) && self.say_what_was_dropped();
            for flush in &batch.flushes {
                let _ = flush.send(is_written && is_said);
            }
            batch.clear();
            thread::sleep(GATHER);
        }
    }

    /// Waits for lines and takes all of them. If dropped lines are not yet reported, it stops
    /// waiting after a while.
    fn take(&self, batch: &mut Batch) {
        let mut state = self.buffer.state();
        while state.batch.is_empty() {
            state.is_idle = true;
            if state.dropped == self.said {
                state = self.wait(state);
            } else {
                let bell = &self.buffer.0.bell;
                let waited = bell.wait_timeout(state, SAY_EVERY);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                break;
            }
        }
        state.is_idle = false;
        mem::swap(&mut state.batch, batch);
        state.in_writing = batch.lines;
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let bell = &self.buffer.0.bell;
        bell.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The pipe is non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(GATHER),
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }

    fn written(&self, lines: u64, is_written: bool) {
        let mut state = self.buffer.state();
        state.in_writing = 0;
        if !is_written {
            super::dropped(state, lines);
        }
    }

    /// Returns whether all dropped lines are reported.
    fn say_what_was_dropped(&mut self) -> bool {
        let total = self.buffer.dropped();
        let lines = total - self.said;
        if lines == 0 {
            return true;
        }
        self.said_at = Some(Instant::now());
        tracing::warn!(
            target: "dockerflow::log",
            lines,
            total,
            "log lines were dropped: standard output was not read fast enough"
        );
        let own_lines = OWN_LINES.replace(Some(Vec::new())).unwrap_or_default();
        // It is empty if LOG_LEVEL is above warnings.
        let is_said = !own_lines.is_empty() && self.write(&own_lines).is_ok();
        if is_said {
            self.said = total;
        }
        is_said
    }
}
