//! Reads the log of a piece of code.

use std::io;
use std::sync::{Arc, Mutex};

use dockerflow::log;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// What `work` logs, with the default settings.
pub(crate) fn lines_of(work: impl FnOnce()) -> Vec<Value> {
    lines_at("info", work)
}

/// What `work` logs at this `LOG_LEVEL`.
pub(crate) fn lines_at(level: &str, work: impl FnOnce()) -> Vec<Value> {
    parse(&text_at(level, "json", work))
}

/// What `work` logs, as text in this format.
pub(crate) fn text_at(level: &str, format: &str, work: impl FnOnce()) -> String {
    let settings: log::Settings = dockerflow::settings::try_load_from(
        ["test"],
        [("LOG_LEVEL", level), ("LOG_FORMAT", format)],
    )
    .unwrap();
    let memory = Memory::default();
    tracing::subscriber::with_default(log::subscriber("test", &settings, memory.clone()), work);
    String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
}

/// Each line as JSON.
pub(crate) fn parse(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Memory;

    fn make_writer(&'a self) -> Memory {
        self.clone()
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
