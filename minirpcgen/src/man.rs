//! The manual page, minirpcgen(1), as the options' descriptions make it.
