//! Keeps the lines that a process writes.

use std::{
    io::{BufRead as _, BufReader, Read},
    sync::Arc,
    thread,
};

use tokio::sync::watch;

/// The lines of all streams that are read into it.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<watch::Sender<Written>>);

#[derive(Debug, Default)]
struct Written {
    lines: Vec<String>,
    open_streams: usize,
}

impl Lines {
    /// Reads a stream to its end in a thread, so that a blocked test does not hold up the process.
    pub(super) fn read(&self, stream: impl Read + Send + 'static) {
        self.0.send_modify(|written| written.open_streams += 1);
        let written = Arc::clone(&self.0);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line)
                    .trim_end_matches('\r')
                    .to_owned();
                written.send_modify(|written| written.lines.push(line));
            }
            written.send_modify(|written| written.open_streams -= 1);
        });
    }

    pub(super) fn so_far(&self) -> Vec<String> {
        self.0.borrow().lines.clone()
    }

    /// The first line for which `is_it` holds; `None` if the streams end without one.
    pub(super) async fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<String> {
        let find = |written: &Written| written.lines.iter().find(|line| is_it(line)).cloned();
        let mut changes = self.0.subscribe();
        let is_settled = |written: &Written| written.open_streams == 0 || find(written).is_some();
        let written = changes.wait_for(is_settled).await.ok()?;
        find(&written)
    }

    /// Waits for the end of every stream.
    pub(super) async fn end(&self) {
        let _ = self
            .0
            .subscribe()
            .wait_for(|written| written.open_streams == 0)
            .await;
    }
}
