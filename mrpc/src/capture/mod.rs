//! What programs such as tcpdump write: from packets to the bytes of connections.

pub mod packet;
pub mod stream;
