//! Field types that cannot hold an invalid value. To add one, write a type with a [`Rule`].

use bare_http::{Rule, Text};
use email_address::{EmailAddress, Options};
use poem_openapi::registry::MetaSchema;

/// The name of a user.
pub(crate) type Name = Text<NameRule>;

/// The rule for a [`Name`].
#[derive(Debug)]
pub(crate) struct NameRule;

const NAME_LENGTH: usize = 100;

/// No control characters, and no space at the ends.
const NAME_PATTERN: &str = r"^[^\s\u0000-\u001f\u007f-\u009f]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";

impl Rule for NameRule {
    const NAME: &'static str = "Name";

    fn check(text: &str) -> Result<(), &'static str> {
        if text.trim().is_empty() {
            Err("must not be empty")
        } else if text.trim() != text {
            Err("must not start or end with a space")
        } else if text.chars().any(char::is_control) {
            Err("must not have control characters")
        } else if text.chars().count() > NAME_LENGTH {
            Err("must not have more than 100 characters")
        } else {
            Ok(())
        }
    }

    fn schema(schema: MetaSchema) -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(NAME_LENGTH),
            pattern: Some(NAME_PATTERN.to_owned()),
            ..schema
        }
    }
}

/// An e-mail address, with a domain that has a dot.
pub(crate) type Email = Text<EmailRule>;

/// The rule for an [`Email`].
#[derive(Debug)]
pub(crate) struct EmailRule;

/// In bytes, from RFC 5321, section 4.5.3.1.3: a path of 256 with its brackets.
const EMAIL_LENGTH: usize = 254;

impl Rule for EmailRule {
    const NAME: &'static str = "Email";

    /// The case of a domain means nothing. That of the part before it may.
    fn normalize(text: String) -> String {
        match text.rsplit_once('@') {
            Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
            None => text,
        }
    }

    fn check(text: &str) -> Result<(), &'static str> {
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        if text.len() > EMAIL_LENGTH {
            Err("must not have more than 254 bytes")
        } else if !text.is_ascii() {
            // Few mail servers accept others (SMTPUTF8).
            Err("must be an e-mail address of ASCII characters")
        } else if !is_sendable(text) || EmailAddress::parse_with_options(text, options).is_err() {
            Err("must be an e-mail address")
        } else {
            Ok(())
        }
    }

    fn schema(schema: MetaSchema) -> MetaSchema {
        MetaSchema {
            format: Some("email"),
            max_length: Some(EMAIL_LENGTH),
            ..schema
        }
    }
}

/// The RFCs allow more addresses than mail servers accept: this requires an unquoted local part, and a
/// domain that is a host name.
fn is_sendable(address: &str) -> bool {
    let is_of_a_host = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    address.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.contains(['"', '\\']) && domain.chars().all(is_of_a_host)
    }) && !address.contains(|c: char| c.is_control() || c == ' ')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_has_1_to_100_characters_and_no_control_character() {
        for good in ["a", "Ada Lovelace", "Jürgen", &"ü".repeat(100)] {
            assert_eq!(Name::parse(good.to_owned()).unwrap().to_string(), good);
        }
        for bad in [
            "",
            " ",
            " ada",
            "ada\u{a0}",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            &"ü".repeat(101),
        ] {
            assert!(Name::parse(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_domain_of_an_email_is_in_lower_case() {
        let email = Email::parse("Ada@Example.NET".to_owned()).unwrap();
        assert_eq!(email.to_string(), "Ada@example.net");
    }

    #[test]
    fn an_email_is_one_address_of_at_most_254_bytes() {
        for good in ["ada@example.net", "a+b@x.co", "o'hara@example.net"] {
            assert!(Email::parse(good.to_owned()).is_ok(), "{good:?}");
        }
        let long = format!("{}@{}.net", "a".repeat(64), "b.".repeat(100));
        for bad in [
            "",
            "x",
            "x@",
            "@x.net",
            "x@localhost",
            "Ada <ada@example.net>",
            "ada@[127.0.0.1]",
            "ada@example.net ",
            "a\0@example.net",
            "\"a\nb\"@example.net",
            "a@b.net,c@d.net",
            &long,
        ] {
            assert!(Email::parse(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
