// Package faults tests what becomes of metrics on the way from an agent to a database while networks, servers and
// agents fail: outputs and inputs of plugins, with the engine and its queues, as they are put together. It is
// tests alone. make test tries each fault a few times, make faults many; make soak lets an agent work for an hour among
// all of them.
package faults
