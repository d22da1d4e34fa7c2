// Package pipeline is the engine: it runs inputs, processors and outputs as a Plan says, moves batches
// between them, and keeps the ledger of every metric. It knows no plugin and no TOML.
package pipeline
