package conf

import _ "embed"

// Detected is the configuration of an agent that was given none. Its input is the best that there may be;
// whoever uses it puts in the one that there is.
//
//go:embed detected.toml
var Detected []byte
