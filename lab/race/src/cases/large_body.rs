//! What a body that no view wants costs.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use anyhow::ensure;

use super::{Case, Run, Unit, at_most, web::with_orders};
use crate::{
    bench::{Bench, Size},
    child::variables,
    machine,
    servers::Server,
};

/// How large the body is.
const BYTES: usize = 1024 * 1024;

const REQUESTS: u32 = 100;

pub fn case(size: Size) -> Case {
    Case::new(
        "large-body",
        "Processor time of web for a body of 1 MiB that consists of small values",
        Unit::Milliseconds,
    )
    .side("POST /order", processor_time(size))
    .floor(at_most("POST /order", 10.0))
}

fn processor_time(size: Size) -> Run {
    Box::new(move |bench: &mut Bench| {
        let url = with_orders(bench)?;
        let (running, address) = bench.serve(&Server::Ours {
            profile: size.profile.to_owned(),
            variables: variables(&[("DATABASE_URL", &url)]),
            is_read: true,
        })?;
        let start = r#"{"more":["#;
        let values = (BYTES - start.len()) / 2 - 2;
        let body = format!("{start}{}0]}}", "0,".repeat(values));
        post(&address, &body)?;
        let before = machine::processor_milliseconds(running.id())?;
        for _ in 0..REQUESTS {
            post(&address, &body)?;
        }
        let took = machine::processor_milliseconds(running.id())? - before;
        drop(running);
        bench.clean(&url)?;
        Ok(took / f64::from(REQUESTS))
    })
}

/// Sends the body whole, and then reads the answer to its end.
fn post(address: &str, body: &str) -> anyhow::Result<()> {
    let mut client = TcpStream::connect(address)?;
    let length = body.len();
    let head = format!(
        "POST /order HTTP/1.1\r\nHost: race\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    ensure!(answer.starts_with(b"HTTP/1.1 4"), "it was not refused");
    Ok(())
}
