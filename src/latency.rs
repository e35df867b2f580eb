//! How long things take, in histograms that any thread adds to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub const BUCKETS: usize = 108;

/// Four buckets per octave: number 4 o + q begins at 2^o (4 + q) / 4 microseconds. The first
/// takes what is shorter, too, and the last what is longer.
pub struct Histogram {
    count: AtomicU64,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

/// What was counted.
#[derive(Clone, Copy)]
pub struct Counted {
    pub count: u64,
    pub sum_ns: u64,
    pub max_ns: u64,
    pub buckets: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            count: AtomicU64::new(0),
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Histogram {
    pub fn record(&self, ns: u64) {
        self.count.fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
        self.max_ns.fetch_max(ns, Relaxed);
        self.buckets[bucket_of(ns)].fetch_add(1, Relaxed);
    }

    pub fn read(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Relaxed);
        Counted {
            count: read(&self.count),
            sum_ns: read(&self.sum_ns),
            max_ns: read(&self.max_ns),
            buckets: std::array::from_fn(|i| read(&self.buckets[i])),
        }
    }
}

impl Default for Counted {
    fn default() -> Counted {
        Counted {
            count: 0,
            sum_ns: 0,
            max_ns: 0,
            buckets: [0; BUCKETS],
        }
    }
}

fn bucket_of(ns: u64) -> usize {
    let quarters = ns / 250;
    if quarters < 4 {
        return 0;
    }
    let octave = quarters.ilog2() - 2;
    let bucket = 4 * octave as usize + (quarters >> octave & 3) as usize;
    bucket.min(BUCKETS - 1)
}

/// The times of a set.
#[derive(Default)]
pub struct Latency {
    /// Of a call, until its reply was read.
    pub call_time: Histogram,
    /// Of a request or message, until its handler was called.
    pub dispatch_wait: Histogram,
    /// Of a handler, until it returned.
    pub handler_time: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a bucket begins, in nanoseconds.
    fn start(bucket: usize) -> u64 {
        let (octave, quarter) = (bucket / 4, bucket % 4);
        (1u64 << octave) * (4 + quarter as u64) * 250
    }

    #[test]
    fn each_bucket_begins_where_the_one_before_ends() {
        assert_eq!(
            (start(0), start(4), start(107)),
            (1_000, 2_000, 117_440_512_000)
        );
        for bucket in 1..BUCKETS {
            assert_eq!(bucket_of(start(bucket)), bucket);
            assert_eq!(bucket_of(start(bucket) - 1), bucket - 1);
        }
        assert_eq!((bucket_of(0), bucket_of(999)), (0, 0));
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_is_recorded_is_read() {
        let h = Histogram::default();
        for ns in [10, 1_500, 1_501, 3_000_000] {
            h.record(ns);
        }
        let read = h.read();
        assert_eq!(
            (read.count, read.max_ns, read.sum_ns),
            (4, 3_000_000, 3_003_011)
        );
        assert_eq!((read.buckets[0], read.buckets[2]), (1, 2));
        assert_eq!(read.buckets.iter().sum::<u64>(), 4);
    }
}
