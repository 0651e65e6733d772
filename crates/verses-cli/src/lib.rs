//! The `verses` command as a library.
