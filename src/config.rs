//! A set's settings, which take effect as the header says.

use crate::abi::TIMEOUT_INHERIT;
use crate::error::{Errno, Result};
use crate::proto::flow::{self, Limits};
use crate::sync::Mutex;
use crate::sys::net::Keepalive;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// What the Linux kernel takes for TCP_KEEPIDLE, TCP_KEEPCNT and TCP_KEEPINTVL.
const MAX_IDLE: u32 = 32767;
const MAX_COUNT: u32 = 127;
const MAX_INTERVAL: u32 = 32767;

pub struct Config {
    max_buf_len: AtomicU32,
    backlog: AtomicU32,
    backoff_ms: AtomicU32,
    keepalive: AtomicBool,
    idle: AtomicU32,
    count: AtomicU32,
    interval: AtomicU32,
    /// The application has set the keepalive parameters.
    keepalive_set: AtomicBool,
    events: AtomicUsize,
    event_bytes: AtomicUsize,
    requests: AtomicUsize,
    reply_bytes: AtomicUsize,
    send_bytes: AtomicUsize,
    memory: AtomicUsize,
    connections: AtomicUsize,
    /// 0: no bound but the number of CPUs.
    loops: AtomicUsize,
    /// In milliseconds; 0 is never.
    call_timeout: AtomicU32,
    linger: AtomicU32,
    idle_timeout: AtomicU32,
    connect_timeout: AtomicU32,
    proxy: AtomicBool,
    /// Something is set that sending and reading have to look at: else they look here only.
    special: AtomicBool,
    /// Held while that is found out.
    noting: Mutex<()>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_buf_len: AtomicU32::new(16384),
            backlog: AtomicU32::new(16),
            backoff_ms: AtomicU32::new(1000),
            keepalive: AtomicBool::new(true),
            idle: AtomicU32::new(7200),
            count: AtomicU32::new(9),
            interval: AtomicU32::new(75),
            keepalive_set: AtomicBool::new(false),
            events: AtomicUsize::new(flow::DEFAULT.events),
            event_bytes: AtomicUsize::new(flow::DEFAULT.event_bytes),
            requests: AtomicUsize::new(flow::DEFAULT.requests),
            reply_bytes: AtomicUsize::new(flow::DEFAULT.reply_bytes),
            send_bytes: AtomicUsize::new(flow::DEFAULT.send_bytes),
            memory: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            loops: AtomicUsize::new(0),
            call_timeout: AtomicU32::new(0),
            linger: AtomicU32::new(60_000),
            idle_timeout: AtomicU32::new(0),
            connect_timeout: AtomicU32::new(0),
            proxy: AtomicBool::new(false),
            special: AtomicBool::new(false),
            noting: Mutex::new(()),
        }
    }
}

fn store(place: &AtomicU32, value: u32) -> Result<()> {
    if value == 0 {
        return Err(Errno::INVAL);
    }
    place.store(value, Relaxed);
    Ok(())
}

impl Config {
    /// The largest payload accepted, in bytes.
    pub fn set_max_buf_len(&self, bytes: u32) -> Result<()> {
        store(&self.max_buf_len, bytes)
    }

    pub fn max_buf_len(&self) -> u32 {
        self.max_buf_len.load(Relaxed)
    }

    pub fn set_listen_backlog(&self, connections: u32) -> Result<()> {
        store(&self.backlog, connections)
    }

    pub fn listen_backlog(&self) -> u32 {
        self.backlog.load(Relaxed)
    }

    /// Whether accepted connections have to begin with a PROXY header.
    pub fn set_proxy_protocol(&self, enabled: bool) -> Result<()> {
        self.proxy.store(enabled, Relaxed);
        Ok(())
    }

    pub fn proxy_protocol(&self) -> bool {
        self.proxy.load(Relaxed)
    }

    pub fn set_accept_backoff(&self, ms: u32) -> Result<()> {
        store(&self.backoff_ms, ms)
    }

    pub fn accept_backoff(&self) -> Duration {
        Duration::from_millis(self.backoff_ms.load(Relaxed).into())
    }

    pub fn set_keepalive_enabled(&self, enabled: bool) -> Result<()> {
        self.keepalive.store(enabled, Relaxed);
        self.note_special()
    }

    /// Times in seconds.
    pub fn set_keepalive_parameters(&self, idle: u32, count: u32, interval: u32) -> Result<()> {
        let fits = |value, max| (1..=max).contains(&value);
        if !fits(idle, MAX_IDLE) || !fits(count, MAX_COUNT) || !fits(interval, MAX_INTERVAL) {
            return Err(Errno::INVAL);
        }
        self.idle.store(idle, Relaxed);
        self.count.store(count, Relaxed);
        self.interval.store(interval, Relaxed);
        self.keepalive_set.store(true, Relaxed);
        self.note_special()
    }

    // --- bounds; of those without a comment, 0 is none

    pub fn set_event_limit(&self, events: u32, bytes: usize) -> Result<()> {
        if events == 0 || bytes == 0 {
            return Err(Errno::INVAL);
        }
        self.events.store(events as usize, Relaxed);
        self.event_bytes.store(bytes, Relaxed);
        Ok(())
    }

    pub fn set_request_limit(&self, requests: u32) -> Result<()> {
        self.requests.store(requests as usize, Relaxed);
        self.note_special()
    }

    /// Not 0.
    pub fn set_reply_limit(&self, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Err(Errno::INVAL);
        }
        self.reply_bytes.store(bytes, Relaxed);
        Ok(())
    }

    pub fn set_send_limit(&self, bytes: usize) -> Result<()> {
        self.send_bytes.store(bytes, Relaxed);
        self.note_special()
    }

    #[inline]
    pub fn limits(&self) -> Limits {
        Limits {
            events: self.events.load(Relaxed),
            event_bytes: self.event_bytes.load(Relaxed),
            requests: self.requests.load(Relaxed),
            reply_bytes: self.reply_bytes.load(Relaxed),
            send_bytes: self.send_bytes.load(Relaxed),
        }
    }

    #[inline]
    pub fn reply_limit(&self) -> usize {
        self.reply_bytes.load(Relaxed)
    }

    pub fn set_memory_limit(&self, bytes: usize) -> Result<()> {
        self.memory.store(bytes, Relaxed);
        self.note_special()
    }

    #[inline]
    pub fn memory_limit(&self) -> usize {
        self.memory.load(Relaxed)
    }

    fn note_special(&self) -> Result<()> {
        let _one = self.noting.lock();
        let limits = self.limits();
        let special = limits.requests > 0
            || limits.send_bytes > 0
            || self.counts_partial()
            || self.idle_timeout().is_some()
            || self.watches_peers();
        self.special.store(special, Relaxed);
        Ok(())
    }

    /// False: the settings are such as the old library had, with bounds on what is received.
    #[inline]
    pub fn is_special(&self) -> bool {
        self.special.load(Relaxed)
    }

    /// Whether it matters how much of a frame has arrived.
    pub fn counts_partial(&self) -> bool {
        self.memory_limit() > 0
    }

    pub fn set_max_connections(&self, connections: u32) -> Result<()> {
        self.connections.store(connections as usize, Relaxed);
        Ok(())
    }

    pub fn max_connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// 0: as many as there are CPUs.
    pub fn set_max_loops(&self, loops: u32) -> Result<()> {
        self.loops.store(loops as usize, Relaxed);
        Ok(())
    }

    pub fn max_loops(&self) -> usize {
        match self.loops.load(Relaxed) {
            0 => usize::MAX,
            loops => loops,
        }
    }

    /// For calls that are made later; 0: none.
    pub fn set_call_timeout(&self, ms: u32) -> Result<()> {
        if ms == TIMEOUT_INHERIT {
            return Err(Errno::INVAL);
        }
        self.call_timeout.store(ms, Relaxed);
        Ok(())
    }

    #[inline]
    pub fn call_timeout(&self) -> u32 {
        self.call_timeout.load(Relaxed)
    }

    /// Not 0.
    pub fn set_linger(&self, ms: u32) -> Result<()> {
        store(&self.linger, ms)
    }

    pub fn linger(&self) -> Duration {
        Duration::from_millis(self.linger.load(Relaxed).into())
    }

    pub fn set_idle_timeout(&self, ms: u32) -> Result<()> {
        self.idle_timeout.store(ms, Relaxed);
        self.note_special()
    }

    #[inline]
    pub fn idle_timeout(&self) -> Option<Duration> {
        let ms = self.idle_timeout.load(Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms.into()))
    }

    pub fn set_connect_timeout(&self, ms: u32) -> Result<()> {
        self.connect_timeout.store(ms, Relaxed);
        Ok(())
    }

    pub fn connect_timeout(&self) -> Option<Duration> {
        let ms = self.connect_timeout.load(Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms.into()))
    }

    /// Whether peers that owe an acknowledgement are looked at: the kernel's keepalive does not.
    #[inline]
    pub fn watches_peers(&self) -> bool {
        self.keepalive_set.load(Relaxed) && self.keepalive.load(Relaxed)
    }

    pub fn keepalive(&self) -> Option<Keepalive> {
        self.keepalive.load(Relaxed).then(|| Keepalive {
            idle: self.idle.load(Relaxed),
            count: self.count.load(Relaxed),
            interval: self.interval.load(Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use std::sync::atomic::Ordering::SeqCst;

    #[test]
    fn settings_made_at_once_are_all_seen() {
        const ROUNDS: usize = 20_000;
        let (config, round) = (Config::default(), AtomicUsize::new(0));
        // Each step begins when the other thread has come to it.
        let meet = |step: usize| {
            round.fetch_add(1, SeqCst);
            while round.load(SeqCst) < 2 * step {
                crate::sys::thread::yield_now();
            }
        };
        // On a busy machine a step takes long.
        let (begun, over) = (clock::now(), AtomicBool::new(false));
        let mut lost = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in (0..ROUNDS).take_while(|_| !over.load(SeqCst)) {
                    config.set_request_limit(1).unwrap();
                    meet(3 * n + 1);
                    config.set_request_limit(0).unwrap();
                    meet(3 * n + 2);
                    meet(3 * n + 3);
                }
            });
            for n in (0..ROUNDS).take_while(|_| !over.load(SeqCst)) {
                config.set_send_limit(0).unwrap();
                meet(3 * n + 1);
                config.set_send_limit(1).unwrap();
                meet(3 * n + 2);
                lost += usize::from(!config.is_special());
                over.store(clock::now() - begun > Duration::from_secs(2), SeqCst);
                meet(3 * n + 3);
            }
        });
        assert_eq!(lost, 0);
    }
}
