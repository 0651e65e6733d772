//! The database alone: the rows that the service has written, written again without it; the rows of the feed, read.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};
use verses_pgtest::TestDatabase;
use verses_server::storage::UserId;

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

/// Who acts, as the service says it.
const ACT: &str = "SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims', $1, true)";

/// Table, its columns and their types after `user_id`, the rows of the last `$2` operations, what to do with a key that is there.
const TABLES: [(&str, &str, &str, &str, &str); 3] = [
    (
        "sync_operations",
        "seq, operation_id, kind, content_hash, chain, operation, verse_id, outcome, accepted_at",
        "bigint, text, text, bytea, bytea, json, uuid, json, bigint",
        "seq > (SELECT max(seq) FROM verses.sync_operations) - $2",
        "",
    ),
    (
        "card_events",
        "verse_id, occurred_at, operation_id, local_date, event, was_successful, review_time_seconds, phase, slot",
        "uuid, bigint, text, date, text, boolean, bigint, text, json",
        "operation_id IN (SELECT operation_id FROM verses.sync_operations ORDER BY seq DESC LIMIT $2)",
        "",
    ),
    (
        "verse_cards",
        "verse_id, current_phase, phase_progress_count, current_streak, best_streak, last_reviewed_at, next_due_date, \
         assigned_day_of_week, assigned_week_parity, assigned_day_of_month, archived, created_at, updated_at, fold",
        "uuid, text, bigint, bigint, bigint, bigint, date, smallint, smallint, smallint, boolean, bigint, bigint, json",
        "verse_id IN (SELECT verse_id FROM verses.sync_operations ORDER BY seq DESC LIMIT $2)",
        "ON CONFLICT (user_id, verse_id) DO UPDATE SET current_phase = excluded.current_phase, \
         phase_progress_count = excluded.phase_progress_count, current_streak = excluded.current_streak, \
         best_streak = excluded.best_streak, last_reviewed_at = excluded.last_reviewed_at, \
         next_due_date = excluded.next_due_date, updated_at = excluded.updated_at, fold = excluded.fold",
    ),
];

/// Bulk inserts of rows that are there already elsewhere.
pub(crate) struct Bare {
    source: Client,
    target: Client,
    user: UserId,
    reads: Vec<Statement>,
    writes: Vec<Statement>,
    act: Statement,
}

impl Bare {
    pub(crate) async fn start(of_service: &TestDatabase, of_bare: &TestDatabase, user: UserId) -> Self {
        let source = connect(&of_service.url()).await;
        let target = connect(&of_bare.url()).await;
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        for (table, columns, types, last, on_conflict) in TABLES {
            let arrays: Vec<String> = columns.split(", ").map(|column| format!("array_agg({column})")).collect();
            let read = format!("SELECT {} FROM verses.{table} WHERE user_id = $1 AND {last}", arrays.join(", "));
            reads.push(source.prepare_typed(&read, &[Type::UUID, Type::INT8]).await.expect("prepares"));
            let parameters: Vec<String> =
                types.split(", ").enumerate().map(|(index, kind)| format!("${}::{kind}[]", index + 2)).collect();
            let write = format!(
                "INSERT INTO verses.{table} (user_id, {columns}) SELECT $1, n.* FROM unnest({}) AS n {on_conflict}",
                parameters.join(", ")
            );
            writes.push(target.prepare(&write).await.expect("prepares"));
        }
        let act = target.prepare(ACT).await.expect("prepares");
        Self { source, target, user, reads, writes, act }
    }

    /// The rows of the last operations, column by column.
    pub(crate) async fn last(&self, size: usize) -> Vec<Row> {
        let mut all = Vec::new();
        for read in &self.reads {
            let size = i64::try_from(size).expect("small");
            all.push(self.source.query_one(read, &[&self.user, &size]).await.expect("reads"));
        }
        all
    }

    pub(crate) async fn insert(&mut self, tables: Vec<Row>) {
        let columns: Vec<Vec<Raw<'_>>> =
            tables.iter().map(|row| (0..row.len()).map(|at| Raw(row, at)).collect()).collect();
        self.target.batch_execute("BEGIN").await.expect("begins");
        let claims = format!(r#"{{"sub":"{}","role":"authenticated"}}"#, self.user);
        self.target.query(&self.act, &[&claims]).await.expect("acts");
        for (write, columns) in self.writes.iter().zip(&columns) {
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.user];
            parameters.extend(columns.iter().map(|column| column as &(dyn ToSql + Sync)));
            self.target.execute(write, &parameters).await.expect("inserts");
        }
        self.target.batch_execute("COMMIT").await.expect("commits");
    }
}

/// A column as it came, to be sent again as it is.
#[derive(Debug)]
struct Raw<'a>(&'a Row, usize);

struct Bytes<'a>(&'a [u8]);

impl<'a> tokio_postgres::types::FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let bytes: Bytes<'_> = self.0.try_get(self.1)?;
        out.extend_from_slice(bytes.0);
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The query of the feed, without the service.
pub(crate) struct Feed {
    client: Client,
    page: Statement,
    user: UserId,
}

impl Feed {
    pub(crate) async fn start(database: &TestDatabase, user: UserId) -> Self {
        let client = connect(&database.url()).await;
        let sql = "SELECT o.operation_id, o.seq, o.chain, o.operation::text, u.verse_id, u.reference, u.osis, u.text, \
                   u.translation, u.is_verified, u.created_at, u.updated_at FROM verses.sync_operations o \
                   LEFT JOIN verses.user_verses u ON o.kind = 'create_verse' AND u.user_id = $1 AND u.verse_id = o.verse_id \
                   WHERE o.user_id = $1 AND o.seq > $2 ORDER BY o.seq LIMIT $3";
        let page = client.prepare_typed(sql, &[Type::UUID, Type::INT8, Type::INT8]).await.expect("prepares");
        Self { client, page, user }
    }

    /// All rows, in pages; gives how many.
    pub(crate) async fn read(&self, limit: i64) -> usize {
        let (mut after, mut count) = (0_i64, 0);
        loop {
            let rows = self.client.query(&self.page, &[&self.user, &after, &limit]).await.expect("reads");
            count += rows.len();
            match rows.last() {
                Some(last) if rows.len() as i64 == limit => after = last.get(1),
                _ => return count,
            }
        }
    }
}
