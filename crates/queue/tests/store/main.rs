//! The promises of the job store, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod by_hand;
mod claim;
mod cursor;
mod enqueue;
mod fencing;
mod finish;
mod frozen;
mod health;
mod heartbeat;
mod many;
mod migrations;
mod model;
mod notify;
mod operate;
mod promote;
mod prune;
mod rescue;
mod session;
mod set_back;
mod status;
mod steadiness;
mod storm;
mod test_store;
mod unique;
