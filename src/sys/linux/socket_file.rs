//! Listening Unix sockets in the file system: a file that nobody listens on is in the way of the
//! next, and nothing removes it but whoever knows that it is its own.

use super::fd::Fd;
use super::resolve::Address;
use super::socket;
use crate::error::{Errno, Result};
use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// The file of a socket that was bound here.
#[derive(Debug)]
pub struct SocketFile {
    path: CString,
    identity: Identity,
}

/// Device and inode. As long as a socket is bound to it, no other file has its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl SocketFile {
    /// Removes the file if it is still the one that was bound: before the socket is closed.
    /// Safe in a signal handler.
    pub fn remove(&self) {
        if status(&self.path).is_ok_and(|(identity, _)| identity == self.identity) {
            unlink(&self.path);
        }
    }
}

/// Opens a listener at a path. A socket file that nobody listens on is replaced, by one process
/// at a time.
pub fn listen(at: &Address, path: &CStr, backlog: u32) -> Result<(Fd, SocketFile)> {
    // Removed by a process that may have changed its directory.
    let path = absolute(path)?;
    // From bind to listen, too: the file looks stale then.
    let _lock = Lock::take(&path)?;
    let fd = match socket::listen(at, backlog, false) {
        Err(Errno(libc::EADDRINUSE)) if is_stale(at, &path) => {
            unlink(&path);
            socket::listen(at, backlog, false)?
        }
        opened => opened?,
    };
    let (identity, _) = status(&path)?;
    Ok((fd, SocketFile { path, identity }))
}

/// A socket's file, and nobody listens.
fn is_stale(at: &Address, path: &CStr) -> bool {
    let is_socket = status(path).is_ok_and(|(_, mode)| mode & libc::S_IFMT == libc::S_IFSOCK);
    is_socket && socket::is_refused(at)
}

fn absolute(path: &CStr) -> Result<CString> {
    let path = Path::new(OsStr::from_bytes(path.to_bytes()));
    let path = std::path::absolute(path)?.into_os_string();
    CString::new(path.into_vec()).map_err(|_| Errno::INVAL)
}

/// PATH.lock, locked. The file goes with the lock, so who gets one makes sure that it is the
/// file that others would lock.
struct Lock {
    path: CString,
    fd: Fd,
}

impl Lock {
    fn take(path: &CStr) -> Result<Lock> {
        let path = [path.to_bytes(), b".lock"].concat();
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        let flags = libc::O_CREAT | libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        loop {
            // SAFETY: a string; the result is checked.
            let fd = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
            if fd < 0 {
                return Err(Errno::last());
            }
            let fd = Fd::own(fd);
            // SAFETY: no pointers.
            while unsafe { libc::flock(fd.as_raw(), libc::LOCK_EX) } != 0 {
                match Errno::last() {
                    Errno(libc::EINTR) => {}
                    e => return Err(e),
                }
            }
            let there = status(&path).map(|(identity, _)| identity);
            if there == status_of(fd.as_raw()) {
                return Ok(Lock { path, fd });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        unlink(&self.path);
        // A child that was forked meanwhile has the descriptor, too.
        // SAFETY: no pointers.
        unsafe { libc::flock(self.fd.as_raw(), libc::LOCK_UN) };
    }
}

fn unlink(path: &CStr) {
    // SAFETY: a string. An error means that somebody else was faster, or may, and we may not.
    unsafe { libc::unlink(path.as_ptr()) };
}

/// Of what is at the path itself, be it a link: who it is, and its mode.
fn status(path: &CStr) -> Result<(Identity, u32)> {
    let mut stat = MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: a string, and room for what is told.
    let (result, stat) = unsafe {
        let result = libc::lstat64(path.as_ptr(), stat.as_mut_ptr());
        (result, stat.assume_init())
    };
    identify(result, &stat).map(|identity| (identity, stat.st_mode))
}

fn status_of(fd: i32) -> Result<Identity> {
    let mut stat = MaybeUninit::<libc::stat64>::zeroed();
    // SAFETY: room for what is told.
    let (result, stat) = unsafe {
        let result = libc::fstat64(fd, stat.as_mut_ptr());
        (result, stat.assume_init())
    };
    identify(result, &stat)
}

#[allow(clippy::unnecessary_cast, reason = "narrower on other machines")]
fn identify(result: i32, stat: &libc::stat64) -> Result<Identity> {
    if result != 0 {
        return Err(Errno::last());
    }
    Ok(Identity(stat.st_dev as u64, stat.st_ino as u64))
}
