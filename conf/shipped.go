package conf

import _ "embed"

// Detected is the configuration of an agent that was given none, on a host with nvidia-smi.
//
//go:embed detected.toml
var Detected []byte
