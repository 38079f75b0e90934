//! One connection: the server's side of RFC 5321, section 4.1.

use std::{io, sync::Arc, time::Instant};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufStream},
    sync::watch,
    time::sleep,
};

use super::{Mail, State};

struct Session<S> {
    stream: BufStream<S>,
    state: Arc<watch::Sender<State>>,
    from: Option<String>,
    to: Vec<String>,
}

/// Serves a client until it quits or the connection ends.
pub(super) async fn run(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    state: Arc<watch::Sender<State>>,
) -> io::Result<()> {
    let stream = BufStream::new(connection);
    let mut session = Session {
        stream,
        state,
        from: None,
        to: Vec::new(),
    };
    if let Some(code) = session.refusal("CONNECT") {
        return session.reply(&format!("{code} refused")).await;
    }
    session.reply("220 localhost ESMTP").await?;
    while let Some(line) = session.read_line().await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        if let Some(code) = session.refusal(&verb) {
            return session.reply(&format!("{code} refused")).await;
        }
        match verb.as_str() {
            "EHLO" => {
                let hello = Some(argument.to_owned());
                session.state.send_modify(|state| state.hello = hello);
                let extensions = "250-localhost\r\n250-8BITMIME\r\n250 SMTPUTF8";
                session.hello(extensions).await?;
            }
            "HELO" => session.hello("250 localhost").await?,
            "MAIL" => session.mail(argument).await?,
            "RCPT" => session.rcpt(argument).await?,
            "DATA" if session.to.is_empty() => session.reply("503 no recipient yet").await?,
            "DATA" => {
                if !session.data().await? {
                    return Ok(());
                }
            }
            "RSET" => session.hello("250 reset").await?,
            "NOOP" => session.reply("250 ok").await?,
            "QUIT" => return session.reply("221 bye").await,
            _ => session.reply("502 no such command").await?,
        }
    }
    Ok(())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// The code with which the test refuses this command.
    fn refusal(&self, command: &str) -> Option<u16> {
        let state = self.state.borrow();
        let refused = state.refused.as_ref();
        refused
            .filter(|(name, _)| name == command)
            .map(|(_, code)| *code)
    }

    /// A greeting resets the session, as RSET does.
    async fn hello(&mut self, reply: &str) -> io::Result<()> {
        self.from = None;
        self.to.clear();
        self.reply(reply).await
    }

    async fn mail(&mut self, argument: &str) -> io::Result<()> {
        if self.from.is_some() {
            return self.reply("503 one mail at a time").await;
        }
        match path(argument, "FROM:") {
            Some(from) => {
                self.from = Some(from);
                self.reply("250 ok").await
            }
            None => self.reply("501 MAIL FROM:<address>").await,
        }
    }

    async fn rcpt(&mut self, argument: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.reply("503 MAIL comes first").await;
        }
        let Some(to) = path(argument, "TO:").filter(|to| !to.is_empty()) else {
            return self.reply("501 RCPT TO:<address>").await;
        };
        if let Some(reply) = self.recipient_reply(&to) {
            return self.reply(&reply).await;
        }
        self.to.push(to);
        self.reply("250 ok").await
    }

    /// The reply that the test has set for this recipient.
    fn recipient_reply(&self, address: &str) -> Option<String> {
        let mut line = None;
        self.state.send_if_modified(|state| {
            if let Some(reply) = state
                .recipient_reply
                .as_mut()
                .filter(|reply| reply.times > 0)
            {
                if reply.times != usize::MAX {
                    reply.times -= 1;
                }
                line = Some(format!(
                    "{} {}",
                    reply.code,
                    reply.text.replace("{address}", address)
                ));
            }
            false
        });
        line
    }

    /// Takes the mail. `false` if the connection shall end without an answer.
    async fn data(&mut self) -> io::Result<bool> {
        let pause = self.state.borrow().slowness / 2;
        sleep(pause).await;
        self.reply("354 end with a line that is a dot").await?;
        let mut data = Vec::new();
        loop {
            let line = self
                .read_line()
                .await?
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data: String::from_utf8_lossy(&data).into_owned(),
            taken_at: Instant::now(),
        };
        if self.take(mail) {
            return Ok(false);
        }
        sleep(pause).await;
        self.reply("250 taken").await?;
        Ok(true)
    }

    /// Keeps a mail. Returns whether to drop the connection.
    fn take(&self, mail: Mail) -> bool {
        let mut drops = false;
        self.state.send_modify(|state| {
            state.mails.push(mail);
            drops = state.drops_after_data > 0;
            if drops && state.drops_after_data != usize::MAX {
                state.drops_after_data -= 1;
            }
        });
        drops
    }

    async fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let length = self.stream.read_until(b'\n', &mut line).await?;
        Ok((length > 0).then_some(line))
    }

    async fn reply(&mut self, reply: &str) -> io::Result<()> {
        let mut changes = self.state.subscribe();
        if changes.wait_for(|state| !state.hangs).await.is_err() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await?;
        self.stream.flush().await
    }
}

/// The address in `FROM:<address> PARAMETER…`.
fn path(argument: &str, keyword: &str) -> Option<String> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    start
        .eq_ignore_ascii_case(keyword)
        .then(|| address.to_owned())
}
