//! A connection that waits for one thing at a time.

use std::io;
use std::time::{Duration, Instant};

use crate::address::{describe, Address, Stream};
use crate::cli::{Limits, Tls};
use crate::failure::Failure;
use crate::wire::{Frame, PENDING, PROCEDURE_UNAVAIL};

pub struct Connection {
    stream: Stream,
    next: u32,
    max_reply: u32,
    timeout: Duration,
}

/// Reads until its time is up: the socket's own timeout begins anew with every read.
struct Until<'a> {
    stream: &'a mut Stream,
    end: Option<Instant>,
}

impl io::Read for Until<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = match self.end {
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Some(left)
            }
            None => None,
        };
        self.stream.set_timeouts(left, left)?;
        self.stream.read(bytes)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stream.say_goodbye();
    }
}

impl Connection {
    pub fn open(address: &Address, limits: &Limits, tls: &Tls) -> Result<Self, Failure> {
        let tls = tls.client()?;
        Ok(Connection {
            stream: address.connect(limits.timeout, tls.as_ref())?,
            next: 0,
            max_reply: limits.max_reply,
            timeout: limits.timeout,
        })
    }

    pub fn send(&mut self, frame: &Frame) -> Result<(), Failure> {
        let timeout = Some(self.timeout);
        let sent = self
            .stream
            .set_timeouts(timeout, timeout)
            .and_then(|()| frame.write(&mut self.stream));
        sent.map_err(|error| self.failed(&error))
    }

    /// The next one; None at the end of the stream.
    pub fn receive(&mut self, end: Option<Instant>) -> Result<Option<Frame>, Failure> {
        let mut from = Until {
            stream: &mut self.stream,
            end,
        };
        Frame::read(&mut from, self.max_reply).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::network(match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                format!("no reply in {:?} (--timeout)", self.timeout)
            }
            io::ErrorKind::UnexpectedEof => "the connection ends within a message".to_owned(),
            _ => format!("the connection failed: {}", describe(error)),
        })
    }

    /// What is not its reply is not for us: requests are told so.
    pub fn call(&mut self, cmd: i32, payload: Vec<u8>) -> Result<Frame, Failure> {
        let request = Frame {
            sequence: self.next,
            status: PENDING,
            cmd,
            payload,
        };
        self.next = self.next.wrapping_add(1);
        let end = Instant::now() + self.timeout;
        self.send(&request)?;
        loop {
            let Some(frame) = self.receive(Some(end))? else {
                return Err(Failure::network("the peer closed the connection"));
            };
            if !frame.is_reply() {
                self.refuse(&frame)?;
            } else if frame.sequence == request.sequence {
                if frame.cmd != request.cmd {
                    let reason = "the reply is to another procedure than was called";
                    return Err(Failure::network(reason));
                }
                return Ok(frame);
            }
        }
    }

    /// Answers a request that nothing here can; messages have no answer.
    pub fn refuse(&mut self, frame: &Frame) -> Result<(), Failure> {
        if frame.cmd < 0 {
            return Ok(());
        }
        self.send(&frame.answer(PROCEDURE_UNAVAIL, Vec::new()))
    }

    /// A message; returns when the peer's system has it, or has closed.
    pub fn message(&mut self, cmd: i32, payload: Vec<u8>) -> Result<(), Failure> {
        let message = Frame {
            sequence: self.next,
            status: PENDING,
            cmd,
            payload,
        };
        self.next = self.next.wrapping_add(1);
        self.send(&message)?;
        self.stream.finish().map_err(|error| self.failed(&error))
    }
}
