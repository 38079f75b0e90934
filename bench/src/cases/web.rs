//! The api under load.

use std::net::TcpListener;

use super::{Case, Run, Side, Unit, floor};
use crate::{
    bench::{Bench, Size},
    load::{self, Request},
    queues::Contender,
    servers::{self, Server},
};

const ROWS: &str = "INSERT INTO \"user\" (name, email) SELECT 'user-' || n, 'user-' || n || \
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
    let mut case = Case {
        name: "get-hello",
        what: "`GET /` with everything on, the log going to a file",
        unit: Unit::Requests,
        sides: vec![
            side("ours", get(ours)),
            side("bare poem", get(|_| Server::Poem)),
            side("bare axum", get(|_| Server::Axum)),
        ],
        floors: vec![floor("ours", "bare poem", 0.6)],
    };
    against_flask(&mut case, 15.0, get(flask));
    case
}

/// What nobody may wait for.
fn peers_away(seconds: u32) -> Case {
    let get = |server: fn(&str) -> Server| race(Request::Get("/"), seconds, server);
    Case {
        name: "get-hello-peers-away",
        what: "`GET /` while Sentry never answers, StatsD is dead, or nobody reads the log",
        unit: Unit::Requests,
        sides: vec![
            side("ours", get(ours)),
            side("Sentry never answers", silent_sentry(seconds)),
            side(
                "StatsD is dead",
                get(|url| with(url, "STATSD_URL", "udp://127.0.0.1:9", true)),
            ),
            side(
                "nobody reads the log",
                get(|url| with(url, "LOG_FORMAT", "json", false)),
            ),
        ],
        floors: vec![
            floor("Sentry never answers", "ours", 0.95),
            floor("StatsD is dead", "ours", 0.95),
            floor("nobody reads the log", "ours", 0.95),
        ],
    }
}

fn find_user(seconds: u32) -> Case {
    let request = Request::Get("/user/user-5000");
    let get = |server: fn(&str) -> Server| race(request, seconds, server);
    let mut case = Case {
        name: "get-user",
        what: "`GET /user/{name}`: one row of 10,000",
        unit: Unit::Requests,
        sides: vec![
            side("ours", get(ours)),
            side(
                "SeaORM in bare poem",
                get(|url| Server::PoemWithSeaOrm {
                    url: url.to_owned(),
                }),
            ),
        ],
        floors: vec![floor("ours", "SeaORM in bare poem", 0.85)],
    };
    against_flask(&mut case, 8.0, get(flask));
    case
}

fn sign_up(seconds: u32) -> Case {
    let post = |server: fn(&str) -> Server| race(Request::SignUp, seconds, server);
    let mut case = Case {
        name: "post-user",
        what: "`POST /user`: a row, a job and a commit that is on the disk",
        unit: Unit::Requests,
        sides: vec![side("ours", post(ours))],
        floors: Vec::new(),
    };
    against_flask(&mut case, 1.0, post(flask));
    case
}

fn side(name: &'static str, run: Run) -> Side {
    Side { name, run }
}

/// Where Python is present.
fn against_flask(case: &mut Case, least: f64, run: Run) {
    if servers::flask::is_there() {
        case.sides.push(side("Flask", run));
        case.floors.push(floor("ours", "Flask", least));
    } else {
        eprintln!(
            "{}: without Flask, which cannot be installed here",
            case.name
        );
    }
}

fn ours(url: &str) -> Server {
    with(url, "LOG_FORMAT", "json", true)
}

fn flask(url: &str) -> Server {
    Server::Flask {
        url: url.to_owned(),
    }
}

fn with(url: &str, name: &str, value: &str, is_read: bool) -> Server {
    let Contender::Ours { variables } = Contender::ours(&[("DATABASE_URL", url), (name, value)])
    else {
        unreachable!("it is ours");
    };
    Server::Ours { variables, is_read }
}

fn silent_sentry(seconds: u32) -> Run {
    Box::new(move |bench| {
        // Connections are made, and nobody answers.
        let sentry = TcpListener::bind("127.0.0.1:0")?;
        let dsn = format!("http://key@{}/1", sentry.local_addr()?);
        let server = move |url: &str| with(url, "SENTRY_DSN", &dsn, true);
        race(Request::Get("/"), seconds, server)(bench)
    })
}

fn race(request: Request, seconds: u32, server: impl Fn(&str) -> Server + 'static) -> Run {
    Box::new(move |bench: &mut Bench| {
        let url = bench.database();
        bench.runtime.block_on(Contender::SqlAlone.prepare(&url))?;
        bench.execute(&url, &[ROWS, "VACUUM ANALYZE", "CHECKPOINT"])?;
        let running = bench.serve(&server(&url))?;
        load::requests_per_second(&running.address, request, 1)?;
        let rate = load::requests_per_second(&running.address, request, seconds)?;
        drop(running);
        bench.clean(&url)?;
        Ok(rate)
    })
}
