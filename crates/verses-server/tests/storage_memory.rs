//! The memory backend against the rules every storage keeps.

use verses_server::storage::memory::MemoryStorage;

verses_server::storage_conformance!(|| (MemoryStorage::new(), ()));
