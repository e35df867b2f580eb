//! As `sys::linux::socket`.

use super::fd::Fd;
use super::net::{self, File};
use super::resolve::{ipv4, Address};
use crate::error::{Errno, Result};
use crate::sync::sim::wait::{self, Key};
use crate::sys::net::{Begun, ConnectError, Credentials, Direction, Keepalive, Owed, Wait};
use std::os::fd::RawFd;
use std::time::Duration;

const EINTR: Errno = Errno(libc::EINTR);

pub fn send(fd: RawFd, data: &[u8]) -> Result<usize> {
    wait::point();
    if net::interrupts() {
        return Err(EINTR);
    }
    let sent = net::with(|n| n.send(fd, data));
    wait::trace(|| format!("sends on {fd} {}: {sent:?}", data.len()));
    sent
}

pub fn send_vectored(fd: RawFd, pieces: &[&[u8]]) -> Result<usize> {
    send(fd, &pieces.concat())
}

pub fn recv(fd: RawFd, buf: &mut [u8], wait: Wait) -> Result<usize> {
    wait::point();
    if net::interrupts() {
        return Err(EINTR);
    }
    let deadline = match wait {
        Wait::Limited => net::with(|n| n.stream(fd).recv_limit).map(wait::deadline),
        _ => None,
    };
    let mut late = wait == Wait::Not;
    loop {
        let got = net::with(|n| n.recv(fd, buf));
        wait::trace(|| format!("receives of {fd}: {got:?}"));
        if late || got != Err(Errno(libc::EAGAIN)) {
            return got;
        }
        late = wait::sleep(Key::File(fd), deadline);
    }
}

pub fn recv_append(fd: RawFd, buf: &mut Vec<u8>, room: usize, wait: Wait) -> Result<usize> {
    let room = room.min(buf.capacity() - buf.len());
    let mut bytes = vec![0; room];
    let n = recv(fd, &mut bytes, wait)?;
    buf.extend_from_slice(&bytes[..n]);
    Ok(n)
}

pub fn limit_recv(fd: RawFd, limit: Duration) {
    wait::point();
    net::with(|n| n.stream(fd).recv_limit = Some(limit));
}

pub fn wait_readable(fd: RawFd, wake: Option<RawFd>, limit: Option<Duration>) -> bool {
    wait::point();
    if net::interrupts() {
        return false;
    }
    let ready = |fd| net::with(|n| n.bits(fd)) & (net::IN | net::RDHUP) != 0;
    let woken = || wake.is_some_and(ready);
    if !ready(fd) && !woken() {
        let key = wake.map_or(Key::File(fd), |wake| Key::Files(fd, wake));
        wait::sleep(key, limit.map(wait::deadline));
    }
    woken()
}

pub fn shutdown(fd: RawFd, how: Direction) {
    wait::point();
    net::with(|n| match how {
        Direction::Read => n.shutdown(fd, true, false),
        Direction::Write => n.shutdown(fd, false, true),
        Direction::Both => n.shutdown(fd, true, true),
    });
}

pub fn end_waiting(fd: RawFd) -> bool {
    wait::point();
    let gone = net::RDHUP | net::HUP | net::ERR;
    let ended = fd < 0 || net::with(|n| n.bits(fd)) & gone != 0;
    if !ended {
        shutdown(fd, Direction::Read);
    }
    !ended
}

pub fn has_hung_up(fd: RawFd) -> bool {
    wait::point();
    net::with(|n| n.bits(fd)) & (net::HUP | net::ERR) != 0
}

pub fn has_input(fd: RawFd) -> bool {
    wait::point();
    fd >= 0 && net::with(|n| n.bits(fd)) & net::IN != 0
}

pub fn wait_writable(fd: RawFd, limit: Option<Duration>) {
    wait::point();
    let ready = net::OUT | net::HUP | net::ERR;
    if net::with(|n| n.bits(fd)) & ready == 0 {
        wait::sleep(Key::File(fd), limit.map(wait::deadline));
    }
}

pub fn accept(listener: RawFd) -> Result<(Fd, Vec<u8>)> {
    wait::point();
    let fd = net::with(|n| n.accept(listener))?;
    Ok((Fd::own(fd), ipv4(0)))
}

pub fn connect(to: &Address) -> std::result::Result<Fd, ConnectError> {
    wait::point();
    let fd = net::with(|n| n.connect(to.port));
    fd.map(Fd::own).map_err(ConnectError::Connect)
}

/// Who is let in at once may hear of it later.
pub fn begin_connect(to: &Address) -> std::result::Result<Begun, ConnectError> {
    let fd = connect(to)?;
    Ok(match wait::random(3) {
        0 => Begun::Stands(fd),
        _ => Begun::UnderWay(fd),
    })
}

pub fn connected(_fd: RawFd) -> Option<Result<()>> {
    wait::point();
    Some(Ok(()))
}

pub fn wait_connected(_fds: &[RawFd], _limit: Option<Duration>) {
    wait::point();
}

pub fn listen(at: &Address, _backlog: u32, _beside: bool) -> Result<Fd> {
    wait::point();
    net::with(|n| n.listen(at.port)).map(Fd::own)
}

pub fn is_listening(fd: RawFd) -> Result<bool> {
    Ok(net::with(|n| matches!(n.file(fd), File::Listener(_))))
}

pub fn set_nonblocking(_fd: RawFd, on: bool) -> bool {
    on
}

pub fn set_close_on_exec(_fd: RawFd) {}

pub fn local_port(fd: RawFd) -> Result<u16> {
    net::with(|n| n.port(fd))
}

pub fn local_address(_fd: RawFd) -> Result<Vec<u8>> {
    Ok(ipv4(1))
}

pub fn peer_address(_fd: RawFd) -> Result<Vec<u8>> {
    Ok(ipv4(0))
}

pub fn credentials(_fd: RawFd) -> Result<Credentials> {
    Ok(Credentials {
        pid: 1,
        uid: 0,
        gid: 0,
    })
}

pub fn family(fd: RawFd) -> Result<i32> {
    Ok(net::with(|n| match n.stream(fd).kind {
        net::Kind::Tcp => libc::AF_INET,
        net::Kind::Unix => libc::AF_UNIX,
    }))
}

pub fn incoming_cpu(_fd: RawFd) -> Option<i32> {
    Some(1)
}

pub fn owed(fd: RawFd) -> Option<Owed> {
    net::with(|n| n.owed(fd))
}

pub fn unsent(fd: RawFd) -> usize {
    wait::point();
    net::with(|n| n.unsent(fd))
}

pub fn is_stream(fd: RawFd) -> Result<bool> {
    Ok(net::with(|n| matches!(n.file(fd), File::Stream(_))))
}

pub fn prepare(_fd: RawFd, _family: i32, _keepalive: Option<Keepalive>) {}
