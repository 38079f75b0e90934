use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::capture::{lines_at, lines_of, text_at};

#[test]
fn a_line_has_exactly_the_keys_of_mozlog() {
    let before = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let lines = lines_of(|| tracing::info!(target: "some.target", "hello"));
    let after = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();

    let line = lines[0].as_object().unwrap();
    let mut keys: Vec<_> = line.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "EnvVersion",
            "Fields",
            "Hostname",
            "Logger",
            "Pid",
            "Severity",
            "Timestamp",
            "Type"
        ]
    );
    let timestamp = u128::from(line["Timestamp"].as_u64().unwrap());
    assert!((before..=after).contains(&timestamp));
    assert_eq!(line["Type"], "some.target");
    assert_eq!(line["Logger"], "test");
    assert!(!line["Hostname"].as_str().unwrap().is_empty());
    assert_eq!(line["EnvVersion"], "2.0");
    assert_eq!(line["Severity"], 6);
    assert_eq!(line["Pid"], std::process::id());
    assert_eq!(line["Fields"], json!({"msg": "hello"}));
}

#[test]
fn a_severity_is_that_of_syslog() {
    let lines = lines_at("trace", || {
        tracing::error!("");
        tracing::warn!("");
        tracing::info!("");
        tracing::debug!("");
        tracing::trace!("");
    });
    let severities: Vec<_> = lines.iter().map(|line| line["Severity"].clone()).collect();
    assert_eq!(severities, [3, 4, 6, 7, 7]);
}

#[test]
fn a_field_keeps_its_type() {
    let lines = lines_of(|| {
        tracing::info!(
            yes = true,
            negative = -1_i64,
            large = u64::MAX,
            larger = u128::from(u64::MAX) + 1,
            half = 0.5,
            whole = 2.0,
            none = Option::<u8>::None,
            nan = f64::NAN,
            text = "1",
            shown = %"a",
            debugged = ?"b",
        );
    });
    let fields = &lines[0]["Fields"];
    assert_eq!(fields["yes"], json!(true));
    assert_eq!(fields["negative"], json!(-1));
    assert_eq!(fields["large"], json!(u64::MAX));
    assert!(fields["larger"].is_number());
    assert_eq!(fields["half"], json!(0.5));
    assert_eq!(fields["whole"], json!(2.0));
    assert_eq!(fields.get("none"), None);
    assert_eq!(fields["nan"], json!("NaN"));
    assert_eq!(fields["text"], json!("1"));
    assert_eq!(fields["shown"], json!("a"));
    assert_eq!(fields["debugged"], json!("\"b\""));
}

#[test]
fn an_event_with_line_breaks_is_one_line() {
    let nasty = "a\nb\r\n\"c\" \\ \t \u{0} \u{1b}[31m \u{7f} \u{1f600} é \u{9b}31m \u{2028} \u{202e}abc \u{2066} €";
    let text = text_at("info", "json", || {
        tracing::info!(field = nasty, shown = %nasty, "{nasty}");
    });
    assert_eq!(text.matches('\n').count(), 1);
    assert!(!text.contains([
        '\u{1b}', '\u{7f}', '\u{9b}', '\u{2028}', '\u{202e}', '\u{2066}'
    ]));
    assert!(text.contains("é") && text.contains("€"), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    for field in ["msg", "field", "shown"] {
        assert_eq!(line["Fields"][field], nasty);
    }
}

#[test]
fn an_event_has_the_fields_of_its_spans_but_its_own_win() {
    let lines = lines_of(|| {
        let job = tracing::info_span!(
            "job",
            rid = "r",
            kind = "mail",
            attempt = 1,
            outcome = tracing::field::Empty
        );
        let _job = job.enter();
        let _inner = tracing::info_span!("inner", attempt = 2, step = "s").entered();
        tracing::info!("plain");
        tracing::info!(step = "own", kind = 7, "with its own");
        job.record("outcome", "done");
        tracing::info!("recorded");
    });
    let fields: Vec<_> = lines.iter().map(|line| line["Fields"].clone()).collect();
    assert_eq!(
        fields[0],
        json!({"msg": "plain", "rid": "r", "kind": "mail", "attempt": 2, "step": "s"})
    );
    assert_eq!(
        fields[1],
        json!({"msg": "with its own", "rid": "r", "kind": 7, "attempt": 2, "step": "own"})
    );
    assert_eq!(fields[2]["outcome"], "done");
}

#[test]
fn an_error_shows_its_causes() {
    #[derive(Debug)]
    struct Outer(fmt::Error);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let error = Outer(fmt::Error);
    let lines = lines_of(|| tracing::error!(error = &error as &dyn std::error::Error));
    assert_eq!(
        lines[0]["Fields"]["error"],
        format!("outer: {}", fmt::Error)
    );
}

#[test]
fn a_list_of_levels_adds_to_info() {
    let lines = lines_at("web=debug,sqlx=warn", || {
        tracing::debug!(target: "web::views", "1");
        tracing::info!(target: "sqlx::query", "not this");
        tracing::debug!(target: "worker", "nor this");
        tracing::info!(target: "worker", "2");
    });
    let messages: Vec<_> = lines
        .iter()
        .map(|line| line["Fields"]["msg"].clone())
        .collect();
    assert_eq!(messages, ["1", "2"]);
}
