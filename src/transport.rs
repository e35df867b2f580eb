//! What stands between messages and the socket of some connections: a table of C functions
//! without I/O, and every call of one. See include/minirpc/transport.h.
//!
//! They are called with a right held, which no other C code is: they neither block nor call the
//! library. What they say is checked here.

#![allow(
    unsafe_code,
    reason = "a boundary: the functions of transports are called here"
)]

use crate::abi::{
    exposed, iovec, mrpc_transport, mrpc_transport_end, transport_attach_fn, transport_end_fn,
    transport_error_fn, transport_free_fn, transport_open_fn, transport_receive_fn,
    transport_send_fn, TRANSPORT_ENDED, TRANSPORT_FAILED, TRANSPORT_MORE, TRANSPORT_READY,
    TRANSPORT_SEND,
};
use crate::error::{Errno, Failure, Result};
use crate::sys::cancel;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

/// The longest text that a transport may give, with its zero byte.
const TEXT: usize = 512;

/// A set's transport: its functions, and what its sessions share.
pub struct Transport {
    functions: Functions,
    /// Where the application has the table.
    address: usize,
    /// What `attach` made, as an exposed address: it is only ever handed back.
    shared: usize,
}

#[derive(Clone, Copy)]
struct Functions {
    attach: transport_attach_fn,
    detach: transport_free_fn,
    open: transport_open_fn,
    free: transport_free_fn,
    receive: transport_receive_fn,
    send: transport_send_fn,
    end: transport_end_fn,
    get_error: transport_error_fn,
}

impl Functions {
    /// None: one is missing.
    fn of(table: &mrpc_transport) -> Option<Functions> {
        Some(Functions {
            attach: table.attach?,
            detach: table.detach?,
            open: table.open?,
            free: table.free?,
            receive: table.receive?,
            send: table.send?,
            end: table.end?,
            get_error: table.get_error?,
        })
    }
}

impl Transport {
    /// `address`: by which the application will ask for sessions; `data`: its pointer, exposed.
    pub fn attach(
        table: &mrpc_transport,
        address: usize,
        data: usize,
        server: bool,
    ) -> Result<Transport> {
        let functions = Functions::of(table).ok_or(Errno::INVAL)?;
        let mut shared = ptr::null_mut();
        // SAFETY: as the header says of `attach`.
        let code =
            unsafe { (functions.attach)(exposed(data), c_int::from(server), &raw mut shared) };
        match code {
            0 => Ok(Transport {
                functions,
                address,
                shared: shared.expose_provenance(),
            }),
            errno => Err(Errno(errno)),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        // SAFETY: what `attach` made, given back once.
        cancel::held_off(|| unsafe { (self.functions.detach)(exposed(self.shared)) });
    }
}

/// Whose session it is.
pub struct End<'a> {
    pub server: bool,
    pub bound: bool,
    pub host: Option<&'a CStr>,
    pub address: &'a [u8],
}

/// One connection's.
pub struct Session {
    transport: Arc<Transport>,
    /// What `open` made, as an exposed address.
    session: usize,
}

/// What a session says after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State(c_int);

impl State {
    pub fn is_ready(self) -> bool {
        self.0 & TRANSPORT_READY != 0
    }

    /// It has more for the wire.
    pub fn wants_to_send(self) -> bool {
        self.0 & TRANSPORT_SEND != 0
    }

    /// It has more plain bytes, or the end to tell of.
    pub fn has_more(self) -> bool {
        self.0 & TRANSPORT_MORE != 0
    }

    pub fn has_ended(self) -> bool {
        self.0 & TRANSPORT_ENDED != 0
    }

    pub fn has_failed(self) -> bool {
        self.0 & TRANSPORT_FAILED != 0
    }
}

/// One step: what was taken of what went in, and given of what came out.
#[derive(Debug)]
pub struct Step {
    pub taken: usize,
    pub given: usize,
    pub state: State,
}

impl Step {
    /// What C says, if it can be: else the session is of no use.
    fn checked(taken: usize, given: usize, state: c_int, len: usize, room: usize) -> Step {
        let lies = taken > len || given > room;
        Step {
            taken: taken.min(len),
            given: if lies { 0 } else { given },
            state: State(if lies {
                state | TRANSPORT_FAILED
            } else {
                state
            }),
        }
    }
}

impl Session {
    pub fn open(transport: &Arc<Transport>, of: &End<'_>) -> std::result::Result<Session, Failure> {
        let end = mrpc_transport_end {
            size: size_of::<mrpc_transport_end>(),
            server: of.server.into(),
            bound: of.bound.into(),
            host: of.host.map_or(ptr::null(), CStr::as_ptr),
            address: of.address.as_ptr().cast(),
            address_len: of.address.len() as u32,
        };
        let mut session = ptr::null_mut();
        let mut code = 0;
        let text = text_by(|text, size| {
            // SAFETY: as the header says of `open`; all of it lives during the call.
            code = unsafe {
                (transport.functions.open)(
                    exposed(transport.shared),
                    &raw const end,
                    &raw mut session,
                    text,
                    size,
                )
            };
        });
        match code {
            0 => Ok(Session {
                transport: Arc::clone(transport),
                session: session.expose_provenance(),
            }),
            errno if text.is_empty() => Err(Errno(errno).into()),
            errno => Err(Failure::new(errno, text)),
        }
    }

    /// What C knows the session by, if it is of the table with that address.
    pub fn of(&self, table: usize) -> Option<*mut c_void> {
        (self.transport.address == table).then(|| exposed(self.session))
    }

    /// Opens bytes of the wire into `plain`.
    pub fn receive(&self, wire: &[u8], plain: &mut [u8]) -> Step {
        // SAFETY: plain bytes are bytes: what is written is initialised.
        let room = unsafe { &mut *(ptr::from_mut(plain) as *mut [MaybeUninit<u8>]) };
        self.receive_to(wire, room)
    }

    /// ... behind the contents of `plain`, which has room for that many.
    pub fn receive_append(&self, wire: &[u8], plain: &mut Vec<u8>, room: usize) -> Step {
        let spare = plain.spare_capacity_mut();
        let room = room.min(spare.len());
        let step = self.receive_to(wire, &mut spare[..room]);
        // SAFETY: the session says that it has written them, which is at most `room`.
        unsafe { plain.set_len(plain.len() + step.given) };
        step
    }

    fn receive_to(&self, wire: &[u8], plain: &mut [MaybeUninit<u8>]) -> Step {
        let (mut taken, mut given) = (0, 0);
        // SAFETY: as the header says of `receive`.
        let state = cancel::held_off(|| unsafe {
            (self.transport.functions.receive)(
                exposed(self.session),
                wire.as_ptr().cast(),
                wire.len(),
                &raw mut taken,
                plain.as_mut_ptr().cast(),
                plain.len(),
                &raw mut given,
            )
        });
        Step::checked(taken, given, state, wire.len(), plain.len())
    }

    /// Seals `plain`, one piece after the other; what comes of it is appended to `wire`, which has
    /// the room that the header promises.
    pub fn send(&self, plain: &[&[u8]], wire: &mut Vec<u8>) -> Step {
        let len = plain.iter().map(|piece| piece.len()).sum();
        let spare = wire.spare_capacity_mut();
        let (mut taken, mut given) = (0, 0);
        let mut call = |pieces: *const iovec, count| {
            // SAFETY: as the header says of `send`.
            cancel::held_off(|| unsafe {
                (self.transport.functions.send)(
                    exposed(self.session),
                    pieces,
                    count,
                    &raw mut taken,
                    spare.as_mut_ptr().cast(),
                    spare.len(),
                    &raw mut given,
                )
            })
        };
        let state = match plain {
            [] => call(ptr::null(), 0),
            [only] => {
                let piece = iovec_of(only);
                call(&raw const piece, 1)
            }
            several => {
                let list: Vec<iovec> = several.iter().map(|piece| iovec_of(piece)).collect();
                call(list.as_ptr(), list.len())
            }
        };
        let step = Step::checked(taken, given, state, len, spare.len());
        // SAFETY: the session says that it has written them, which is at most what was spare.
        unsafe { wire.set_len(wire.len() + step.given) };
        step
    }

    /// Our side sends no more.
    pub fn end(&self) -> State {
        // SAFETY: as the header says of `end`.
        State(cancel::held_off(|| unsafe {
            (self.transport.functions.end)(exposed(self.session))
        }))
    }

    /// Why it failed.
    pub fn error(&self) -> String {
        let text = text_by(|text, size| {
            // SAFETY: as the header says of `get_error`.
            unsafe { (self.transport.functions.get_error)(exposed(self.session), text, size) };
        });
        if text.is_empty() {
            return "the transport failed".to_string();
        }
        text
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: what `open` made, given back once.
        cancel::held_off(|| unsafe { (self.transport.functions.free)(exposed(self.session)) });
    }
}

fn iovec_of(piece: &[u8]) -> iovec {
    iovec {
        iov_base: piece.as_ptr().cast_mut().cast(),
        iov_len: piece.len(),
    }
}

/// The text that `write` leaves.
fn text_by(write: impl FnOnce(*mut c_char, usize)) -> String {
    let mut text = [0u8; TEXT];
    cancel::held_off(|| write(text.as_mut_ptr().cast(), TEXT));
    let text = CStr::from_bytes_until_nul(&text).map_or(&text[..], CStr::to_bytes);
    String::from_utf8_lossy(text).into_owned()
}
