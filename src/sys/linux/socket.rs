//! Stream sockets by descriptor.
//!
//! What is called with a right or the token held is a raw system call: see `cancel`.

use super::fd::Fd;
use super::resolve::Address;
use super::Timespec;
use crate::error::{Errno, Result};
use crate::sys::net::{Begun, ConnectError, Credentials, Direction, Keepalive, Owed, Wait};
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

fn check(result: libc::c_long) -> Result<usize> {
    usize::try_from(result).map_err(|_| Errno::last())
}

/// Sends what the socket takes at once; never raises SIGPIPE.
#[inline]
pub fn send(fd: RawFd, data: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads `data` only.
    check(unsafe {
        libc::syscall(
            libc::SYS_sendto,
            fd,
            data.as_ptr(),
            data.len(),
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
            0usize,
            0usize,
        )
    })
}

/// Sends a list of pieces, as `send`; the first of them, if the kernel does not take so many.
pub fn send_vectored(fd: RawFd, pieces: &[&[u8]]) -> Result<usize> {
    const IOV_MAX: usize = 1024;
    let pieces = &pieces[..pieces.len().min(IOV_MAX)];
    // SAFETY: IoSlice has iovec's layout, the message header is otherwise zero, and the
    // kernel reads the pieces only.
    check(unsafe {
        let mut msg: libc::msghdr = std::mem::zeroed();
        let mut iov: Vec<libc::iovec> = pieces
            .iter()
            .map(|p| libc::iovec {
                iov_base: p.as_ptr().cast_mut().cast(),
                iov_len: p.len(),
            })
            .collect();
        msg.msg_iov = iov.as_mut_ptr();
        msg.msg_iovlen = iov.len();
        libc::syscall(
            libc::SYS_sendmsg,
            fd,
            &raw const msg,
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    })
}

/// Receives. 0: the end of the stream.
#[inline]
pub fn recv(fd: RawFd, buf: &mut [u8], wait: Wait) -> Result<usize> {
    // SAFETY: the kernel writes at most `buf.len()` bytes to `buf`.
    unsafe { recv_raw(fd, buf.as_mut_ptr(), buf.len(), wait) }
}

/// Receives up to `room` bytes behind the contents of `buf`, which has that capacity.
pub fn recv_append(fd: RawFd, buf: &mut Vec<u8>, room: usize, wait: Wait) -> Result<usize> {
    let spare = buf.spare_capacity_mut();
    let room = room.min(spare.len());
    // SAFETY: the kernel writes at most `room` bytes to the spare capacity, and the bytes it
    // reports are initialised.
    unsafe {
        let n = recv_raw(fd, spare.as_mut_ptr().cast(), room, wait)?;
        buf.set_len(buf.len() + n);
        Ok(n)
    }
}

#[inline]
unsafe fn recv_raw(fd: RawFd, at: *mut u8, len: usize, wait: Wait) -> Result<usize> {
    let flags = if wait == Wait::Not {
        libc::MSG_DONTWAIT
    } else {
        0
    };
    loop {
        // SAFETY: the caller vouches for `len` writable bytes.
        let got =
            check(unsafe { libc::syscall(libc::SYS_recvfrom, fd, at, len, flags, 0usize, 0usize) });
        if wait != Wait::Ever || got != Err(Errno(libc::EAGAIN)) {
            return got;
        }
        // Another holder of the socket has set O_NONBLOCK, or a time limit.
        poll(fd, libc::POLLIN | libc::POLLRDHUP, None);
    }
}

/// Bounds how long a `recv` of this socket waits.
pub fn limit_recv(fd: RawFd, limit: Duration) {
    let time = libc::timeval {
        tv_sec: limit.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_usec: limit.subsec_micros() as libc::suseconds_t,
    };
    // SAFETY: a timeval, as this option takes. It never fails on a socket.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const time).cast(),
            size_of::<libc::timeval>() as libc::socklen_t,
        );
    }
}

/// Waits until there is something to read, or the end, for `limit` at most; with `wake`, until
/// that descriptor is readable, too. True if it is.
pub fn wait_readable(fd: RawFd, wake: Option<RawFd>, limit: Option<Duration>) -> bool {
    let of = |fd, events| libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    let mut fds = [
        of(fd, libc::POLLIN | libc::POLLRDHUP),
        // Descriptors below 0 are left out.
        of(wake.unwrap_or(-1), libc::POLLIN),
    ];
    poll_all(&mut fds, limit);
    fds[1].revents != 0
}

/// Waits for an event of one descriptor, for `limit` at most; gives what has come.
fn poll(fd: RawFd, events: libc::c_short, limit: Option<Duration>) -> libc::c_short {
    let mut p = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    poll_all(std::slice::from_mut(&mut p), limit);
    p.revents
}

pub(super) fn poll_all(fds: &mut [libc::pollfd], limit: Option<Duration>) {
    let mut limit = limit.map(Timespec::new);
    let limit = limit.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let (no_mask, size) = (0usize, 0usize);
    // SAFETY: valid pollfds, a valid time, and no signal mask. SYS_ppoll: newer machines have
    // no SYS_poll.
    unsafe {
        libc::syscall(
            libc::SYS_ppoll,
            fds.as_mut_ptr(),
            fds.len(),
            limit,
            no_mask,
            size,
        )
    };
}

pub fn shutdown(fd: RawFd, how: Direction) {
    // SAFETY: no pointers. An error means that the peer was faster.
    unsafe { libc::shutdown(fd, how as libc::c_int) };
}

/// Ends a `recv` that waits for a peer which has not gone: what has arrived is still read, then
/// the end. False if there was no need.
pub fn end_waiting(fd: RawFd) -> bool {
    let ended = fd < 0 || poll(fd, libc::POLLRDHUP, Some(Duration::ZERO)) != 0;
    if !ended {
        shutdown(fd, Direction::Read);
    }
    !ended
}

/// True if nothing can be sent any more.
pub fn has_hung_up(fd: RawFd) -> bool {
    poll(fd, 0, Some(Duration::ZERO)) & (libc::POLLHUP | libc::POLLERR) != 0
}

/// True if something waits to be read, be it the end.
pub fn has_input(fd: RawFd) -> bool {
    fd >= 0 && poll(fd, libc::POLLIN, Some(Duration::ZERO)) & libc::POLLIN != 0
}

/// Waits until the socket takes bytes again, or is dead, for `limit` at most.
pub fn wait_writable(fd: RawFd, limit: Option<Duration>) {
    poll(fd, libc::POLLOUT, limit);
}

/// Takes the next connection from a listener's backlog, with the peer's address.
pub fn accept(listener: RawFd) -> Result<(Fd, Vec<u8>)> {
    let mut addr = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: a buffer for any address, with its length; the kernel stays within it.
    let fd = check(unsafe {
        libc::syscall(
            libc::SYS_accept4,
            listener,
            addr.as_mut_ptr(),
            &raw mut len,
            libc::SOCK_CLOEXEC,
        )
    })?;
    let fd = Fd::own(fd as RawFd);
    let len = (len as usize).min(size_of::<libc::sockaddr_storage>());
    // SAFETY: the storage is zeroed beyond what the kernel wrote.
    let bytes = unsafe { std::slice::from_raw_parts(addr.as_ptr().cast::<u8>(), len).to_vec() };
    Ok((fd, bytes))
}

fn connect_to(fd: &Fd, to: &Address) -> Result<()> {
    let len = to.bytes.len() as libc::socklen_t;
    // SAFETY: address bytes that are valid for their length.
    match unsafe { libc::connect(fd.as_raw(), to.bytes.as_ptr().cast(), len) } {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// Connects to one address, blocking.
pub fn connect(to: &Address) -> std::result::Result<Fd, ConnectError> {
    let fd = open(to).map_err(ConnectError::Socket)?;
    let raw = fd.as_raw();
    let Err(e) = connect_to(&fd, to) else {
        return Ok(fd);
    };
    match e {
        // Of a Unix socket it was for room in the backlog: nothing goes on.
        Errno(libc::EINTR) if to.family == libc::AF_UNIX => connect(to),
        // Interrupted: the attempt goes on, and ends when the socket turns writable.
        Errno(libc::EINTR) => {
            wait_writable(raw, None);
            loop {
                match int_option(raw, libc::SOL_SOCKET, libc::SO_ERROR) {
                    Ok(0) if peer_address(raw).is_ok() => return Ok(fd),
                    Ok(0) => wait_writable(raw, None),
                    Ok(e) => return Err(ConnectError::Connect(Errno(e))),
                    Err(e) => return Err(ConnectError::Connect(e)),
                }
            }
        }
        e => Err(ConnectError::Connect(e)),
    }
}

/// Begins to connect to one address, without waiting: then `connected` tells.
pub fn begin_connect(to: &Address) -> std::result::Result<Begun, ConnectError> {
    let fd = open(to).map_err(ConnectError::Socket)?;
    set_nonblocking(fd.as_raw(), true);
    match connect_to(&fd, to) {
        Ok(()) => Ok(Begun::Stands(fd)),
        Err(Errno(libc::EINPROGRESS | libc::EINTR)) => Ok(Begun::UnderWay(fd)),
        // Of a Unix socket, which is never under way.
        Err(Errno(libc::EAGAIN)) if to.family == libc::AF_UNIX => Ok(Begun::Full),
        Err(e) => Err(ConnectError::Connect(e)),
    }
}

/// What has become of a connection that is under way; None: it still is.
pub fn connected(fd: RawFd) -> Option<Result<()>> {
    if poll(fd, libc::POLLOUT, Some(Duration::ZERO)) == 0 {
        return None;
    }
    match int_option(fd, libc::SOL_SOCKET, libc::SO_ERROR) {
        Ok(0) => Some(Ok(())),
        Ok(e) => Some(Err(Errno(e))),
        Err(e) => Some(Err(e)),
    }
}

/// Waits until one of them may have news, for `limit` at most.
pub fn wait_connected(fds: &[RawFd], limit: Option<Duration>) {
    let mut list: Vec<libc::pollfd> = fds
        .iter()
        .map(|fd| libc::pollfd {
            fd: *fd,
            events: libc::POLLOUT,
            revents: 0,
        })
        .collect();
    let mut limit = limit.map(Timespec::new);
    let limit = limit.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let (at, len, no_mask, size) = (list.as_mut_ptr(), list.len(), 0usize, 0usize);
    // SAFETY: a list of valid pollfds, a valid time, and no signal mask.
    unsafe { libc::syscall(libc::SYS_ppoll, at, len, limit, no_mask, size) };
}

fn open(at: &Address) -> Result<Fd> {
    // SAFETY: no pointers; the result is checked.
    let fd = unsafe {
        libc::socket(
            at.family,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
            at.protocol,
        )
    };
    if fd < 0 {
        return Err(Errno::last());
    }
    Ok(Fd::own(fd))
}

/// Opens a non-blocking listener. `beside`: an IPv4 listener of the same port stands beside one
/// of IPv6, which else serves IPv4 clients as the system is configured.
pub fn listen(at: &Address, backlog: u32, beside: bool) -> Result<Fd> {
    let fd = open(at)?;
    let raw = fd.as_raw();
    set_option(raw, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if at.family == libc::AF_INET6 && (beside || at.is_mapped()) {
        // A mapped address is refused where the system's default is IPv6 only.
        set_option(
            raw,
            libc::IPPROTO_IPV6,
            libc::IPV6_V6ONLY,
            i32::from(beside),
        )?;
    }
    // SAFETY: address bytes from getaddrinfo, valid for their length.
    unsafe {
        if libc::bind(
            raw,
            at.bytes.as_ptr().cast(),
            at.bytes.len() as libc::socklen_t,
        ) != 0
            || libc::listen(raw, i32::try_from(backlog).unwrap_or(i32::MAX)) != 0
        {
            return Err(Errno::last());
        }
    }
    set_nonblocking(raw, true);
    Ok(fd)
}

/// True if a socket file is there, and nobody listens on it.
pub fn is_refused(at: &Address) -> bool {
    let Ok(fd) = open(at) else {
        return false;
    };
    set_nonblocking(fd.as_raw(), true);
    connect_to(&fd, at) == Err(Errno(libc::ECONNREFUSED))
}

/// Whether a socket listens for streams.
pub fn is_listening(fd: RawFd) -> Result<bool> {
    let listens = int_option(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN)? != 0;
    Ok(listens && is_stream(fd)?)
}

/// Sets the mode of an open file, which all who share it have; tells what it was.
pub fn set_nonblocking(fd: RawFd, on: bool) -> bool {
    // SAFETY: fcntl without pointers.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        let was = flags & libc::O_NONBLOCK != 0;
        if was != on {
            libc::fcntl(fd, libc::F_SETFL, flags ^ libc::O_NONBLOCK);
        }
        was
    }
}

pub fn set_close_on_exec(fd: RawFd) {
    // SAFETY: fcntl without pointers, on a descriptor that the library now owns.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        if flags & libc::FD_CLOEXEC == 0 {
            libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC);
        }
    }
}

/// The port that a listener is bound to.
pub fn local_port(fd: RawFd) -> Result<u16> {
    // sockaddr_in and sockaddr_in6 both have the port in their second 16 bits.
    match local_address(fd)?.get(2..4) {
        Some(port) => Ok(u16::from_be_bytes([port[0], port[1]])),
        None => Err(Errno::INVAL),
    }
}

/// The address of this end.
pub fn local_address(fd: RawFd) -> Result<Vec<u8>> {
    address_by(fd, libc::getsockname)
}

/// The address of the other end of a connected socket.
pub fn peer_address(fd: RawFd) -> Result<Vec<u8>> {
    address_by(fd, libc::getpeername)
}

type GetAddress =
    unsafe extern "C" fn(RawFd, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn address_by(fd: RawFd, get: GetAddress) -> Result<Vec<u8>> {
    let mut addr = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: a zeroed buffer for any address, and no more of it is read than there is.
    unsafe {
        if get(fd, addr.as_mut_ptr().cast(), &mut len) != 0 {
            return Err(Errno::last());
        }
        let len = (len as usize).min(size_of::<libc::sockaddr_storage>());
        Ok(std::slice::from_raw_parts(addr.as_ptr().cast::<u8>(), len).to_vec())
    }
}

/// The address family of a socket.
pub fn family(fd: RawFd) -> Result<i32> {
    int_option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN)
}

/// Who is at the other end of a Unix socket, or was when it was connected.
pub fn credentials(fd: RawFd) -> Result<Credentials> {
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    let at = (&raw mut who).cast();
    // SAFETY: room for what the option gives.
    let r = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &mut len) };
    if r != 0 {
        return Err(Errno::last());
    }
    Ok(Credentials {
        pid: who.pid,
        uid: who.uid,
        gid: who.gid,
    })
}

/// The CPU on which the last packet of a connection was taken in: over loopback, the peer's.
pub fn incoming_cpu(fd: RawFd) -> Option<i32> {
    int_option(fd, libc::SOL_SOCKET, libc::SO_INCOMING_CPU)
        .ok()
        .filter(|cpu| *cpu >= 0)
}

/// None: not a TCP socket.
pub fn owed(fd: RawFd) -> Option<Owed> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let at = info.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` bytes to zeroed memory of that size, for which
    // zero is valid, too.
    let info = unsafe {
        if libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, at, &mut len) != 0 {
            return None;
        }
        info.assume_init()
    };
    Some(Owed {
        bytes: unsent(fd),
        silence: Duration::from_millis(info.tcpi_last_ack_recv.into()),
        unanswered: info.tcpi_retransmits > 0 || info.tcpi_probes > 0,
    })
}

/// Bytes that the socket holds: not sent yet, or not acknowledged.
pub fn unsent(fd: RawFd) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: room for the int that the request gives.
    unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut bytes) };
    usize::try_from(bytes).unwrap_or(0)
}

pub fn is_stream(fd: RawFd) -> Result<bool> {
    Ok(int_option(fd, libc::SOL_SOCKET, libc::SO_TYPE)? == libc::SOCK_STREAM)
}

/// Prepares a connected socket: close-on-exec, blocking (every call of ours that must not
/// block says so), keepalive, no delay.
pub fn prepare(fd: RawFd, family: i32, keepalive: Option<Keepalive>) {
    set_close_on_exec(fd);
    set_nonblocking(fd, false);
    // A socket that refuses an option works without it.
    let set = |level, name, value| {
        let _ = set_option(fd, level, name, value);
    };
    let inet = family == libc::AF_INET || family == libc::AF_INET6;
    if inet {
        set(libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
    }
    set(
        libc::SOL_SOCKET,
        libc::SO_KEEPALIVE,
        keepalive.is_some() as i32,
    );
    if let (true, Some(k)) = (inet, keepalive) {
        set(libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, k.idle as i32);
        set(libc::IPPROTO_TCP, libc::TCP_KEEPCNT, k.count as i32);
        set(libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, k.interval as i32);
    }
}

fn set_option(fd: RawFd, level: i32, name: i32, value: i32) -> Result<()> {
    // SAFETY: an int, as all of these options take.
    let r = unsafe {
        libc::setsockopt(
            fd,
            level,
            name,
            (&raw const value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    };
    if r == 0 {
        Ok(())
    } else {
        Err(Errno::last())
    }
}

fn int_option(fd: RawFd, level: i32, name: i32) -> Result<i32> {
    let mut value = 0i32;
    let mut len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: room for the int that these options give.
    let r = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &mut len) };
    if r == 0 {
        Ok(value)
    } else {
        Err(Errno::last())
    }
}
