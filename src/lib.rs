//! libminirpc
