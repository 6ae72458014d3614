//! Behaviours of the ledger on the table in memory.
