//! The api under load.

use std::net::TcpListener;

use super::{Case, Run, Unit, at_least};
use crate::{
    bench::{Bench, Size},
    load::{self, Request},
    queues::Contender,
    servers::{self, Server},
    side::variables,
};

pub const ROWS: &str = "INSERT INTO \"user\" (name, email) SELECT 'user-' || n, 'user-' || n || \
     '@example.org' FROM generate_series(1, 10000) AS n";

pub fn cases(size: Size) -> Vec<Case> {
    let seconds = size.seconds;
    vec![
        hello(seconds),
        peers_away(seconds),
        find_user(seconds),
        sign_up(seconds),
    ]
}

fn hello(seconds: u32) -> Case {
    let get = |server: fn(&str) -> Server| race(Request::Get("/"), seconds, server);
    let case = Case::new(
        "get-hello",
        "`GET /` with everything on, the log going to a file",
        Unit::Requests,
    )
    .side("ours", get(ours))
    .side("bare poem", get(|_| Server::Poem))
    .side("bare axum", get(|_| Server::Axum))
    .floor(at_least("ours", 0.6).times("bare poem"));
    against_flask(case, 15.0, get(flask))
}

/// What nobody may wait for.
fn peers_away(seconds: u32) -> Case {
    let get = |server: fn(&str) -> Server| race(Request::Get("/"), seconds, server);
    let dead_statsd = |url: &str| ours_with(url, &[("STATSD_URL", "udp://127.0.0.1:9")], true);
    Case::new(
        "get-hello-peers-away",
        "`GET /` while Sentry never answers, StatsD is dead, or nobody reads the log",
        Unit::Requests,
    )
    .side("ours", get(ours))
    .side("Sentry never answers", silent_sentry(seconds))
    .side("StatsD is dead", get(dead_statsd))
    .side(
        "nobody reads the log",
        get(|url| ours_with(url, &[], false)),
    )
    .floor(at_least("Sentry never answers", 0.95).times("ours"))
    .floor(at_least("StatsD is dead", 0.95).times("ours"))
    .floor(at_least("nobody reads the log", 0.95).times("ours"))
}

fn find_user(seconds: u32) -> Case {
    let request = Request::Get("/user/user-5000");
    let get = |server: fn(&str) -> Server| race(request, seconds, server);
    let bare = |url: &str| Server::PoemWithSeaOrm {
        url: url.to_owned(),
    };
    let case = Case::new(
        "get-user",
        "`GET /user/{name}`: one row of 10,000",
        Unit::Requests,
    )
    .side("ours", get(ours))
    .side("SeaORM in bare poem", get(bare))
    .floor(at_least("ours", 0.85).times("SeaORM in bare poem"));
    against_flask(case, 8.0, get(flask))
}

fn sign_up(seconds: u32) -> Case {
    let post = |server: fn(&str) -> Server| race(Request::SignUp, seconds, server);
    let case = Case::new(
        "post-user",
        "`POST /user`: a row, a job and a commit that is on the disk",
        Unit::Requests,
    )
    .side("ours", post(ours));
    against_flask(case, 1.0, post(flask))
}

/// Where Python is present.
fn against_flask(case: Case, times: f64, run: Run) -> Case {
    if !servers::flask::is_there() {
        eprintln!(
            "{}: without Flask, which cannot be installed here",
            case.name
        );
        return case;
    }
    case.side("Flask", run)
        .floor(at_least("ours", times).times("Flask"))
}

fn ours(url: &str) -> Server {
    ours_with(url, &[], true)
}

fn ours_with(url: &str, more: &[(&str, &str)], is_read: bool) -> Server {
    let mut all = vec![("DATABASE_URL", url)];
    all.extend(more);
    Server::Ours {
        variables: variables(&all),
        is_read,
    }
}

fn flask(url: &str) -> Server {
    Server::Flask {
        url: url.to_owned(),
    }
}

fn silent_sentry(seconds: u32) -> Run {
    Box::new(move |bench| {
        // Connections are made, and nobody answers.
        let sentry = TcpListener::bind("127.0.0.1:0")?;
        let dsn = format!("http://key@{}/1", sentry.local_addr()?);
        let server = move |url: &str| ours_with(url, &[("SENTRY_DSN", &dsn)], true);
        race(Request::Get("/"), seconds, server)(bench)
    })
}

fn race(request: Request, seconds: u32, server: impl Fn(&str) -> Server + 'static) -> Run {
    Box::new(move |bench: &mut Bench| {
        let url = bench.database();
        bench.runtime.block_on(Contender::SqlAlone.prepare(&url))?;
        bench.execute(&url, &[ROWS, "VACUUM ANALYZE", "CHECKPOINT"])?;
        let (running, address) = bench.serve(&server(&url))?;
        load::requests_per_second(&address, request, 1)?;
        let rate = load::requests_per_second(&address, request, seconds)?;
        drop(running);
        bench.clean(&url)?;
        Ok(rate)
    })
}
