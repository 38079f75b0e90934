//! What one client may ask of the process at the most.

use std::time::Duration;

/// The limits, which are not settings: what is right for them depends on the code, not on where it runs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are served at a time. Further ones wait in the kernel's backlog.
    pub connections: usize,
    /// How long the header of a request may take from its first byte on, or on a new connection from the start.
    pub header_time: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// How long a client may take to receive what is ready to be sent.
    pub write_time: Duration,
    /// How large the body of a request may be, in bytes.
    pub body_size: u64,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How much of a body that nobody wants is still read, in bytes, so that its sender gets to read the answer.
    pub linger_size: u64,
    /// For how long that is done.
    pub linger_time: Duration,
    /// How long it may take to answer a request.
    pub request_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            header_time: Duration::from_secs(15),
            keep_alive: Duration::from_mins(1),
            write_time: Duration::from_secs(30),
            body_size: 1024 * 1024,
            body_time: Duration::from_secs(15),
            linger_size: 16 * 1024 * 1024,
            linger_time: Duration::from_secs(10),
            request_time: Duration::from_secs(30),
        }
    }
}
