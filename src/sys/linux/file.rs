//! A file that is only ever appended to.
//!
//! Raw system calls: no cancellation points.

use super::cancel;
use super::fd::Fd;
use crate::error::{Errno, Result};
use std::ffi::{c_int, CString};
use std::mem::MaybeUninit;
use std::ptr;

pub struct Appended {
    fd: Fd,
    /// A regular file, writing to which raises no signal.
    regular: bool,
}

impl Appended {
    pub fn open(path: &[u8]) -> Result<Appended> {
        let path = CString::new(path).map_err(|_| Errno::INVAL)?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: a string that outlives the call; the result is checked.
        let fd = cancel::held_off(|| unsafe {
            libc::open(path.as_ptr(), flags | libc::O_NOCTTY, 0o600)
        });
        Appended::own(fd)
    }

    /// A copy, so that it stays what it is when the program closes its own.
    pub fn to_stderr() -> Result<Appended> {
        // SAFETY: no pointers; the result is checked.
        Appended::own(unsafe { libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 3) })
    }

    fn own(fd: c_int) -> Result<Appended> {
        if fd < 0 {
            return Err(Errno::last());
        }
        let fd = Fd::own(fd);
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: a place for the result, which is looked at after success only.
        let regular = unsafe {
            libc::fstat(fd.as_raw(), stat.as_mut_ptr()) == 0
                && stat.assume_init().st_mode & libc::S_IFMT == libc::S_IFREG
        };
        Ok(Appended { fd, regular })
    }

    /// What cannot be written is lost.
    pub fn append(&self, bytes: &[u8]) {
        if self.regular {
            self.write(bytes);
        } else {
            without_sigpipe(|| self.write(bytes));
        }
    }

    /// False: nobody reads any more.
    fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            // SAFETY: that many readable bytes.
            let n = unsafe {
                libc::syscall(
                    libc::SYS_write,
                    self.fd.as_raw(),
                    bytes.as_ptr(),
                    bytes.len(),
                )
            };
            match usize::try_from(n) {
                Ok(n) => bytes = &bytes[n..],
                Err(_) if Errno::last() == Errno(libc::EINTR) => {}
                Err(_) => return Errno::last() != Errno(libc::EPIPE),
            }
        }
        true
    }
}

/// Runs `write`, which may raise SIGPIPE and then returns false, and takes the signal back.
fn without_sigpipe(write: impl FnOnce() -> bool) {
    let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
    let mut old = MaybeUninit::<libc::sigset_t>::uninit();
    let mut pending = MaybeUninit::<libc::sigset_t>::uninit();
    let none = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: each set is filled before it is looked at; the thread's mask is what it was in
    // the end.
    unsafe {
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        let before = libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1;
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), old.as_mut_ptr());
        if !write() && !before {
            cancel::held_off(|| libc::sigtimedwait(pipe.as_ptr(), ptr::null_mut(), &none));
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut());
    }
}
