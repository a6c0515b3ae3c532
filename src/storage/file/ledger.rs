//! Ledgers in the file: a table of their own beside the events. A file that was made before there were any has no such table until
//! the first is written, and a version that knows none leaves it alone: the schema is the same.

use super::StorageError;
use crate::storage::ledger::{LedgerRows, LedgerWork};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError, WriteTransaction};
use std::collections::BTreeSet;

/// (name, number) to a value.
const LEDGERS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("ledgers");

type Ledgers<'t> = Table<'t, (&'static str, u64), &'static [u8]>;

/// Does the work, in order.
pub(super) fn apply(transaction: &WriteTransaction, work: &[LedgerWork]) -> Result<(), StorageError> {
    let mut table = transaction.open_table(LEDGERS)?;
    for work in work {
        match work {
            LedgerWork::Write { name, changes } => {
                for (number, value) in changes {
                    match value {
                        Some(value) => drop(table.insert((&**name, *number), value.as_slice())?),
                        None => drop(table.remove((&**name, *number))?),
                    }
                }
            }
            LedgerWork::Keep { prefix, names } => keep(&mut table, prefix, names)?,
        }
    }
    Ok(())
}

/// Goes from name to name, not from value to value.
fn keep(table: &mut Ledgers<'_>, prefix: &str, names: &BTreeSet<String>) -> Result<(), StorageError> {
    let mut from = (prefix.to_owned(), 0);
    loop {
        let next = match table.range((from.0.as_str(), from.1)..)?.next() {
            Some(row) => row?.0.value().0.to_owned(),
            None => return Ok(()),
        };
        if !next.starts_with(prefix) {
            return Ok(());
        }
        if !names.contains(&next) {
            let mut removed = 0_usize;
            table.retain_in((next.as_str(), 0)..=(next.as_str(), u64::MAX), |_, _| {
                removed += 1;
                false
            })?;
            tracing::info!(ledger = next, removed, "nobody is there to finish this any more: it is removed");
        }
        // The least name behind it.
        from = (next + "\0", 0);
    }
}

/// What a ledger has, in ascending order.
pub(in crate::storage) fn rows(database: &Database, name: &str) -> Result<LedgerRows, StorageError> {
    let table = match database.begin_read()?.open_table(LEDGERS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(LedgerRows::new()),
        Err(error) => return Err(error.into()),
    };
    let mut rows = LedgerRows::new();
    for row in table.range((name, 0)..=(name, u64::MAX))? {
        let (key, value) = row?;
        rows.push((key.value().1, value.value().to_vec()));
    }
    Ok(rows)
}
