//! Rust tarpc 0.38 over TCP, bincode, linked to the same C
//! driver.  Server: tokio multi-thread runtime, 2 workers.  Client: one
//! current-thread runtime per connection (block_on drives I/O in the caller);
//! w5: one such runtime for all connections.
use futures::prelude::*;
use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tarpc::{client, context, server::{BaseChannel, Channel}, tokio_serde::formats::Bincode};

#[tarpc::service]
trait Echo {
    async fn add(x: i32) -> i32;
    async fn put(data: serde_bytes::ByteBuf) -> i32;
}
#[derive(Clone)]
struct Impl;
impl Echo for Impl {
    async fn add(self, _: context::Context, x: i32) -> i32 { x.wrapping_add(1) }
    async fn put(self, _: context::Context, d: serde_bytes::ByteBuf) -> i32 { d.len() as i32 }
}
extern "C" { fn peer_ready(port: c_int); }

#[no_mangle]
pub extern "C" fn peer_server(port: c_int, _wl: *const c_char) {
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async move {
        let mut l = tarpc::serde_transport::tcp::listen(("127.0.0.1", port as u16), Bincode::default).await.unwrap();
        l.config_mut().max_frame_length(16 << 20);
        unsafe { peer_ready(port) };
        l.filter_map(|r| future::ready(r.ok()))
            .for_each(|t| async move {
                let _ = t.get_ref().set_nodelay(true);
                let cfg = tarpc::server::Config { pending_response_buffer: 1024 };
                tokio::spawn(BaseChannel::new(cfg, t).execute(Impl.serve()).for_each(|f| async move { tokio::spawn(f); }));
            })
            .await;
    });
}
struct Conn { rt: Rc<tokio::runtime::Runtime>, c: EchoClient }
thread_local! { static IDLE_RT: RefCell<Option<Rc<tokio::runtime::Runtime>>> = RefCell::new(None); }
fn new_rt() -> Rc<tokio::runtime::Runtime> {
    Rc::new(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
}
#[no_mangle]
pub extern "C" fn peer_open(port: c_int, wl: *const c_char) -> *mut c_void {
    // w5: one runtime for all the idle connections (a runtime is 3 fds)
    let rt = if unsafe { CStr::from_ptr(wl) }.to_bytes() == b"w5" {
        IDLE_RT.with(|r| r.borrow_mut().get_or_insert_with(new_rt).clone())
    } else {
        new_rt()
    };
    let c = rt.block_on(async move {
        let mut k = tarpc::serde_transport::tcp::connect(("127.0.0.1", port as u16), Bincode::default);
        k.config_mut().max_frame_length(16 << 20);
        let t = k.await.unwrap();
        t.get_ref().set_nodelay(true).unwrap();
        let mut cfg = client::Config::default();
        cfg.max_in_flight_requests = 2048;
        cfg.pending_request_buffer = 1024;
        EchoClient::new(cfg, t).spawn()
    });
    Box::into_raw(Box::new(Conn { rt, c })) as *mut c_void
}
fn ctx() -> context::Context {
    let mut c = context::current();
    c.deadline = Instant::now() + Duration::from_secs(30);
    c
}
#[no_mangle]
pub extern "C" fn peer_call(p: *mut c_void, x: i32) -> i32 {
    let k = unsafe { &*(p as *const Conn) };
    k.rt.block_on(k.c.add(ctx(), x)).unwrap()
}
#[no_mangle]
pub extern "C" fn peer_put(p: *mut c_void, d: *const u8, n: usize) {
    let k = unsafe { &*(p as *const Conn) };
    let v = unsafe { std::slice::from_raw_parts(d, n) }.to_vec();
    let r = k.rt.block_on(k.c.put(ctx(), serde_bytes::ByteBuf::from(v))).unwrap();
    assert_eq!(r as usize, n);
}
#[no_mangle]
pub extern "C" fn peer_pipeline(p: *mut c_void, window: c_int, total: u64) {
    let k = unsafe { &*(p as *const Conn) };
    k.rt.block_on(async {
        stream::iter(0..total)
            .map(|i| { let c = &k.c; async move { assert_eq!(c.add(ctx(), i as i32).await.unwrap(), (i as i32).wrapping_add(1)); } })
            .buffer_unordered(window as usize)
            .for_each(|_| future::ready(()))
            .await;
    });
}
