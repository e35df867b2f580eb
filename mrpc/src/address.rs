//! Where peers are, and connections to them.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, ToSocketAddrs as _};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::failure::{Exit, Failure};
use crate::tls::{Session, Settings};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An empty host is this machine, to a listener any address of it.
    Tcp {
        host: String,
        port: u16,
    },
    Unix(PathBuf),
    Abstract(String),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.strip_prefix('@') {
                Some("") => Err("a name is missing behind `@`".to_owned()),
                Some(name) => Ok(Address::Abstract(name.to_owned())),
                None if path.is_empty() => Err("a path is missing behind `unix:`".to_owned()),
                None => Ok(Address::Unix(path.into())),
            };
        }
        let forms = "an address is host:port, [v6%zone]:port, :port, unix:/path or unix:@name";
        let (host, port) = text.rsplit_once(':').ok_or(forms)?;
        let port = port
            .parse()
            .map_err(|_| format!("`{port}` is no port: {forms}"))?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or(forms)?,
            None if host.contains(':') => {
                return Err(format!(
                    "an IPv6 address stands in brackets: [{host}]:{port}"
                ))
            }
            None => host,
        };
        Ok(Address::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Abstract(name) => write!(f, "unix:@{name}"),
        }
    }
}

#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Session, Box<Stream>),
}

macro_rules! each {
    ($stream:expr, $inner:ident => $do:expr, $session:pat, $below:ident => $tls:expr) => {
        match $stream {
            Stream::Tcp($inner) => $do,
            Stream::Unix($inner) => $do,
            Stream::Tls($session, $below) => $tls,
        }
    };
}

impl Stream {
    pub fn try_clone(&self) -> io::Result<Stream> {
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
            Stream::Tls(session, below) => {
                Stream::Tls(session.clone(), Box::new(below.try_clone()?))
            }
        })
    }

    pub fn set_timeouts(&self, read: Option<Duration>, write: Option<Duration>) -> io::Result<()> {
        each!(self, inner => {
            inner.set_read_timeout(read)?;
            inner.set_write_timeout(write)
        }, _, below => below.set_timeouts(read, write))
    }

    /// Nothing more will come from here.
    pub fn finish(&mut self) -> io::Result<()> {
        each!(self, inner => inner.shutdown(Shutdown::Write), session, below => {
            session.finish(below)?;
            below.finish()
        })
    }

    /// Tells the peer of a TLS connection that nothing was cut off.
    pub fn say_goodbye(&mut self) {
        if let Stream::Tls(session, below) = self {
            // Who is gone needs none.
            let _ = session.finish(below);
        }
    }

    /// The same with TLS; the handshake is done when it returns.
    pub fn secured(
        mut self,
        tls: &Settings,
        address: Option<(&Address, Option<IpAddr>)>,
    ) -> io::Result<Stream> {
        let session = tls.open(&mut self, address)?;
        Ok(Stream::Tls(session, Box::new(self)))
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        each!(self, inner => inner.read(bytes), session, below => session.read(below, bytes))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, inner => inner.write(bytes), session, below => session.write(below, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        each!(self, inner => inner.flush(), _, below => below.flush())
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Address {
    /// In the time given, with the look-up of the name, and TLS.
    pub fn connect(&self, timeout: Duration, tls: Option<&Settings>) -> Result<Stream, Failure> {
        let (done, result) = mpsc::channel();
        let (address, tls) = (self.clone(), tls.cloned());
        // Neither a look-up nor a Unix socket's full backlog can be waited for in time.
        std::thread::spawn(move || {
            // The receiver is gone if time is up.
            let _ = done.send(address.connect_now(timeout, tls.as_ref()));
        });
        let failed = |why: &dyn fmt::Display| {
            let message = format!("cannot connect to {self}: {why}");
            Failure::new(Exit::Connect, message)
        };
        match result.recv_timeout(timeout) {
            Ok(result) => result.map_err(|error| failed(&describe(&error))),
            Err(_) => Err(failed(&format_args!(
                "no answer in {timeout:?} (--timeout)"
            ))),
        }
    }

    fn connect_now(&self, timeout: Duration, tls: Option<&Settings>) -> io::Result<Stream> {
        let (stream, at) = self.connect_plain(timeout)?;
        let Some(tls) = tls else {
            return Ok(stream);
        };
        stream.set_timeouts(Some(timeout), Some(timeout))?;
        let stream = stream.secured(tls, Some((self, at)))?;
        stream.set_timeouts(None, None)?;
        Ok(stream)
    }

    /// Also what address it came to.
    fn connect_plain(&self, timeout: Duration) -> io::Result<(Stream, Option<IpAddr>)> {
        let unix = |stream| (Stream::Unix(stream), None);
        let (host, port) = match self {
            Address::Tcp { host, port } => (host.as_str(), *port),
            Address::Unix(path) => return UnixStream::connect(path).map(unix),
            Address::Abstract(name) => {
                let address = abstract_address(name)?;
                return UnixStream::connect_addr(&address).map(unix);
            }
        };
        let end = Instant::now() + timeout;
        let host = if host.is_empty() { "localhost" } else { host };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (host, port).to_socket_addrs()? {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok((Stream::Tcp(stream), Some(address.ip())));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// As the system says it.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// The listener, and where it is.
    pub fn bind(address: &Address) -> io::Result<(Listener, String)> {
        let listener = match address {
            Address::Tcp { host, port } => {
                let host = if host.is_empty() { "::" } else { host };
                let listener = match TcpListener::bind((host, *port)) {
                    // A machine without IPv6.
                    Err(_) if host == "::" => TcpListener::bind(("0.0.0.0", *port))?,
                    other => other?,
                };
                let local = listener.local_addr()?.to_string();
                return Ok((Listener::Tcp(listener), local));
            }
            Address::Unix(path) => match UnixListener::bind(path) {
                // What a listener left behind that has ended.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && UnixStream::connect(path).is_err() =>
                {
                    std::fs::remove_file(path)?;
                    UnixListener::bind(path)?
                }
                other => other?,
            },
            Address::Abstract(name) => UnixListener::bind_addr(&abstract_address(name)?)?,
        };
        Ok((Listener::Unix(listener), address.to_string()))
    }

    pub fn accept(&self) -> io::Result<Stream> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Listener::Unix(listener) => Ok(Stream::Unix(listener.accept()?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for text in [
            "host:1",
            ":65535",
            "[fe80::1%eth0]:80",
            "unix:/run/x",
            "unix:@name",
        ] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for text in [
            "",
            "host",
            "host:",
            "host:65536",
            "::1:80",
            "[::1:80",
            "unix:",
            "unix:@",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
