//! A mail as the server received it.

use std::time::Instant;

/// One mail, for all of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address of `MAIL FROM`, empty for a bounce.
    pub from: String,
    /// The addresses of the accepted `RCPT TO`s.
    pub to: Vec<String>,
    /// Headers and body as sent, with CRLF line ends, the dots of the transfer removed.
    pub data: String,
    /// When the server took it.
    pub taken_at: Instant,
}

impl Mail {
    /// The value of the first header of this name, in any case, unfolded (RFC 5322, section 2.2.3).
    pub fn header(&self, name: &str) -> Option<String> {
        let (headers, _) = self.parts();
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", "\t");
        unfolded.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// The part after the headers, still encoded.
    pub fn body(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.data.split_once("\r\n\r\n").unwrap_or((&self.data, ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(data: &str) -> Mail {
        Mail {
            from: String::new(),
            to: Vec::new(),
            data: data.to_owned(),
            taken_at: Instant::now(),
        }
    }

    #[test]
    fn a_folded_header_is_joined_to_one_line() {
        let mail = mail("To: a\r\nSubject: one\r\n two\r\n\r\nSubject: body\r\n");
        assert_eq!(mail.header("subject").as_deref(), Some("one two"));
    }

    #[test]
    fn a_line_of_the_body_is_not_read_as_a_header() {
        let mail = mail("To: a\r\n\r\nSubject: body\r\n");
        assert_eq!(mail.header("Subject"), None);
        assert_eq!(mail.body(), "Subject: body\r\n");
    }
}
