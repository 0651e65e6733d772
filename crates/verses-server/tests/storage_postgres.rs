//! The PostgreSQL backend against the rules every storage keeps, with prepared statements and without.

mod postgres_common;

use postgres_common::{fresh, options};
use verses_server::storage::postgres::PostgresOptions;

mod prepared {
    verses_server::storage_conformance!(|| super::fresh(super::options));
}

mod unprepared {
    use super::{PostgresOptions, options};

    verses_server::storage_conformance!(|| super::fresh(|url| PostgresOptions { prepare: false, ..options(url) }));
}
