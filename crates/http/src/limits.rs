//! What one client may ask of the process at the most.

use std::time::Duration;

/// The limits, which are not settings: what is right for them depends on the code, not on where it runs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are served at a time. A further one takes the place of the longest idle one.
    pub connections: usize,
    /// For how long that must have been without a request. Where all are busier, the new one is one of the reserve.
    pub yield_time: Duration,
    /// How many further connections get one answer: what Dockerflow asks is answered, all else is 503. Beyond
    /// these, connections wait in the kernel's backlog.
    pub reserve: usize,
    /// How long a connection of the reserve may take for its header, and for taking its answer.
    pub reserve_time: Duration,
    /// How long the header of a request may take from its first byte on, or on a new connection from the start.
    pub header_time: Duration,
    /// How long a connection may wait for its next request.
    pub keep_alive: Duration,
    /// How long a client may take to receive what is ready to be sent, of which there are 80 KiB at most at a time.
    pub write_time: Duration,
    /// How large the body of a request may be, in bytes. An endpoint has a smaller limit of its own.
    pub body_size: u64,
    /// How large the bodies of all requests may be together, in bytes. The first 16 KiB of each are not counted. A body
    /// that finds no room within its time is answered 503.
    pub bodies_size: u32,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How much of a body that nobody wants is still read, in bytes, so that its sender gets to read the answer.
    pub linger_size: u64,
    /// For how long that is done.
    pub linger_time: Duration,
    /// How long it may take to answer a request.
    pub request_time: Duration,
}

impl Limits {
    /// The limits for a connection of the reserve.
    pub(crate) fn of_reserve(self) -> Self {
        Self {
            header_time: self.header_time.min(self.reserve_time),
            write_time: self.write_time.min(self.reserve_time),
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            yield_time: Duration::from_secs(1),
            reserve: 64,
            reserve_time: Duration::from_secs(2),
            header_time: Duration::from_secs(15),
            keep_alive: Duration::from_mins(1),
            write_time: Duration::from_secs(30),
            body_size: 1024 * 1024,
            bodies_size: 64 * 1024 * 1024,
            body_time: Duration::from_secs(15),
            linger_size: 16 * 1024 * 1024,
            linger_time: Duration::from_secs(10),
            request_time: Duration::from_secs(30),
        }
    }
}
