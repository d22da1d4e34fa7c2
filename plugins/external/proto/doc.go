// Package proto is the protocol between gpuline and plugins that are programs of their own: the code that
// generate.sh makes of plugin.proto. docs/plugin-protocol.md explains it. A plugin in Go does not need it:
// see package external.
package proto
